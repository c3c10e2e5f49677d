"""One run of a job: its models, executed or not, pages, and what is no run."""

from __future__ import annotations

import pytest

from tests.local_platform.reckoning import Command, Reckoning
from tests.served_platform import Platform

JOB = """
query ($job: BigInt!, $run: BigInt, $first: Int, $after: String) { job(id: $job, runId: $run) { id runId
  models(first: $first, after: $after) {
    uniqueId runId jobId status executionTime invocationId error skip runGeneratedAt paginationCursor
    tests { uniqueId } parentsModels { uniqueId } parentsSources { uniqueId } childrenL1
    runResults { status invocationId } } } }
"""
JOBS = [301001, 301002, 301003, 302001, 302002, 302003, 303001, 303002, 303003, 304001, 304002, 304003]


def commands_of(reckoning: Reckoning, run_id: int) -> list[Command]:
    return [command for command in reckoning.commands if command.run["id"] == run_id]


def newest_run(reckoning: Reckoning, job_id: int) -> int:
    runs = [run for run in reckoning.runs if run["job_definition_id"] == job_id and commands_of(reckoning, run["id"])]
    return max(runs, key=lambda run: (run["created_at"], run["id"]))["id"]


@pytest.mark.slow
def test_every_run_lists_the_models_of_its_manifest_and_what_it_executed(
    platform: Platform, reckoning: Reckoning
) -> None:
    for run in reckoning.runs:
        commands = commands_of(reckoning, run["id"])
        found = platform.ask(JOB, job=run["job_definition_id"], run=run["id"])["job"]
        if not commands:
            assert found is None
            continue
        assert (found["id"], found["runId"]) == (run["job_definition_id"], run["id"])
        _check_models(found["models"], commands)


def _check_models(models: list[dict], commands: list[Command]) -> None:
    nodes = commands[-1].files["manifest"]["nodes"].values()
    listed = {node["unique_id"] for node in nodes if node["resource_type"] == "model"}
    executed = {}
    for command in commands:
        for result in command.results:
            executed.setdefault(result["unique_id"], []).append((command, result))
    assert [model["uniqueId"] for model in models] == sorted(listed)
    for model in models:
        attempts = executed.get(model["uniqueId"], [])
        assert [row["invocationId"] for row in model["runResults"]] == [each.invocation_id for each, _ in attempts]
        if attempts:
            command, result = attempts[-1]
            assert (model["status"], model["executionTime"]) == (result["status"], result["execution_time"])
            assert model["invocationId"] == command.invocation_id
        else:
            nothing = ("status", "executionTime", "invocationId", "error", "skip", "runGeneratedAt")
            assert {model[name] for name in nothing} == {None}


@pytest.mark.parametrize("job", JOBS)
def test_the_newest_run_with_artifacts_is_taken_unless_one_is_named(
    platform: Platform, reckoning: Reckoning, job: int
) -> None:
    assert platform.ask(JOB, job=job)["job"]["runId"] == newest_run(reckoning, job)


def test_a_documentation_run_executed_no_model_but_knows_them(platform: Platform) -> None:
    models = platform.ask(JOB, job=303003)["job"]["models"]
    assert len(models) > 10
    assert {model["status"] for model in models} == {None}


@pytest.mark.parametrize(("job", "run"), [(999, None), (301001, 1), (301001, 70437490011645)])
def test_an_unknown_job_or_run_or_one_of_another_job_is_null(platform: Platform, job: int, run: int | None) -> None:
    assert platform.ask(JOB, job=job, run=run) == {"job": None}


def test_pages_follow_the_cursor_of_the_last_row(platform: Platform) -> None:
    every = [model["uniqueId"] for model in platform.ask(JOB, job=301001)["job"]["models"]]
    seen, after = [], None
    while True:
        page = platform.ask(JOB, job=301001, first=6, after=after)["job"]["models"]
        seen += [model["uniqueId"] for model in page]
        if len(page) < 6:
            break
        after = page[-1]["paginationCursor"]
    assert seen == every


def test_relatives_are_those_of_the_same_run(platform: Platform, reckoning: Reckoning) -> None:
    found = platform.ask(JOB, job=301001)["job"]
    manifest = commands_of(reckoning, found["runId"])[-1].files["manifest"]
    for model in found["models"]:
        name = model["uniqueId"]
        parents = manifest["parent_map"][name]
        children = manifest["child_map"][name]
        tests = sorted(each for each in children if each.startswith("test."))
        assert [each["uniqueId"] for each in model["tests"]] == tests
        assert {each["uniqueId"] for each in model["parentsModels"]} == {p for p in parents if p.startswith("model.")}
        assert {each["uniqueId"] for each in model["parentsSources"]} == {p for p in parents if p.startswith("source.")}
        assert set(model["childrenL1"]) == set(children)


def test_a_model_is_found_by_id_and_by_its_relation(platform: Platform) -> None:
    query = """{ job(id: 301001) {
      model(uniqueId: "model.finance.fct_invoices") { uniqueId status }
      none: model(uniqueId: "model.finance.nothing") { uniqueId }
      models(identifier: "dim_customers_v2", schema: "prod", database: "finance_prod") { uniqueId }
      nowhere: models(schema: "nowhere") { uniqueId } } }"""
    assert platform.ask(query)["job"] == {
        "model": {"uniqueId": "model.finance.fct_invoices", "status": "success"},
        "none": None,
        "models": [{"uniqueId": "model.finance.dim_customers.v2"}],
        "nowhere": [],
    }


def test_a_list_of_models_costs_a_handful_of_statements(platform: Platform) -> None:
    with platform.counting_statements() as statements:
        platform.ask(JOB, job=301001)
    assert len(statements) <= 16

"""`modelHistoricalRuns`: the last runs of a model, whatever job ran it, and many of them in one document."""

from __future__ import annotations

import pytest

from tests.local_platform.reckoning import Execution, Reckoning, millis
from tests.served_platform import ACCOUNT, Platform

FIELDS = """
fragment H on ModelNode {
  uniqueId name runId jobId projectId environmentId accountId status error skip executionTime threadId invocationId
  runElapsedTime runGeneratedAt executeStartedAt executeCompletedAt compileStartedAt compileCompletedAt
  compiledCode rawCode materializedType tags dependsOn packageName resourceType
  runResults { status executionTime invocationId runGeneratedAt error threadId }
}
"""
HISTORY = (
    "query ($id: BigInt!, $name: String!, $count: Int) { environment(id: $id) { applied {"
    " modelHistoricalRuns(uniqueId: $name, lastRunCount: $count) { ...H } } } }" + FIELDS
)


def history(platform: Platform, environment_id: int, name: str, count: int | None) -> list[dict]:
    found = platform.ask(HISTORY, id=environment_id, name=name, count=count)
    return found["environment"]["applied"]["modelHistoricalRuns"]


@pytest.mark.slow
@pytest.mark.parametrize("environment_id", [201001, 201002, 202001, 203001])
@pytest.mark.parametrize("count", [1, 4, 100])
def test_histories_hold_the_last_runs_newest_first(
    platform: Platform, reckoning: Reckoning, environment_id: int, count: int
) -> None:
    for name in reckoning.models(environment_id):
        expected = reckoning.history(environment_id, name)[:count]
        found = history(platform, environment_id, name, count)
        assert [row["runId"] for row in found] == [each.run_id for each in expected]
        for row, execution in zip(found, expected, strict=True):
            _check(row, execution)


def _check(row: dict, execution: Execution) -> None:
    run, result = execution.command.run, execution.result
    node = execution.command.files["manifest"]["nodes"][row["uniqueId"]]
    assert (row["jobId"], row["projectId"]) == (run["job_definition_id"], run["project_id"])
    assert (row["environmentId"], row["accountId"]) == (run["environment_id"], ACCOUNT)
    assert (row["status"], row["skip"]) == (result["status"], result["status"] == "skipped")
    assert row["error"] == execution.error
    assert row["executionTime"] == result["execution_time"]
    assert row["threadId"] == result["thread_id"]
    assert row["invocationId"] == execution.command.invocation_id
    assert row["runElapsedTime"] == execution.command.elapsed
    assert row["runGeneratedAt"] == millis(execution.command.files["run_results"]["metadata"]["generated_at"])
    assert row["executeStartedAt"] == execution.time("execute", "started_at")
    assert row["executeCompletedAt"] == execution.time("execute", "completed_at")
    assert row["compileStartedAt"] == execution.time("compile", "started_at")
    assert row["compileCompletedAt"] == execution.time("compile", "completed_at")
    assert row["compiledCode"] == result["compiled_code"]
    assert row["rawCode"] == node["raw_code"]
    assert row["materializedType"] == node["config"]["materialized"]
    assert (row["tags"], row["dependsOn"]) == (node["tags"], node["depends_on"]["nodes"])


def test_one_run_is_asked_for_unless_said_otherwise(platform: Platform) -> None:
    query = """{ environment(id: 201001) { applied {
      modelHistoricalRuns(uniqueId: "model.finance.fct_invoices") { runId } } } }"""
    assert len(platform.ask(query)["environment"]["applied"]["modelHistoricalRuns"]) == 1


@pytest.mark.slow
def test_documentation_runs_are_no_runs_of_a_model(platform: Platform, reckoning: Reckoning) -> None:
    documented = {run["id"] for run in reckoning.runs if run["job_definition_id"] == 303003}
    for name in reckoning.models(203001):
        assert documented.isdisjoint(row["runId"] for row in history(platform, 203001, name, 100))


def test_a_model_is_found_by_the_name_of_its_table(platform: Platform, reckoning: Reckoning) -> None:
    query = """{ environment(id: 201001) { applied {
      modelHistoricalRuns(identifier: "dim_customers_v1", lastRunCount: 3) { uniqueId runId } } } }"""
    found = platform.ask(query)["environment"]["applied"]["modelHistoricalRuns"]
    expected = reckoning.history(201001, "model.finance.dim_customers.v1")[:3]
    assert [row["runId"] for row in found] == [each.run_id for each in expected]
    assert {row["uniqueId"] for row in found} == {"model.finance.dim_customers.v1"}


@pytest.mark.parametrize("name", ["model.finance.nothing", "seed.finance.currency_codes", ""])
def test_what_is_no_model_of_the_environment_has_no_history(platform: Platform, name: str) -> None:
    assert history(platform, 201001, name, 5) == []


def test_a_model_of_another_environment_has_no_history_here(platform: Platform) -> None:
    assert history(platform, 203001, "model.finance.fct_invoices", 5) == []


def test_a_removed_model_keeps_its_history(platform: Platform, reckoning: Reckoning) -> None:
    name = "model.marketing.rpt_legacy_spend"
    assert name not in reckoning.models(202001)
    expected = [each.run_id for each in reckoning.history(202001, name)]
    assert expected
    assert [row["runId"] for row in history(platform, 202001, name, 100)] == expected


def test_a_negative_count_is_a_coded_error(platform: Platform) -> None:
    [error] = platform.errors(HISTORY, id=201001, name="model.finance.fct_invoices", count=-1)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.slow
def test_histories_of_many_models_and_environments_are_read_together(platform: Platform, reckoning: Reckoning) -> None:
    """However many lookups ride in one document, in fragments or not, the statements stay the same."""
    counts = []
    for per_environment in (2, 12):
        wanted = [
            (place, name) for place in (201001, 202001) for name in sorted(reckoning.models(place))[:per_environment]
        ]
        with platform.counting_statements() as statements:
            found = platform.ask(_many(wanted) + FIELDS)
        counts.append(len(statements))
        for index, (place, name) in enumerate(wanted):
            rows = found[f"e{place}"]["applied"][f"m{index}"]
            assert [row["runId"] for row in rows] == [each.run_id for each in reckoning.history(place, name)[:5]]
    assert counts[0] == counts[1]


def _many(wanted: list[tuple[int, str]]) -> str:
    parts = []
    for place in dict.fromkeys(place for place, _ in wanted):
        fields = " ".join(
            f'm{index}: modelHistoricalRuns(uniqueId: "{name}", lastRunCount: 5) {{ ...H }}'
            for index, (each, name) in enumerate(wanted)
            if each == place
        )
        parts.append(f"e{place}: environment(id: {place}) {{ applied {{ ... @include(if: true) {{ {fields} }} }} }}")
    return "{" + " ".join(parts) + "}"


@pytest.mark.slow
def test_the_older_root_answers_the_same(platform: Platform, reckoning: Reckoning) -> None:
    query = """{
      modelByEnvironment(environmentId: 201001, uniqueId: "model.finance.fct_invoices", lastRunCount: 2) { runId } }"""
    expected = [each.run_id for each in reckoning.history(201001, "model.finance.fct_invoices")[:2]]
    assert [row["runId"] for row in platform.ask(query)["modelByEnvironment"]] == expected

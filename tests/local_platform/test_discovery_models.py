"""An environment's models: what they are, how they were last executed, pages, filters, sorting."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning, millis
from tests.served_platform import ACCOUNT, Platform

ENVIRONMENTS = (201001, 201002, 202001, 203001)
STATUSES = {"partial success": "error", "fail": "error"}

MODELS = """
query ($id: BigInt!, $first: Int, $after: String, $filter: ModelAppliedFilter, $sort: AppliedModelSort) {
  environment(id: $id) { dbtProjectName adapterType applied { lastUpdatedAt latestGitSha
    models(first: $first, after: $after, filter: $filter, sort: $sort) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node {
        uniqueId name packageName database schema alias tags materializedType accountId projectId environmentId
        description meta filePath resourceType rawCode version access group
        executionInfo { lastRunId lastRunStatus lastRunError lastRunGeneratedAt lastJobDefinitionId lastSuccessRunId
          lastSuccessJobDefinitionId executionTime executeStartedAt executeCompletedAt compileStartedAt
          runElapsedTime runGeneratedAt }
      } } } } } }
"""


def models(platform: Platform, environment_id: int, **variables: object) -> list[dict]:
    found = platform.ask(MODELS, id=environment_id, **variables)["environment"]["applied"]["models"]
    return [edge["node"] for edge in found["edges"]]


def ids(platform: Platform, environment_id: int, **variables: object) -> list[str]:
    return [model["uniqueId"] for model in models(platform, environment_id, **variables)]


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_models_are_those_of_the_newest_manifest(platform: Platform, reckoning: Reckoning, environment_id: int) -> None:
    assert ids(platform, environment_id) == sorted(reckoning.models(environment_id))


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_a_model_shows_what_the_run_that_built_it_last_said(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    place = next(each for each in reckoning.account["environments"] if each["id"] == environment_id)
    for model in models(platform, environment_id):
        built = reckoning.success(environment_id, model["uniqueId"])
        manifest = built.command.files["manifest"] if built else reckoning.manifest(environment_id)
        node = manifest["nodes"][model["uniqueId"]]
        plain = ("name", "database", "schema", "alias", "tags", "description", "meta", "access", "group")
        assert {name: model[name] for name in plain} == {name: node[name] for name in plain}
        assert model["packageName"] == node["package_name"]
        assert model["filePath"] == node["original_file_path"]
        assert model["rawCode"] == node["raw_code"]
        assert model["materializedType"] == node["config"]["materialized"]
        assert model["version"] == (None if node["version"] is None else str(node["version"]))
        assert (model["accountId"], model["projectId"]) == (ACCOUNT, place["project_id"])
        assert (model["environmentId"], model["resourceType"]) == (environment_id, "model")


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_execution_info_tells_the_last_attempt_and_the_last_success_apart(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    for model in models(platform, environment_id):
        attempts = reckoning.history(environment_id, model["uniqueId"])
        info = model["executionInfo"]
        if not attempts:
            assert info is None
            continue
        last, success = attempts[0], reckoning.success(environment_id, model["uniqueId"])
        assert info["lastRunId"] == last.run_id
        assert info["lastJobDefinitionId"] == last.command.run["job_definition_id"]
        assert info["lastRunStatus"] == STATUSES.get(last.status, last.status)
        assert info["lastRunError"] == last.error
        assert info["lastRunGeneratedAt"] == millis(last.command.files["run_results"]["metadata"]["generated_at"])
        assert info["lastSuccessRunId"] == (success.run_id if success else None)
        assert info["executionTime"] == (success.result["execution_time"] if success else None)
        assert info["runElapsedTime"] == (success.command.elapsed if success else None)
        assert info["executeStartedAt"] == (success.time("execute", "started_at") if success else None)
        assert info["executeCompletedAt"] == (success.time("execute", "completed_at") if success else None)
        assert info["compileStartedAt"] == (success.time("compile", "started_at") if success else None)


def test_a_failed_model_keeps_the_times_of_its_last_success(platform: Platform) -> None:
    broken = next(model for model in models(platform, 201001) if model["name"] == "int_gl_balances")["executionInfo"]
    assert broken["lastRunStatus"] == "error"
    assert "n/a" in broken["lastRunError"]
    assert broken["lastSuccessRunId"] < broken["lastRunId"]
    assert broken["runGeneratedAt"] < broken["lastRunGeneratedAt"]


def test_an_ephemeral_model_has_no_execution_info(platform: Platform) -> None:
    ephemeral = [model for model in models(platform, 202001) if model["materializedType"] == "ephemeral"]
    assert [(model["name"], model["executionInfo"]) for model in ephemeral] == [("int_touches", None)]


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_the_environment_names_its_project_and_its_newest_artifact(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    found = platform.ask(MODELS, id=environment_id)["environment"]
    newest = reckoning.commands_of(environment_id)[-1]
    times = [file["metadata"]["generated_at"] for name, file in newest.files.items() if name != "manifest"]
    metadata = reckoning.manifest(environment_id)["metadata"]
    assert found["dbtProjectName"] == metadata["project_name"]
    assert found["adapterType"] == "duckdb"
    assert found["applied"]["lastUpdatedAt"] in {millis(time) for time in times}
    executed = [command for command in reckoning.commands_of(environment_id) if command.executes][-1]
    assert found["applied"]["latestGitSha"] == executed.run["git_sha"]


def test_pages_walk_through_every_model_once(platform: Platform, reckoning: Reckoning) -> None:
    seen, after = [], None
    while True:
        found = platform.ask(MODELS, id=201001, first=5, after=after)["environment"]["applied"]["models"]
        assert found["totalCount"] == len(reckoning.models(201001))
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert found["pageInfo"]["startCursor"] == found["edges"][0]["cursor"]
        seen += [edge["node"]["uniqueId"] for edge in found["edges"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert seen == sorted(reckoning.models(201001))


def test_an_empty_page_has_no_cursors(platform: Platform, reckoning: Reckoning) -> None:
    found = platform.ask(MODELS, id=201001, first=0)["environment"]["applied"]["models"]
    assert (found["edges"], found["totalCount"]) == ([], len(reckoning.models(201001)))
    assert found["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None}


@pytest.mark.parametrize("wrong", [{"first": -1}, {"after": "nonsense"}, {"after": "Y3Vyc29yOm1vZGVsLmdvbmU="}])
def test_a_page_that_makes_no_sense_is_a_coded_error(platform: Platform, wrong: dict) -> None:
    [error] = platform.errors(MODELS, id=201001, **wrong)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["environment", "applied", "models"]


def test_several_tags_mean_any_of_them(platform: Platform, reckoning: Reckoning) -> None:
    expected = {name for name, node in reckoning.models(201001).items() if {"hourly", "month_end"} & set(node["tags"])}
    assert 0 < len(expected) < len(reckoning.models(201001))
    assert set(ids(platform, 201001, filter={"tags": ["hourly", "month_end"]})) == expected


def test_a_filter_narrows_by_every_criterion(platform: Platform, reckoning: Reckoning) -> None:
    every = reckoning.models(201001)
    assert ids(platform, 201001, filter={"packageName": "common"}) == ["model.common.dim_dates"]
    private = {name for name, node in every.items() if node["access"] == "private"}
    assert private
    assert set(ids(platform, 201001, filter={"access": "private"})) == private
    grouped = {name for name, node in every.items() if node["group"] == "finance_team"}
    assert set(ids(platform, 201001, filter={"group": "finance_team"})) == grouped
    assert ids(platform, 201001, filter={"identifier": "dim_customers_v2"}) == ["model.finance.dim_customers.v2"]
    assert ids(platform, 201001, filter={"uniqueIds": "model.finance.fct_invoices"}) == ["model.finance.fct_invoices"]
    in_prod = sorted(name for name, node in every.items() if "pii" in node["tags"] and node["schema"] == "prod")
    assert ids(platform, 201001, filter={"schema": "prod", "database": "finance_prod", "tags": ["pii"]}) == in_prod
    assert 0 < len(in_prod) < len(ids(platform, 201001, filter={"tags": ["pii"]}))
    assert ids(platform, 201001, filter={"schema": "nowhere"}) == []
    assert ids(platform, 201001, filter={"tags": []}) == []


@pytest.mark.parametrize("status", ["error", "skipped", "success", "warn"])
def test_models_are_found_by_their_last_status(platform: Platform, reckoning: Reckoning, status: str) -> None:
    expected = set()
    for environment_id in ENVIRONMENTS:
        for name in reckoning.models(environment_id):
            history = reckoning.history(environment_id, name)
            if history and STATUSES.get(history[0].status, history[0].status) == status:
                expected.add((environment_id, name))
    found = {(place, name) for place in ENVIRONMENTS for name in ids(platform, place, filter={"lastRunStatus": status})}
    assert found == expected


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_models_sort_by_when_they_were_built_and_unbuilt_ones_come_last(
    platform: Platform, reckoning: Reckoning, direction: str
) -> None:
    found = models(platform, 202001, sort={"field": "executeCompletedAt", "direction": direction})
    times = [model["executionInfo"] and model["executionInfo"]["executeCompletedAt"] for model in found]
    assert times[-1] is None
    known = [time for time in times if time is not None]
    assert known == sorted(known, reverse=direction == "desc")
    assert {model["uniqueId"] for model in found} == set(reckoning.models(202001))


def test_one_package_model_lives_in_every_project_without_mixing(platform: Platform) -> None:
    found = {place: models(platform, place, filter={"uniqueIds": ["model.common.dim_dates"]}) for place in ENVIRONMENTS}
    runs = {place: model["executionInfo"]["lastRunId"] for place, [model] in found.items()}
    assert len(set(runs.values())) == len(ENVIRONMENTS)
    assert {model["database"] for [model] in found.values()} == {
        "finance_prod",
        "finance_staging",
        "marketing_prod",
        "logistics_prod",
    }


def test_a_page_costs_the_same_statements_however_long_it_is(platform: Platform) -> None:
    counts = []
    for first in (8, 16):
        with platform.counting_statements() as statements:
            platform.ask(MODELS, id=201001, first=first)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 11


def test_models_that_are_named_are_read_alone_unless_all_are_known(platform: Platform) -> None:
    """Of the others no result is looked for: in an archive of 2,000 models a project it takes a tenth of the time."""
    query = """query ($filter: ModelAppliedFilter) { environment(id: 201001) { applied {
      models(filter: $filter, first: 500) {
      totalCount edges { node { uniqueId executionInfo { lastRunStatus executionTime } } } } } } }"""

    def models(filter: dict[str, object] | None) -> list[object]:
        return list(fresh.ask(query, filter=filter)["environment"]["applied"]["models"]["edges"])

    fresh = Platform(TestClient(create_platform(platform.archive)), platform.archive)
    names = ["model.finance.fct_invoices", "model.finance.dim_customers.v2", "model.finance.nothing"]
    with fresh.counting_statements() as statements:
        named = models({"uniqueIds": names})
        tagged = models({"uniqueIds": names, "tags": ["no such tag"]})
    of_names = [one for one in statements if "FROM manifest_nodes" in one]
    assert len(of_names) == 2
    assert all("nodes.unique_id IN (SELECT" in one or "nodes.unique_id = ANY" in one for one in of_names)
    everything = models(None)
    with fresh.counting_statements() as statements:
        again = models({"uniqueIds": names})
    assert not any("FROM manifest_nodes" in one for one in statements)
    assert again == named == [one for one in everything if one["node"]["uniqueId"] in names]
    assert (len(named), tagged) == (2, [])

"""Selectors that compare with earlier artifacts, lineage by column, and the health of exposures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning, moment
from tests.served_platform import Platform

STEP = "finance/301001/70437490011508/step_2"
LINEAGE = """query ($id: BigInt!, $filter: LineageFilter!) { environment(id: $id) { applied { lineage(filter: $filter) {
  uniqueId } } } }"""
TILE = """query ($id: BigInt!, $filter: ExposureTileFilter!) { environment(id: $id) { applied {
  exposureTile(filter: $filter) { uniqueId name exposureType accountId projectId environmentId freshnessStatus quality
  healthIssues maxSnapshottedAt
  packageName resourceType upstreamStats autoBiProvider } } } }"""
Json = dict[str, Any]


def chosen(platform: Platform, environment_id: int, **wanted: Any) -> set[str]:
    found = platform.ask(LINEAGE, id=environment_id, filter=wanted)["environment"]["applied"]["lineage"]
    return {each["uniqueId"] for each in found}


@pytest.mark.parametrize("environment_id", [201001, 203001])
def test_result_selects_by_how_the_newest_run_ended(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    executing = [command for command in reckoning.commands_of(environment_id) if command.executes]
    newest = max(executing, key=lambda command: command.generated_at).run["id"]
    last: dict[str, str] = {}
    for command in sorted(executing, key=lambda command: command.generated_at):
        if command.run["id"] == newest:
            last |= {result["unique_id"]: result["status"] for result in command.results}
    assert last
    for status in ("success", "error", "skipped", "pass", "fail"):
        found = chosen(platform, environment_id, select=f"result:{status}")
        assert found == {name for name, each in last.items() if each == status}
    with_children = chosen(platform, 201001, types=["Model"], select="1+result:error")
    assert with_children >= chosen(platform, 201001, types=["Model"], select="result:error")


@pytest.fixture(scope="module")
def changed(
    demo_folder: Path, tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[tuple[Platform, int, list[str]]]:
    """An environment whose newest manifest differs from the one before in a few models."""
    folder = tmp_path_factory.mktemp("changed")
    before = {
        name: json.loads((demo_folder / STEP / f"{name}.json").read_text()) for name in ("manifest", "run_results")
    }
    models = sorted(name for name in before["manifest"]["nodes"] if name.startswith("model."))
    write(folder / "1", before, "one", "2026-04-01T00:00:00Z")
    after = json.loads(json.dumps(before))
    nodes: dict[str, Json] = after["manifest"]["nodes"]
    nodes[models[0]]["raw_code"] += " -- changed"
    nodes[models[1]]["config"]["materialized"] = "incremental"
    nodes[models[2]]["description"] = "Another text."
    nodes[models[3]]["alias"] = "moved"
    del before["manifest"]["nodes"][models[4]]
    write(folder / "1", before, "one", "2026-04-01T00:00:00Z")
    write(folder / "2", after, "two", "2026-04-02T00:00:00Z")
    archive = Archive.open(new_store())
    assert ingest_folder(archive, folder).runs == 2
    with archive.reading() as connection:
        place = connection.exec_driver_sql("SELECT id FROM environments").scalar_one()
    yield Platform(TestClient(create_platform(archive)), archive), place, models
    archive.close()


def write(folder: Path, artifacts: Json, invocation: str, time: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in artifacts.items():
        content["metadata"] |= {"invocation_id": invocation, "generated_at": time, "env": {}}
        (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("modified", {0, 1, 3, 4}),
        ("modified.body", {0, 4}),
        ("modified.configs", {1, 4}),
        ("modified.relation", {3, 4}),
        ("modified.persisted_descriptions", {2, 4}),
        ("modified.contract", {4}),
        ("new", {4}),
    ],
)
def test_state_compares_with_the_manifest_before(
    changed: tuple[Platform, int, list[str]], value: str, expected: set[int]
) -> None:
    platform, place, models = changed
    assert chosen(platform, place, types=["Model"], select=f"state:{value}") == {models[each] for each in expected}
    rest = {"modified": "unmodified", "new": "old"}.get(value)
    if rest:
        others = set(models) - {models[each] for each in expected}
        assert chosen(platform, place, types=["Model"], select=f"state:{rest}") == others


def test_a_state_that_is_not_known_is_named(platform: Platform) -> None:
    [error] = platform.errors(LINEAGE, id=201001, filter={"select": "state:fresher"})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "modified.body" in error["message"]


def test_lineage_finds_nodes_by_a_column(platform: Platform, reckoning: Reckoning) -> None:
    catalog = [each for each in reckoning.commands_of(202001) if "catalog" in each.files][-1].files["catalog"]
    manifest = reckoning.manifest(202001)
    tables = {name: table for section in ("nodes", "sources") for name, table in catalog[section].items()}
    columns = {
        name: {column.lower() for column in table["columns"]}
        for name, table in tables.items()
        if name in manifest["nodes"] or name in manifest["sources"]
    }
    wanted = next(column for column in sorted(set().union(*columns.values())) if column.endswith("_id"))
    expected = {name for name, held in columns.items() if wanted in held}
    assert 0 < len(expected) < len(columns)
    found = chosen(platform, 202001, columnNames=[wanted.upper()])
    assert found & set(columns) == expected
    assert not chosen(platform, 202001, columnNames=["there_is_no_such_column"])


@pytest.mark.parametrize("environment_id", [201001, 202001, 203001])
def test_an_exposure_tile_reports_the_health_of_what_lies_upstream(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    manifest = reckoning.manifest(environment_id)
    parents = {
        name: set((node.get("depends_on") or {}).get("nodes") or ())
        for section in ("nodes", "sources", "exposures")
        for name, node in manifest[section].items()
    }
    for name, exposure in manifest["exposures"].items():
        tile = platform.ask(TILE, id=environment_id, filter={"uniqueId": name})["environment"]["applied"][
            "exposureTile"
        ]
        above = everything_above(parents, name)
        tests = {test: on for test, on in parents.items() if test.startswith("test.") and on & above}
        results = {test: last_status(reckoning, environment_id, test) for test in tests}
        bad = {"fail", "error"} & set(results.values())
        expected = "Error" if bad else "Warn" if "warn" in results.values() else "Pass"
        assert (tile["uniqueId"], tile["exposureType"], tile["quality"]) == (name, exposure["type"], expected)
        of_models = {
            results[test] for test, on in tests.items() if any(each.startswith("model.") for each in on & above)
        }
        failed = any(last_status(reckoning, environment_id, each) == "error" for each in above if "model." in each[:6])
        assert ("FailedTestUpstreamModels" in tile["healthIssues"]) is bool({"fail", "error"} & of_models)
        assert ("LastRunFailedUpstreamModels" in tile["healthIssues"]) is failed
        checks = last_checks(reckoning, environment_id, above)
        assert ("DegradedUpstreamSources" in tile["healthIssues"]) is ("error" in {c["status"] for c in checks})
        assert ("CautionUpstreamSources" in tile["healthIssues"]) is ("warn" in {c["status"] for c in checks})
        times = [moment(check["snapshotted_at"]) for check in checks if check.get("snapshotted_at")]
        found = tile["maxSnapshottedAt"]
        assert (moment(found).replace(microsecond=0) if found else None) == (
            max(times).replace(microsecond=0) if times else None
        )
        assert (tile["upstreamStats"], tile["autoBiProvider"]) == (None, None)


EXPOSED = """query ($id: BigInt!, $names: [String!]) { environment(id: $id) {
  applied { exposures(filter: {uniqueIds: $names}) { totalCount edges { node { uniqueId } } } }
  definition { exposures(filter: {uniqueIds: $names}) { totalCount edges { node { uniqueId } } } } } }"""


@pytest.mark.slow
@pytest.mark.parametrize("environment_id", [201001, 202001, 203001])
def test_exposures_are_found_by_what_they_depend_on(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    """dbt documents `exposures` and `exposureTile` for the unique id of a model: what lies downstream of it."""
    manifest = reckoning.manifest(environment_id)
    parents = {
        name: set((node.get("depends_on") or {}).get("nodes") or ())
        for section in ("nodes", "sources", "exposures")
        for name, node in manifest[section].items()
    }
    above = {name: everything_above(parents, name) for name in manifest["exposures"]}
    models = sorted(name for name in parents if name.startswith("model."))
    seen = set()
    for model in models[::3]:
        expected = {name for name, upstream in above.items() if model in upstream}
        seen.add(len(expected))
        environment = platform.ask(EXPOSED, id=environment_id, names=[model])["environment"]
        for state in ("applied", "definition"):
            found = environment[state]["exposures"]
            assert {edge["node"]["uniqueId"] for edge in found["edges"]} == expected
            assert found["totalCount"] == len(expected)
        tile = platform.ask(TILE, id=environment_id, filter={"uniqueId": model})["environment"]["applied"]
        found = tile["exposureTile"]
        assert (found["uniqueId"] in expected) if expected else found is None
        direct = {name for name in expected if model in parents[name]}
        assert not direct or found["uniqueId"] in direct
    assert len(seen) > 1, "some models have exposures, some have none"


def everything_above(parents: dict[str, set[str]], name: str) -> set[str]:
    found: set[str] = set()
    edge = set(parents[name])
    while edge:
        found |= edge
        edge = set().union(*(parents.get(each, set()) for each in edge)) - found
    return found


def last_status(reckoning: Reckoning, environment_id: int, name: str) -> str | None:
    executions = reckoning.executions(environment_id, name)
    newest = max(executions, key=lambda each: each.command.generated_at, default=None)
    return newest.status if newest else None


def last_checks(reckoning: Reckoning, environment_id: int, names: set[str]) -> list[Json]:
    newest: dict[str, Json] = {}
    for command in sorted(reckoning.commands_of(environment_id), key=lambda command: command.generated_at):
        for result in command.files.get("sources", {}).get("results", ()):
            if result["unique_id"] in names:
                newest[result["unique_id"]] = result
    return list(newest.values())


def test_an_unknown_exposure_or_one_of_a_bi_tool_has_no_tile(platform: Platform) -> None:
    for wanted in ({}, {"uniqueId": "exposure.finance.nothing"}, {"autoBiProvider": "tableau", "biResourceId": "1"}):
        assert platform.ask(TILE, id=201001, filter=wanted)["environment"]["applied"] == {"exposureTile": None}

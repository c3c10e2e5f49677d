"""Run.nodeResults: every node of every type of every run of the demo, against the files, whoever tells of runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.oracle.nodes import NodeResult, read_results
from tests.serving import Gateway, Reply, serving

EVERYTHING = """query($id: ID!) { run(id: $id) { nodeResults(first: 5000) { totalCount byStatus { status count } nodes {
  __typename id uniqueId name resourceType status statusText message runtime startTime endTime thread step runId
  rowsAffected ... on TestRun { failingRows } ... on NodeRun { ageSeconds } ... on ModelRun { error tags }
} } } }"""
PAGE = """query($id: ID!, $filter: NodeResultFilter, $order: NodeResultOrder, $first: Int, $after: String) {
  run(id: $id) { nodeResults(filter: $filter, orderBy: $order, first: $first, after: $after)
  { totalCount pageInfo { hasNextPage endCursor } nodes { uniqueId resourceType status runtime } } } }"""

NOT_IN_DBTS_API = {"OPERATION", "UNIT_TEST", "FUNCTION", "SAVED_QUERY"}
SEVERITY = ["SUCCESS", "REUSED", "SKIPPED", "UNKNOWN", "WARN", "FAILURE"]


@pytest.fixture(scope="session")
def results(demo_folder: Path) -> Mapping[int, dict[str, NodeResult]]:
    """The results of every run of the demo by run and unique id."""
    folders = {int(path.parent.name): path.parent for path in demo_folder.glob("*/*/*/run.json")}
    return {run_id: read_results(folder) for run_id, folder in folders.items()}


def told_by(reply: Reply) -> bool:
    """Whether an archive answers for the runs, which knows more than dbt's API."""
    return reply.gateway["historySources"] == ["ARCHIVE"]


def shown(result: NodeResult, run_id: int, *, archived: bool) -> dict[str, Any]:
    kind = result.resource_type
    type_name = {"MODEL": "ModelRun", "DATA_TEST": "TestRun", "UNIT_TEST": "TestRun"}.get(kind, "NodeRun")
    known = archived or kind != "SOURCE"
    return {
        "__typename": type_name,
        "id": f"{run_id}/{result.unique_id}",
        "uniqueId": result.unique_id,
        "name": result.name,
        "resourceType": kind,
        "status": result.status,
        "statusText": result.status_text,
        "message": result.message if known else None,
        "runtime": result.runtime if known else None,
        "startTime": result.start if known else None,
        "endTime": result.end if known else None,
        "thread": result.thread if known else None,
        "step": result.step if archived else None,
        "runId": str(run_id),
        "rowsAffected": result.rows_affected if archived else None,
        **({"failingRows": result.failing_rows if archived else None} if type_name == "TestRun" else {}),
        **({"ageSeconds": result.age} if type_name == "NodeRun" else {}),
    }


def as_told(node: dict[str, Any]) -> dict[str, Any]:
    moments = {name: node[name] and datetime.fromisoformat(node[name]) for name in ("startTime", "endTime")}
    return {name: value for name, value in {**node, **moments}.items() if name not in ("error", "tags")}


@pytest.mark.slow
async def test_every_run_holds_the_result_of_every_node(
    answers: Gateway, results: Mapping[int, dict[str, NodeResult]]
) -> None:
    kinds: Counter[str] = Counter()
    for run_id, of_run in results.items():
        reply = await answers.ask(EVERYTHING, id=str(run_id))
        archived = told_by(reply)
        expected = [
            shown(one, run_id, archived=archived)
            for _, one in sorted(of_run.items())
            if archived or one.resource_type not in NOT_IN_DBTS_API
        ]
        found = reply.data["run"]["nodeResults"]
        assert [as_told(node) for node in found["nodes"]] == expected
        assert found["totalCount"] == len(expected)
        counts = Counter(one["status"] for one in expected)
        worst_first = sorted(counts, key=SEVERITY.index, reverse=True)
        assert found["byStatus"] == [{"status": one, "count": counts[one]} for one in worst_first]
        kinds.update(one["resourceType"] for one in found["nodes"])
    assert {"MODEL", "DATA_TEST", "SEED", "SNAPSHOT", "SOURCE"} <= kinds.keys()


async def test_what_dbts_api_does_not_list_is_said(settings: Settings, oracle: Oracle) -> None:
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        run_id = str(oracle.runs[-1].id)
        reply = await gateway.ask(EVERYTHING, id=run_id)
        (note,) = reply.gateway["notes"]
        assert note["path"] == ["run", "nodeResults"]
        assert "hooks" in note["note"].lower()
        tests = await gateway.ask(PAGE, id=run_id, filter={"resourceTypes": ["DATA_TEST"]})
        assert tests.gateway["notes"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("types", "lists", "statements"),
    [
        (["DATA_TEST"], {"tests"}, 2),
        (["SEED", "SOURCE"], {"seeds", "sources"}, 2),
        (["MODEL"], {"models"}, 3),
        (["OPERATION"], set(), 2),
        ([], set(), 0),
    ],
)
async def test_nothing_is_read_that_was_not_asked_for(
    settings: Settings, oracle: Oracle, types: list[str], lists: set[str], statements: int
) -> None:
    arguments: dict[str, Any] = {"id": str(oracle.runs[-1].id), "filter": {"resourceTypes": types}}
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        await gateway.ask(PAGE, **arguments)
        documents = [call.document for call in gateway.upstream.calls if call.operation in ("RunModels", "RunNodes")]
    assert len(documents) == bool(lists)
    assert set(re.findall(r"rows\d?: (\w+)", str(documents))) == lists
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            await gateway.ask(PAGE, **arguments)
    assert len(noted) == statements


def troubled(of_run: Mapping[str, NodeResult]) -> list[NodeResult]:
    """Models and tests that did not end well, by unique id."""
    of_types = [one for _, one in sorted(of_run.items()) if one.resource_type in ("MODEL", "DATA_TEST")]
    return [one for one in of_types if one.status in ("FAILURE", "WARN", "SKIPPED")]


@pytest.mark.slow
async def test_results_are_filtered_ordered_and_paged(
    answers: Gateway, results: Mapping[int, dict[str, NodeResult]]
) -> None:
    run_id, of_run = max(results.items(), key=lambda run: len(troubled(run[1])))
    bad = troubled(of_run)
    assert len(bad) > 2
    arguments: dict[str, Any] = {
        "filter": {"resourceTypes": ["MODEL", "DATA_TEST"], "statuses": ["FAILURE", "WARN", "SKIPPED"]},
        "order": {"field": "SEVERITY"},
        "first": 2,
    }
    seen: list[str] = []
    after = None
    while True:
        reply = await answers.ask(PAGE, id=str(run_id), after=after, **arguments)
        page = reply.data["run"]["nodeResults"]
        assert page["totalCount"] == len(bad)
        seen += [node["uniqueId"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [one.unique_id for one in sorted(bad, key=lambda one: -SEVERITY.index(one.status))]


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"resourceTypes": ["MACRO"]}, "MACRO never has results"),
        ({"step": 0}, "step must be 1 or more"),
    ],
)
async def test_criteria_that_make_no_sense_are_refused(
    answers: Gateway, oracle: Oracle, criteria: dict[str, Any], words: str
) -> None:
    reply = await answers.ask(PAGE, id=str(oracle.runs[0].id), filter=criteria)
    (error,) = reply.errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert words in error["message"]


async def test_a_step_is_refused_where_nobody_reports_it(settings: Settings, oracle: Oracle) -> None:
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        reply = await gateway.ask(PAGE, id=str(oracle.runs[0].id), filter={"step": 1})
    assert [error["extensions"]["code"] for error in reply.errors] == ["BAD_USER_INPUT"]

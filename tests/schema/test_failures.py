"""Run.failures: why each run of the demo is not fine, against the files, whoever tells of runs; and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.oracle.failures import OUTSIDE, Failure, read_failures, sentence
from tests.oracle.nodes import NodeResult, read_results
from tests.serving import Gateway, serving

WHY = """query($id: ID!) { run(id: $id) { status error failureCount failures(first: 50) { message skippedCount
  result { __typename id uniqueId } skipped(first: 100) { uniqueId status } } } }"""
RUN_WITH_SKIPPED = "70437490011508"  # int_gl_balances fails, what stands on it is skipped

LAST_NIGHT = "{ account { runs(first: 20) { nodes { status failures(first: 5) { message } } } } }"

NOT_IN_DBTS_API = {"OPERATION", "UNIT_TEST", "FUNCTION", "SAVED_QUERY"}


@pytest.fixture(scope="module")
def reasons(demo_folder: Path) -> Mapping[int, tuple[dict[str, NodeResult], list[Failure]]]:
    """The results of the demo's runs, and why they failed, by run."""
    folders = {int(path.parent.name): path.parent for path in demo_folder.glob("*/*/*/run.json")}
    results = {run_id: read_results(folder) for run_id, folder in folders.items()}
    return {run_id: (of_run, read_failures(folders[run_id], of_run)) for run_id, of_run in results.items()}


def shown(failure: Failure, run_id: int, results: Mapping[str, NodeResult], left_out: set[str]) -> dict[str, Any]:
    kind = {"MODEL": "ModelRun", "DATA_TEST": "TestRun", "UNIT_TEST": "TestRun"}.get(failure.result.resource_type)
    skipped = [one for one in failure.skipped if results[one].resource_type not in left_out]
    name = failure.result.unique_id
    return {
        "message": failure.message,
        "skippedCount": len(skipped),
        "result": {"__typename": kind or "NodeRun", "id": f"{run_id}/{name}", "uniqueId": name},
        "skipped": [{"uniqueId": one, "status": "SKIPPED"} for one in skipped],
    }


@pytest.mark.slow
async def test_a_failed_run_says_why(
    answers: Gateway, oracle: Oracle, reasons: Mapping[int, tuple[dict[str, NodeResult], list[Failure]]]
) -> None:
    seen: Counter[str] = Counter()
    good = [run for run in oracle.runs if run.record["status"] == 10]
    for run in [*good[:3], *(run for run in oracle.runs if run.record["status"] != 10)]:
        reply = await answers.ask(WHY, id=str(run.id))
        assert reply.errors == []
        found = reply.data["run"]
        archived = reply.gateway["historySources"] in ([], ["ARCHIVE"])
        left_out = set() if archived else NOT_IN_DBTS_API
        results, failures = reasons[run.id]
        listed = [one for one in failures if one.result.resource_type not in left_out]
        if found["status"] == "SUCCESS":
            assert (found["failures"], found["failureCount"], found["error"]) == ([], 0, None)
            continue
        assert found["failureCount"] == max(1, len(listed))
        if not listed:
            assert [one["result"] for one in found["failures"]] == [None]
            seen[found["failures"][0]["message"][: len(OUTSIDE)]] += 1
            continue
        assert found["failures"] == [shown(one, run.id, results, left_out) for one in listed]
        if found["status"] == "FAILURE":
            assert found["error"] == sentence(failures)
        seen.update(one.result.resource_type for one in listed)
        seen["skipped"] += sum(len(one.skipped) for one in listed)
    assert {"MODEL", "DATA_TEST", "skipped"} <= seen.keys(), seen


@pytest.mark.slow
async def test_twenty_runs_cost_one_statement(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        await gateway.ask("{ account { runs(first: 20) { nodes { status } } } }")
        with noted_statements() as noted:
            reply = await gateway.ask(LAST_NIGHT)
        assert reply.errors == []
        assert len(noted) == 1
        before = len(gateway.upstream.calls)
        with noted_statements() as noted:
            await gateway.ask(LAST_NIGHT + " ")
        assert (noted, len(gateway.upstream.calls)) == ([], before)


@pytest.mark.slow
async def test_what_twenty_runs_skipped_costs_four_statements(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            reply = await gateway.ask(
                "{ account { runs(first: 20) { nodes { failures(first: 5) { skippedCount } } } } }"
            )
    assert reply.errors == []
    # What failed, what was skipped, what that was built from, and which runs left artifacts.
    assert len(noted) <= 4, noted


@pytest.mark.slow
async def test_twenty_runs_cost_one_batch_of_documents(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        await gateway.ask("{ account { runs(first: 20) { nodes { status } } } }")
        before = gateway.upstream.operations
        reply = await gateway.ask(LAST_NIGHT)
        assert reply.errors == []
        more = {name: n - before.get(name, 0) for name, n in gateway.upstream.operations.items()}
        assert {name: n for name, n in more.items() if n} == {"RunModels": 1, "RunNodes": 1}


@pytest.mark.slow
async def test_dependencies_of_a_run_are_read_once_for_all_that_stands_on_them(settings: Settings) -> None:
    query = "query($id: ID!) { run(id: $id) { failures(first: 5) { skippedCount } criticalPath { runtime } } }"
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        found = await gateway.data(query, id=RUN_WITH_SKIPPED)
        assert sum(one["skippedCount"] for one in found["run"]["failures"]) > 0
        assert found["run"]["criticalPath"]["runtime"] > 0
        named = {name: n for name, n in gateway.upstream.operations.items() if name.startswith("Run")}
    assert named == {"RunModels": 1, "RunNodes": 1, "RunGraphs": 1}


async def test_nothing_is_read_of_runs_that_succeeded(settings: Settings, oracle: Oracle) -> None:
    good = next(run for run in oracle.runs if run.record["status"] == 10)
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            found = await gateway.data("query($id: ID!) { run(id: $id) { error failureCount } }", id=str(good.id))
    assert (found["run"], noted) == ({"error": None, "failureCount": 0}, [])


async def test_a_title_is_the_jobs_name_and_the_start(answers: Gateway, oracle: Oracle) -> None:
    jobs = {job.id: job.record["name"] for job in oracle.jobs}
    for run in oracle.runs[::7]:
        found = await answers.data("query($id: ID!) { run(id: $id) { title } }", id=str(run.id))
        assert found["run"]["title"] == f"{jobs[run.job_id]}, {run.start:%Y-%m-%d %H:%M} UTC"


async def test_how_many_is_from_1_to_1000(answers: Gateway, oracle: Oracle) -> None:
    for first in (0, 1001):
        query = f'{{ run(id: "{oracle.runs[0].id}") {{ failures(first: {first}) {{ message }} }} }}'
        reply = await answers.ask(query)
        assert reply.codes == {"run.failures": "BAD_USER_INPUT"}

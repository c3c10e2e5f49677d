"""The small archives of the shared cases, with the values that an independent computation expects of each."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.figures.conftest import Ask

CASES = Path(__file__).parents[3] / "shared" / "cases" / "figures"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="The shared cases (../shared/cases/figures) are missing.")

# Case, question, the data it must give.
EXPECTED: list[tuple[str, str, Any]] = [
    (
        "c5",
        '{ model(id: "shop.m") { lastRunStatus lastRun { runId status } } }',
        {"model": {"lastRunStatus": "SUCCESS", "lastRun": {"runId": "100", "status": "SUCCESS"}}},
    ),
    ("c7", '{ run(id: "100") { runtime steps { index } } }', {"run": {"runtime": 10.0, "steps": [{"index": 1}]}}),
    ("c7b", '{ run(id: "100") { runtime steps { index } } }', {"run": {"runtime": 10.0, "steps": [{"index": 1}]}}),
    (
        "c2b",
        '{ model(id: "shop.m") { runs(first: 9) { nodes { runId } } } }',
        {"model": {"runs": {"nodes": [{"runId": one} for one in "9876"]}}},
    ),
    (
        "c3",
        '{ job(id: "2") { models { totalCount nodes { id } } } }',
        {"job": {"models": {"totalCount": 0, "nodes": []}}},
    ),
    ("c1", '{ model(id: "shop.m") { runtime } }', {"model": {"runtime": 2.0}}),
    (
        "c17",
        '{ model(id: "shop.m") { lastRunStatus lastRun { statusText } }'
        " account { slowestModels(lastRuns: 5) { runtime runCount } } }",
        {
            "model": {"lastRunStatus": "UNKNOWN", "lastRun": {"statusText": "interrupted"}},
            "account": {"slowestModels": [{"runtime": 2.0, "runCount": 1}]},
        },
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "query", "expected"), EXPECTED, ids=[case for case, _, _ in EXPECTED])
async def test_a_case_gives_the_expected_values(ask: Ask, case: str, query: str, expected: Any) -> None:
    async with ask(CASES / case).gateway() as gateway:
        reply = await gateway.ask(query)
    assert list(reply.errors) == []
    assert reply.data == expected
    assert bool(reply.gateway["notes"]) == (case in {"c3", "c17"}), "what is left out says why"


@pytest.mark.slow
async def test_pages_of_equal_times_lose_no_run(ask: Ask) -> None:
    query = """query Page($after: String) { model(id: "shop.m") { runs(first: 1, after: $after) {
        nodes { runId } pageInfo { endCursor hasNextPage } } } }"""
    found, after, more = [], None, True
    async with ask(CASES / "c2b").gateway() as gateway:
        while more:
            runs = (await gateway.data(query, after=after))["model"]["runs"]
            found += [one["runId"] for one in runs["nodes"]]
            after, more = runs["pageInfo"]["endCursor"], runs["pageInfo"]["hasNextPage"]
    assert found == ["9", "8", "7", "6"]


@pytest.mark.slow
async def test_a_retry_thirty_hours_later_counts(tmp_path: Path, ask: Ask) -> None:
    with tarfile.open(CASES / "c13.tar.xz") as packed:
        packed.extractall(tmp_path / "c13", filter="data")
    (folder,) = (tmp_path / "c13").iterdir()
    async with ask(folder).gateway() as gateway:
        account = (await gateway.data("{ account { slowestModels(first: 1, lastRuns: 3) { runtime } } }"))["account"]
    assert account == {"slowestModels": [{"runtime": 34.0}]}


@pytest.mark.slow
async def test_each_runtime_names_a_model_of_its_own(ask: Ask) -> None:
    async with ask(CASES / "c4b").gateway() as gateway:
        job = (await gateway.data('{ job(id: "1") { runtimes(byModel: true) { runId modelId } } }'))["job"]
    named = [(one["runId"], one["modelId"]) for one in job["runtimes"]]
    assert all(model for _, model in named)
    assert len(set(named)) == len(named) > 1


@pytest.mark.slow
async def test_filters_on_a_job_look_at_one_run(ask: Ask) -> None:
    query = """query Matching($tag: String!) { job(id: "1") {
        models(filter: {tags: [$tag]}) { totalCount }
        slowestModels(filter: {tags: [$tag]}) { rank }
        averageRuntime(filter: {models: {tags: [$tag]}}) { runtime } }
        account { jobs(filter: {models: {tags: [$tag]}}) { nodes { id } } } }"""
    seen = set()
    async with ask(CASES / "c6").gateway() as gateway:
        for tag in ("old", "new"):
            data = (await gateway.ask(query, tag=tag)).data
            job, jobs = data["job"], data["account"]["jobs"]["nodes"]
            average = job["averageRuntime"]
            matched = {
                job["models"]["totalCount"] > 0,
                bool(job["slowestModels"]),
                average is not None and average["runtime"] is not None,
                {"id": "1"} in jobs,
            }
            assert len(matched) == 1, tag
            seen |= matched
    assert seen == {True, False}


@pytest.mark.slow
async def test_a_job_that_ran_in_staging_before_is_in_production(ask: Ask) -> None:
    async with ask(CASES / "c15").without_admin() as gateway:
        jobs = (await gateway.data("{ account { jobs { nodes { id } } } }"))["account"]["jobs"]["nodes"]
    assert jobs == [{"id": "1"}]


@pytest.mark.slow
async def test_without_the_admin_api_a_run_lasts_from_its_first_command_to_its_last(ask: Ask) -> None:
    """Its commands end at 01:00 and 03:00 and take ten seconds each."""
    async with ask(CASES / "c16").without_admin() as gateway:
        data = await gateway.data('{ run(id: "100") { runtime startTime } }')
    assert data["run"] == {"runtime": 7210.0, "startTime": "2026-03-02T00:59:50+00:00"}

"""Discovery's rows of runs whose artifacts are gone or forbidden: stored, marked, and replaced by artifacts."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.responses import Response

from gateway.archive.reading.held_runs import held_runs
from gateway.archive.tables.mirror_tables import MirrorCause, MirrorOutcome
from gateway.archive.tables.run_tables import invocations, resources, results, run_files, texts
from gateway.mirror.discovery_steps import discovered_commands
from gateway.mirror.mirror import MirrorPolicy
from gateway.services.runs.recorded_nodes import RecordedNode
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import MODELS
from tests.mirror.cloud import Asked, Cloud, Mirroring, content, refusal

pytestmark = pytest.mark.sqlite_by_day


def without_artifacts(status: int) -> Any:
    """A dbt that has no artifacts of run 103, or lets nobody read them."""

    def rewrite(asked: Asked, body: bytes) -> bytes | Response:
        return refusal(status) if asked.path.startswith("runs/103/artifacts/") else body

    return rewrite


def stored_of_103(mirroring: Mirroring) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in content(mirroring.archive)["results"] if row[0].startswith("103-")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "cause"),
    [(404, MirrorCause.MISSING), pytest.param(403, MirrorCause.FORBIDDEN, marks=pytest.mark.nightly)],
)
async def test_what_discovery_has_is_stored_and_artifacts_take_its_place(
    cloud: Cloud, mirroring: Mirroring, status: int, cause: MirrorCause
) -> None:
    mirroring.discovers = True
    cloud.rewrite = without_artifacts(status)
    report = await mirroring.sweep()
    assert report.outcomes == Counter({MirrorOutcome.WHOLE: 6, MirrorOutcome.EMPTY: 1, MirrorOutcome.DISCOVERED: 1})
    ((run_id, reason),) = report.problems
    assert run_id == 103
    assert "Discovery has 3 models of it, without rows affected" in reason
    noted = mirroring.noted()[103]
    assert (noted.outcome, noted.cause) == (MirrorOutcome.DISCOVERED, cause)
    assert cloud.counts["/graphql"] == 2, "of run 103, and of the run that failed before dbt ran anything"
    expected = {tuple(row) for row in content(cloud.archive)["results"] if row[0] == "103-2"}
    # Whether a manifest of the same code is known decides which of the runs of one pass was read first.
    assert {row[:-1] for row in stored_of_103(mirroring)} == {row[:-1] for row in expected}
    mirroring.now += 3_600.0
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.DISCOVERED: 1})
    assert stored_of_103(mirroring) == expected
    with mirroring.archive.reading() as connection:
        assert 103 not in held_runs(connection, range(100, 300)), "dbt is asked for it as long as it has it"
        assert connection.scalar(select(func.count()).where(run_files.c.run_id == 103)) == 0
        told = connection.execute(
            select(resources.c.unique_id, results.c.rows_affected, results.c.adapter_response, texts.c.body)
            .join(resources, resources.c.id == results.c.resource_id)
            .join(invocations, invocations.c.id == results.c.invocation_id)
            .outerjoin(texts, texts.c.id == results.c.thread_id)
            .where(results.c.run_id == 103)
        )
        assert sorted(told) == [(name, None, None, "Thread-1") for name in sorted(MODELS)]
    check_rollups(mirroring.archive)
    cloud.rewrite = lambda _, body: body
    mirroring.now += 3_600.0
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 1})
    assert content(mirroring.archive) == content(cloud.archive)
    check_rollups(mirroring.archive)


@pytest.mark.slow
async def test_a_failed_run_without_steps_and_artifacts_is_looked_for_too(cloud: Cloud, mirroring: Mirroring) -> None:
    def rewrite(asked: Asked, body: bytes) -> bytes | Response:
        if asked.path.strip("/") != "runs/103":
            return without_artifacts(404)(asked, body)
        answer = json.loads(body)
        answer["data"] |= {"status": 20, "run_steps": []}
        return json.dumps(answer).encode()

    mirroring.discovers = True
    cloud.rewrite = rewrite
    report = await mirroring.sweep()
    assert report.outcomes == Counter({MirrorOutcome.WHOLE: 6, MirrorOutcome.EMPTY: 1, MirrorOutcome.DISCOVERED: 1})
    assert cloud.counts["/graphql"] == 2
    assert len(stored_of_103(mirroring)) == 3
    check_rollups(mirroring.archive)


@pytest.mark.slow
@pytest.mark.nightly
async def test_artifacts_that_were_read_are_not_replaced_by_discovery(cloud: Cloud, mirroring: Mirroring) -> None:
    mirroring.discovers = True
    cloud.rewrite = lambda asked, body: refusal(404) if asked.path == "runs/103/artifacts/sources.json" else body
    assert (await mirroring.sweep()).outcomes[MirrorOutcome.PARTIAL] == 1
    before = content(mirroring.archive)
    cloud.rewrite = without_artifacts(404)
    mirroring.now += 3_600.0
    await mirroring.sweep()
    assert content(mirroring.archive) == before
    check_rollups(mirroring.archive)


@pytest.mark.slow
@pytest.mark.nightly
async def test_again_reads_what_was_given_up(cloud: Cloud, mirroring: Mirroring) -> None:
    mirroring.discovers = True
    cloud.rewrite = without_artifacts(403)
    for _ in range(6):
        await mirroring.sweep()
        mirroring.now += 86_400.0
    assert mirroring.noted()[103].tries == 4
    cloud.rewrite = lambda _, body: body
    assert (await mirroring.sweep()).outcomes == Counter()
    mirroring.policy = MirrorPolicy(lease_seconds=60.0, again=True)
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 1})
    assert content(mirroring.archive) == content(cloud.archive)


def node(
    name: str, command: str | None = "c1", args: str | None = None, status: str | None = "success"
) -> RecordedNode:
    return RecordedNode(
        name,
        status=status,
        execution_time=2.5,
        invocation_id=command,
        args=args,
        run_generated_at="2026-01-30T04:00:00Z",
        run_elapsed_time=9.0,
    )


def test_a_command_whose_arguments_nobody_tells_is_not_stored() -> None:
    """It may be a full refresh: no average must take it for an ordinary one."""
    build = json.dumps({"which": "build", "full_refresh": True})
    rows = [
        node("model.shop.a", args=build),
        node("test.shop.t"),
        node("model.shop.b", "c2"),
        node("test.shop.u", "c2"),
        node("model.shop.c", None),
        node("model.shop.untouched", status=None),
    ]
    read = discovered_commands(7, rows)
    (command,) = read.commands
    assert [result.unique_id for result in command.results] == ["model.shop.a", "test.shop.t"]
    assert command.variant is not None, "the full refresh of the model's row holds for the test's, too"
    assert command.elapsed == 9.0
    assert read.lacks.startswith("Discovery has 1 models and 1 tests of it")
    assert read.lacks.endswith("1 commands of unknown arguments, 1 results of unknown commands")

"""What dbt refuses, loses or spoils is named, costs its own run only, and is read again; nothing is counted twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from starlette.responses import Response

from gateway.archive.reading.held_runs import held_runs
from gateway.archive.tables.mirror_tables import MirrorOutcome
from gateway.archive.tables.run_tables import nodes, runs
from gateway.errors import UpstreamInvalidResponse
from tests.archive.rollup_checks import check_rollups
from tests.mirror.cloud import Asked, Cloud, Mirroring, Rewrite, content, refusal

LATER = 3_600.0
pytestmark = pytest.mark.sqlite_by_day


def only(path: str, answer: Callable[[bytes], bytes | Response], times: int = 10**9) -> Rewrite:
    """Answers a path so, the first `times` times."""
    left = [times]

    def rewrite(asked: Asked, body: bytes) -> bytes | Response:
        if asked.path != path or not left[0]:
            return body
        left[0] -= 1
        return answer(body)

    return rewrite


def changed(**values: object) -> Callable[[bytes], bytes]:
    """The one thing of an answer with other values."""

    def change(body: bytes) -> bytes:
        told = json.loads(body)
        return json.dumps({**told, "data": {**told["data"], **values}}).encode()

    return change


@pytest.mark.slow
@pytest.mark.parametrize("path", ["runs/103/", "runs/103/artifacts/run_results.json"])
@pytest.mark.parametrize("status", [500, 502])
async def test_a_run_that_dbt_fails_to_report_is_named_and_read_later(
    cloud: Cloud, mirroring: Mirroring, path: str, status: int
) -> None:
    cloud.rewrite = only(path, lambda _: refusal(status))
    report = await mirroring.sweep()
    assert report.outcomes == Counter({MirrorOutcome.WHOLE: 6, MirrorOutcome.EMPTY: 1, MirrorOutcome.UNREAD: 1})
    assert [run_id for run_id, _ in report.problems] == [103]
    cloud.rewrite = lambda _, body: body
    assert (await mirroring.sweep()).outcomes == Counter(), "its time has not come"
    mirroring.now += LATER
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 1})
    assert content(mirroring.archive) == content(cloud.archive)
    check_rollups(mirroring.archive)


@pytest.mark.slow
async def test_a_429_pauses_the_mirror_as_long_as_dbt_says(cloud: Cloud, mirroring: Mirroring) -> None:
    cloud.rewrite = only("runs/104/", lambda _: refusal(429, **{"retry-after": "17"}), times=1)
    report = await mirroring.sweep()
    assert report.problems == []
    assert 17.0 in mirroring.paused
    assert cloud.counts["runs/#/"] <= 8 + 4, "the run, and those that were asked for beside it"
    assert content(mirroring.archive) == content(cloud.archive)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda _: refusal(404), "is missing"),
        (lambda body: body[: len(body) // 2], "not complete, valid JSON"),
        (lambda body: body.replace(b"/run-results/v6", b"/run-results/v99"), "newer than this reader"),
    ],
)
async def test_a_run_with_half_of_its_artifacts_is_stored_in_part_and_not_trusted(
    cloud: Cloud, mirroring: Mirroring, spoil: Callable[[bytes], bytes | Response], named: str
) -> None:
    cloud.rewrite = only("runs/103/artifacts/run_results.json", spoil)
    report = await mirroring.sweep()
    assert report.outcomes == Counter({MirrorOutcome.WHOLE: 6, MirrorOutcome.EMPTY: 1, MirrorOutcome.PARTIAL: 1})
    ((run_id, reason),) = report.problems
    assert run_id == 103
    assert named in reason
    with mirroring.archive.reading() as connection:
        assert held_runs(connection, range(100, 300)) == {100, 101, 102, 104, 105, 200, 201}
    check_rollups(mirroring.archive)
    cloud.rewrite = lambda _, body: body
    mirroring.now += LATER
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 1})
    assert content(mirroring.archive) == content(cloud.archive)
    check_rollups(mirroring.archive)


@pytest.mark.slow
async def test_a_run_is_read_in_part_four_times_and_then_left(cloud: Cloud, mirroring: Mirroring) -> None:
    cloud.rewrite = only("runs/103/artifacts/run_results.json", lambda _: refusal(404))
    for _ in range(6):
        await mirroring.sweep()
        mirroring.now += 24 * LATER
    assert mirroring.noted()[103].tries == 4
    check_rollups(mirroring.archive)


@pytest.mark.slow
async def test_artifacts_of_another_run_are_named_and_not_stored(cloud: Cloud, mirroring: Mirroring) -> None:
    def of_another(body: bytes) -> bytes:
        told = json.loads(body)
        told["metadata"]["env"] = {"DBT_CLOUD_RUN_ID": "999"}
        return json.dumps(told).encode()

    cloud.rewrite = only("runs/102/artifacts/run_results.json", of_another)
    report = await mirroring.sweep()
    assert [(run_id, "another run" in reason) for run_id, reason in report.problems] == [(102, True)]
    assert len([one for one in content(mirroring.archive)["results"] if one[0].startswith("102-")]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"id": 7}, {"environment_id": 7}, {"job_definition_id": 7}, {"project_id": None}])
async def test_a_run_with_other_ids_than_its_list_reported_is_not_stored(
    cloud: Cloud, mirroring: Mirroring, other: dict[str, int | None]
) -> None:
    cloud.rewrite = only("runs/101/", changed(**other))
    report = await mirroring.sweep()
    assert [run_id for run_id, _ in report.problems] == [101]
    with mirroring.archive.reading() as connection:
        assert sorted(connection.scalars(select(runs.c.id))) == [100, 102, 103, 104, 105, 200, 201]


@pytest.mark.slow
async def test_steps_that_dbt_does_not_list_are_tried(cloud: Cloud, mirroring: Mirroring) -> None:
    def without_steps(asked: Asked, body: bytes) -> bytes:
        return changed(run_steps=[])(body) if asked.kind == "runs/#/" else body

    cloud.rewrite = without_steps
    report = await mirroring.sweep()
    assert report.problems == []
    assert content(mirroring.archive) == content(cloud.archive)


@pytest.mark.slow
async def test_a_run_whose_artifacts_are_gone_is_not_taken_for_one_that_did_nothing(
    cloud: Cloud, mirroring: Mirroring
) -> None:
    def gone(asked: Asked, body: bytes) -> bytes | Response:
        if asked.path == "runs/103/":
            return changed(run_steps=[], artifacts_saved=True)(body)
        return refusal(404) if asked.path.startswith("runs/103/artifacts/") else body

    cloud.rewrite = gone
    report = await mirroring.sweep()
    assert report.problems == [(103, "every artifact is missing")]
    with mirroring.archive.reading() as connection:
        assert held_runs(connection, range(100, 300)) == {100, 101, 102, 104, 105, 200, 201}


@pytest.mark.slow
async def test_times_that_dbt_does_not_say_are_inferred(cloud: Cloud, mirroring: Mirroring) -> None:
    def untimed(asked: Asked, body: bytes) -> bytes:
        return changed(started_at=None, finished_at=None)(body) if asked.kind == "runs/#/" else body

    cloud.rewrite = untimed
    report = await mirroring.sweep()
    assert report.problems == []
    assert content(mirroring.archive)["results"] == content(cloud.archive)["results"]


@pytest.mark.slow
async def test_a_manifest_beyond_the_bound_costs_itself_alone(cloud: Cloud, mirroring: Mirroring) -> None:
    cloud.rewrite = only("runs/105/artifacts/manifest.json", lambda body: body + b" " * (129 * 1024**2))
    report = await mirroring.sweep()
    assert [(run_id, "more than" in reason) for run_id, reason in report.problems] == [(105, True)]
    told, expected = content(mirroring.archive), content(cloud.archive)
    assert [one[:-1] for one in told["results"]] == [one[:-1] for one in expected["results"]]


async def test_a_list_in_another_order_is_refused(cloud: Cloud, mirroring: Mirroring) -> None:
    def backwards(asked: Asked, body: bytes) -> bytes:
        told = json.loads(body)
        return json.dumps({**told, "data": told["data"][::-1]}).encode() if asked.path == "runs/" else body

    cloud.rewrite = backwards
    with pytest.raises(UpstreamInvalidResponse, match="another order"):
        await mirroring.sweep()


@pytest.mark.slow
async def test_a_running_run_is_read_when_it_has_ended(cloud: Cloud, mirroring: Mirroring) -> None:
    def running(asked: Asked, body: bytes) -> bytes:
        told = json.loads(body)
        rows = told["data"] if asked.path == "runs/" else [told["data"]] if asked.path == "runs/105/" else []
        for row in rows:
            if row["id"] == 105:
                row.update(status=3, finished_at=None)
        return json.dumps(told).encode() if rows else body

    cloud.rewrite = running
    report = await mirroring.sweep()
    assert report.outcomes[MirrorOutcome.UNREAD] == 1
    assert report.problems == [], "nothing is wrong with it"
    cloud.rewrite = lambda _, body: body
    mirroring.now += LATER
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 1})
    assert content(mirroring.archive) == content(cloud.archive)


def large_manifest(body: bytes, size: int) -> bytes:
    """The manifest with as many more models, of 2,500 bytes of code each, as it takes to reach a size."""
    told = json.loads(body)
    (first, *_) = told["nodes"].values()
    node = json.dumps({**first, "raw_code": "select " + "column_name, " * 190})
    names = [f"model.shop.large_{number:06d}" for number in range(size // (len(node) + 40))]
    more = ",".join(f'"{name}":{node.replace(first["unique_id"], name)}' for name in names)
    head, tail = json.dumps(told).split('"nodes": {', 1)
    return f'{head}"nodes": {{{more},{tail}'.encode()


@pytest.mark.slow
@pytest.mark.nightly
async def test_a_manifest_of_a_hundred_megabytes_is_stored(cloud: Cloud, mirroring: Mirroring) -> None:
    """What it takes is in docs/mirror.md."""

    def large(body: bytes) -> bytes:
        return large_manifest(body, 100 * 1000**2)

    cloud.rewrite = only("runs/105/artifacts/manifest.json", large)
    report = await mirroring.sweep()
    assert report.problems == []
    assert report.outcomes == Counter({MirrorOutcome.WHOLE: 7, MirrorOutcome.EMPTY: 1})
    with mirroring.archive.reading() as connection:
        large_nodes = select(func.count()).select_from(nodes).where(nodes.c.unique_id.startswith("model.shop.large_"))
        assert (connection.scalar(large_nodes) or 0) > 30_000
    told, expected = content(mirroring.archive), content(cloud.archive)
    assert [one[:-1] for one in told["results"]] == [one[:-1] for one in expected["results"]]
    check_rollups(mirroring.archive)

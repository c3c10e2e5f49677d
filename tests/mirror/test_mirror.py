"""The mirror brings every finished run of dbt Cloud into the archive once, in as few requests as can be."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from gateway.archive.tables.mirror_tables import MirrorOutcome
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import BEGIN
from tests.mirror.cloud import Cloud, Mirroring, content

LISTS = {"": 1, "projects/": 1, "environments/": 1, "jobs/": 1}
RUNS = 8


@pytest.mark.slow
async def test_every_run_comes_once_with_all_that_its_artifacts_report(cloud: Cloud, mirroring: Mirroring) -> None:
    report = await mirroring.sweep()
    assert report.outcomes == Counter({MirrorOutcome.WHOLE: 7, MirrorOutcome.EMPTY: 1})
    assert report.problems == []
    assert report.results == 6 * 4 + 1
    assert content(mirroring.archive) == content(cloud.archive)
    check_rollups(mirroring.archive)
    assert cloud.counts == {
        **LISTS,
        "runs/": 2,  # where the newest is, and all of them
        "runs/#/": RUNS,
        "runs/#/artifacts/sources.json": 6,
        "runs/#/artifacts/run_results.json": 6 + 2,  # of the empty one too
        # Of the commit, of the pull request; and for each check of a source, which these manifests do not have.
        "runs/#/artifacts/manifest.json": 1 + 1 + 6,
    }


@pytest.mark.slow
async def test_a_second_pass_reads_no_run_again(cloud: Cloud, mirroring: Mirroring) -> None:
    await mirroring.sweep()
    before = content(mirroring.archive)
    assert cloud.counts
    report = await mirroring.sweep()
    assert report.outcomes == Counter()
    assert content(mirroring.archive) == before
    assert cloud.counts == {**LISTS, "runs/": 1}


@pytest.mark.slow
async def test_it_goes_back_as_far_as_it_is_told_to_and_later_further(cloud: Cloud, mirroring: Mirroring) -> None:
    mirroring.now = (BEGIN + timedelta(days=5, hours=1)).timestamp()
    mirroring.policy = type(mirroring.policy)(days=2)
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 2})
    assert sorted(mirroring.noted()) == [104, 105]
    mirroring.policy = type(mirroring.policy)(days=30)
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 5, MirrorOutcome.EMPTY: 1})
    assert content(mirroring.archive) == content(cloud.archive)


@pytest.mark.slow
async def test_progress_reports_runs_of_how_many_until_when(mirroring: Mirroring) -> None:
    await mirroring.sweep()
    (told,) = mirroring.told
    assert (told.done, told.listed) == (RUNS, RUNS)
    assert told.until is not None
    assert told.until.startswith("2026-01-30 03:50")

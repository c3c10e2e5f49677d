"""Metadata only: jobs that ran in several environments."""

from __future__ import annotations

from datetime import timedelta

from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, STAGING, Command, Did, SmallArchive

HOUR = timedelta(hours=1)
JOBS = "{ account { jobs { nodes { id runs(first: 5) { nodes { id runtime } } } } } }"


async def test_a_job_that_moved_to_another_environment_stands_where_it_ran_last(small: SmallArchive, ask: Ask) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m")]), environment_id=STAGING)
    small.run(101, 1, DAY + HOUR, Command([Did("m")]))
    async with ask(small).without_admin() as gateway:
        jobs = (await gateway.data(JOBS))["account"]["jobs"]["nodes"]
    assert [(job["id"], [run["id"] for run in job["runs"]["nodes"]]) for job in jobs] == [("1", ["101", "100"])]

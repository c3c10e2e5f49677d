"""An account that builds what has not changed: a daily job, an hourly one beside it, a source with checks and one
without, and results that dbt reused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.figures.small_archive import DAY, STAGING, Command, Did, SmallArchive

CHECKED, UNCHECKED = "source.shop.raw.orders", "source.shop.raw.events"
NIGHTLY, HOURLY, PROPOSED = 1, 2, 3
MINUTE = timedelta(minutes=1)
LOADED = DAY - timedelta(days=1)

PARENTS = {
    "stg_orders": [CHECKED],
    "orders": ["model.shop.stg_orders"],
    "stg_events": [UNCHECKED],
    "events": ["model.shop.stg_events"],
    "dates": [],
}
SECONDS = {"stg_orders": 10.0, "orders": 20.0, "stg_events": 10.0, "events": 20.0, "dates": 30.0}


def did(name: str, code: str = "select 1", **more: Any) -> Did:
    node = {"depends_on": {"nodes": PARENTS[name]}, "raw_code": code}
    return Did(name, seconds=SECONDS[name], node=node, **more)


def alone(*names: str, code: str = "select 1", **more: Any) -> list[Command]:
    """Each model in a command of its own, a minute after the other: none runs beside another."""
    return [Command([did(name, code)], ends=MINUTE * place, **more) for place, name in enumerate(names, start=1)]


def write_wasting_runs(folder: Path) -> None:
    """Run 10 builds everything; what the others do is said beside them."""
    archive = SmallArchive(folder).account(
        {NIGHTLY: {}, HOURLY: {}, PROPOSED: {"job_type": "ci"}, 4: {"environment_id": STAGING}}
    )
    everything = ("stg_orders", "orders", "stg_events", "events", "dates")
    archive.run(10, NIGHTLY, DAY, *alone(*everything))
    archive.check(NIGHTLY, 10, CHECKED, LOADED, at=DAY - MINUTE)
    # Nothing moved: certain for what stands on the checked source alone, and likely for the other's first model.
    archive.run(11, NIGHTLY, DAY + timedelta(days=1), *alone(*everything))
    archive.check(NIGHTLY, 11, CHECKED, LOADED, at=DAY + timedelta(days=1) - MINUTE)
    # The checked source moved, and the other's model has new code.
    archive.run(12, NIGHTLY, DAY + timedelta(days=2), *alone("stg_orders", "orders"), *alone("stg_events", code="new"))
    archive.check(NIGHTLY, 12, CHECKED, LOADED + timedelta(days=2), at=DAY + timedelta(days=2) - MINUTE)
    # While this run builds `dates` another does too, and they share nothing else.
    archive.run(13, NIGHTLY, DAY + timedelta(days=3), *alone("dates"))
    archive.run(14, HOURLY, DAY + timedelta(days=3, seconds=20), *alone("dates"))
    # A full refresh, a proposed change, and a run through staging change nothing of production's figures.
    archive.run(15, NIGHTLY, DAY + timedelta(days=4), *alone("dates", args={"full_refresh": True}))
    archive.run(16, PROPOSED, DAY + timedelta(days=4, hours=1), *alone("dates"))
    archive.run(17, 4, DAY + timedelta(days=4, hours=2), *alone("dates"), environment_id=STAGING)
    # dbt reused both: `dates` saves its thirty seconds.
    reused = [did(one, status="reused" if one in ("dates", "events") else "skipped") for one in everything]
    archive.run(18, NIGHTLY, DAY + timedelta(days=5), Command(reused, ends=MINUTE))

"""When a schedule was due last."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def last_due(cron: str, zone: ZoneInfo, before: datetime) -> datetime | None:
    """The last time before a moment (with a time zone) at which a cron expression was due, in that moment's zone;
    None where it never was. Raises ValueError for what is no cron expression."""
    try:
        due = next(CronSim(cron, before.astimezone(zone), reverse=True), None)
    except CronSimError as wrong:
        raise ValueError(f"{cron!r} is no cron expression: {wrong}") from None
    return None if due is None else due.astimezone(before.tzinfo)

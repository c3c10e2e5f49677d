"""Times of day and time zones, as callers write them."""

from __future__ import annotations

import re
from datetime import time
from zoneinfo import ZoneInfo, available_timezones

from gateway.errors import BadUserInput

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def time_of_day(text: str, argument: str) -> time:
    """A time of day. Raises BadUserInput for what is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadUserInput(
            f"{argument} is a time of day as HH:MM, such as 07:30; it is {text[:40]!r}.", argument=argument
        )
    return time(int(match[1]), int(match[2]))


def time_zone(name: str, argument: str) -> ZoneInfo:
    """A time zone. Raises BadUserInput for a name that no time zone has."""
    if name not in available_timezones():
        raise BadUserInput(
            f"{argument} is an IANA time zone, such as Europe/Berlin or UTC; there is no {name[:40]!r}.",
            argument=argument,
        )
    return ZoneInfo(name)

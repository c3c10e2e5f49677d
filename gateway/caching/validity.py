"""Whether a fact is fresh at the moment it is used, and for how long a stale one may still be returned."""

from __future__ import annotations

import math
from contextvars import ContextVar
from dataclasses import dataclass

from gateway.telemetry.usage import current_usage


@dataclass(frozen=True, slots=True)
class Validity:
    """`current`: returned without a mark. `usable`: it holds what is asked for, though it may be out of date.

    `until` is the clock's time up to which it stays current without asking; `confirmed_at` the last time at which it
    was known to be true, None: when it was read.
    """

    current: bool
    usable: bool = True
    until: float = math.inf
    confirmed_at: float | None = None


FINAL = Validity(current=True, confirmed_at=math.inf)
"""Of what cannot change any more."""

OUTDATED = Validity(current=False)

UNFIT = Validity(current=False, usable=False)
"""Of what holds less than is asked for."""


def for_seconds(read_at: float, seconds: float, now: float) -> Validity:
    """Of a fact that is fresh for some seconds after it was read, and in any case for the operation that read it."""
    return Validity(now - read_at < seconds or read_at >= current_usage().began, until=read_at + seconds)


@dataclass(frozen=True, slots=True)
class StalePolicy:
    """How old, in seconds since it was last confirmed, an outdated fact may be and still be returned, marked stale.

    `while_reading`: while it is read again; who asks waits for the new one for `patience` seconds at most.
    `on_error`: when dbt cannot be asked. 0: never.
    """

    while_reading: float = 0.0
    on_error: float = 0.0
    patience: float = 2.0


_wanted_since: ContextVar[float] = ContextVar("gateway_wanted_since", default=-math.inf)


class max_age_of:  # noqa: N801  # a context manager, as in telemetry.usage
    """Within the block only facts count that were known to be true at `since` (the caches' clock) or later.

    Older ones are read again, and are not returned in place of an error.
    """

    __slots__ = ("_since", "_token")

    def __init__(self, since: float) -> None:
        self._since = since

    def __enter__(self) -> None:
        self._token = _wanted_since.set(self._since)

    def __exit__(self, *_: object) -> None:
        _wanted_since.reset(self._token)


def oldest_acceptable() -> float:
    """The earliest time at which a fact must have been true; minus infinity when nobody demands one."""
    return _wanted_since.get()

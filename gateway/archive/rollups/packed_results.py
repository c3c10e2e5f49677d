"""The row of a resource in `recent_results`: its newest results packed, and the days of the newest month."""

from __future__ import annotations

import struct
from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple

from gateway.archive.months import day_of, month_of
from gateway.archive.rollups.day_buckets import (
    MOST_RUNTIMES,
    Bucket,
    last_day,
    pack_day,
    pack_plain_day,
    plain_last_day,
)
from gateway.archive.rollups.outcomes import COUNTS, has_failed, is_timed, was_reused
from gateway.archive.rollups.result_events import ResultEvent

LEAST_KEPT = 100
"""As many of a resource's newest results are kept in its row at least, if there are so many."""
ORDINARY_KEPT = 60
"""A row goes further back until it holds so many that count for ordinary averages."""
MOST_KEPT = 300
"""A row never holds more than these."""

_SECONDS = struct.Struct("<d")
_ORDINARY = b"\0"


class Packed(NamedTuple):
    """What a row holds beside its key, in the order of its columns."""

    newest_at: int
    outcomes: bytes
    seconds: bytes
    days: bytes


def packed(events: Sequence[ResultEvent], days: bytes) -> Packed:
    """The row of these events, newest first; `days`: of the month of the first, see `packed_days`."""
    outcomes = bytes(event.outcome for event in events[:MOST_KEPT])
    seconds = [event.seconds for event in events[:MOST_KEPT] if event.seconds is not None]
    return Packed(events[0].at, *_cut(outcomes, struct.pack(f"<{len(seconds)}d", *seconds)), days)


def added(before: Packed | None, event: ResultEvent) -> tuple[Packed, bytes | None]:
    """The row with a newer event, and the days of the month before it where the event begins another."""
    outcomes, seconds = bytes((event.outcome,)), b"" if event.seconds is None else _SECONDS.pack(event.seconds)
    if before is None:
        return Packed(event.at, outcomes, seconds, _with_event(b"", event)), None
    outcomes, seconds = _cut(outcomes + before.outcomes, seconds + before.seconds)
    if month_of(before.newest_at) == month_of(event.at):
        return Packed(event.at, outcomes, seconds, _with_event(before.days, event)), None
    return Packed(event.at, outcomes, seconds, _with_event(b"", event)), before.days


def packed_days(events: Sequence[ResultEvent]) -> bytes:
    """The days of a month; `events` are all of the resource in it, newest first."""
    buckets: dict[int, Bucket] = {}
    for event in reversed(events):
        _count(buckets.setdefault(day_of(event.at), Bucket()), event)
    return b"".join(pack_day(day, bucket) for day, bucket in buckets.items())


def _cut(outcomes: bytes, seconds: bytes) -> tuple[bytes, bytes]:
    """What a row keeps of these, newest first."""
    kept = _kept(outcomes)
    if kept == len(outcomes):
        return outcomes, seconds
    return outcomes[:kept], seconds[: 8 * sum(map(is_timed, outcomes[:kept]))]


def _kept(outcomes: bytes) -> int:
    if len(outcomes) <= LEAST_KEPT:
        return len(outcomes)
    ordinary = outcomes.count(_ORDINARY, 0, LEAST_KEPT)
    if ordinary >= ORDINARY_KEPT:
        return LEAST_KEPT
    for place in range(LEAST_KEPT, min(len(outcomes), MOST_KEPT)):
        ordinary += outcomes[place] == COUNTS
        if ordinary == ORDINARY_KEPT:
            return place + 1
    return min(len(outcomes), MOST_KEPT)


def _with_event(days: bytes, event: ResultEvent) -> bytes:
    """The days of a month with an event that is newer than all in them."""
    day = day_of(event.at)
    if event.outcome == COUNTS and event.seconds is not None:
        plain = plain_last_day(days, day)
        if plain is not None and len(plain[1]) < MOST_RUNTIMES:
            older, runtimes = plain
            insort(runtimes, event.seconds)
            return older + pack_plain_day(day, runtimes)
    bucket = Bucket()
    if days:
        newest, with_event, older = last_day(days)
        if newest == day:
            bucket, days = with_event, older
    _count(bucket, event)
    return days + pack_day(day, bucket)


def _count(bucket: Bucket, event: ResultEvent) -> None:
    if event.outcome == COUNTS and event.seconds is not None:
        bucket.add(event.seconds)
    elif has_failed(event.outcome):
        bucket.failures += 1
    elif was_reused(event.outcome):
        bucket.reused += 1

"""Means and rankings over the last runs of each resource, from one packed row for each: no result is read."""

from __future__ import annotations

import heapq
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, select, type_coerce
from sqlalchemy.types import NullType

from gateway.archive.reading.applied_state import applied_models
from gateway.archive.rollups.day_buckets import damaged
from gateway.archive.rollups.outcomes import COUNTS, ORDINARY, REASONS, HistoryScope, is_timed
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import driver_rows
from gateway.archive.tables.run_tables import recent_results, resources


class RecentRuntimes(NamedTuple):
    """The runtimes of one resource that count, in seconds, newest first: at most as many as were asked for.

    `left_out`: how many results among and above them do not count, by reason (see `REASONS`).
    """

    environment_id: int
    resource_id: int
    runtimes: tuple[float, ...]
    left_out: Mapping[str, int]

    @property
    def mean(self) -> float | None:
        """fsum(runtimes) / number of runtimes; None without any."""
        return math.fsum(self.runtimes) / len(self.runtimes) if self.runtimes else None


@dataclass(frozen=True, slots=True)
class RankedResource:
    """One entry of a ranking; `runtimes` in seconds, newest first, `mean` = fsum(runtimes) / number of runtimes."""

    environment_id: int
    unique_id: str
    mean: float
    runtimes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RecentRanking:
    """The greatest means in order; ties go by unique id, then environment.

    `considered`: resources with results, `without_runtime` those of them in which none counts. `left_out`: results that
    do not count among and above the runtimes of all that were considered, by reason.
    """

    entries: tuple[RankedResource, ...]
    considered: int
    without_runtime: int
    left_out: Mapping[str, int]


_NOTHING_LEFT_OUT: Mapping[str, int] = {}


class ModelMean(NamedTuple):
    """The mean of a model's last runtimes that count, in seconds; None where none counts. `left_out` as of
    RecentRuntimes."""

    environment_id: int
    unique_id: str
    mean: float | None
    left_out: Mapping[str, int]


def model_means(
    connection: Connection, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
) -> Iterator[ModelMean]:
    """The means of all models of the applied states of environments, in no order, by one statement; of sums in the
    order of the runs, to a relative 1e-9. About 5 µs a model. Reads and raises as `recent_runtimes`."""
    read = _reader(last_runs, scope)
    for environment_id, unique_id, _, _, outcomes, seconds in driver_rows(connection, packed_by_model(environment_ids)):
        if outcomes is None:
            yield ModelMean(environment_id, unique_id, None, _NOTHING_LEFT_OUT)
            continue
        runtimes, left_out = read(outcomes, seconds)
        yield ModelMean(environment_id, unique_id, sum(runtimes) / len(runtimes) if runtimes else None, left_out)


def packed_by_model(environment_ids: Sequence[int]) -> Select[Any]:
    """Of the models of applied states: environment, unique id, key, whether their state is of runs that deploy,
    outcomes and seconds; the last two are null for models without results."""
    models, columns = applied_models(environment_ids), recent_results.c
    of_model = and_(
        columns.environment_id == models.c.environment_id,
        columns.kind == "model",
        columns.resource_id == models.c.resource_id,
    )
    packed = (type_coerce(columns.outcomes, NullType()), type_coerce(columns.seconds, NullType()))
    named = (models.c.environment_id, models.c.unique_id, models.c.resource_id, models.c.deploys)
    return select(*named, *packed).outerjoin(recent_results, of_model)


def recent_runtimes(
    connection: Connection,
    environment_ids: Iterable[int],
    last_runs: int,
    *,
    scope: HistoryScope = ORDINARY,
    kind: str = "model",
    resource_ids: Iterable[int] | None = None,
) -> Iterator[RecentRuntimes]:
    """The last `last_runs` runtimes (1 to 300) that count in `scope`, of all resources of a kind with results.

    Exact for `last_runs` up to 60; above that as far as the newest 100 results of a resource go, which holds all that
    count unless others crowd them out. `resource_ids`: only these (keys of `resources`). About 2 µs a resource.
    Reads as it is iterated, within the transaction of `connection`. Raises ConfigurationError for a damaged row.
    """
    read = _reader(last_runs, scope)
    for environment_id, resource_id, outcomes, seconds in _rows(connection, environment_ids, kind, resource_ids):
        yield RecentRuntimes(environment_id, resource_id, *read(outcomes, seconds))


def slowest_resources(
    connection: Connection,
    environment_ids: Iterable[int],
    first: int,
    last_runs: int,
    *,
    scope: HistoryScope = ORDINARY,
    kind: str = "model",
    resource_ids: Iterable[int] | None = None,
) -> RecentRanking:
    """The `first` greatest means over the last `last_runs` results that count; arguments as of `recent_runtimes`."""
    read = _reader(last_runs, scope)
    considered = 0
    left_out: dict[str, int] = {}
    ranked: list[_Measured] = []
    for environment_id, resource_id, outcomes, seconds in _rows(connection, environment_ids, kind, resource_ids):
        considered += 1
        runtimes, reasons = read(outcomes, seconds)
        if runtimes:
            ranked.append((math.fsum(runtimes) / len(runtimes), environment_id, resource_id))
        for reason, count in reasons.items() if reasons else ():
            left_out[reason] = left_out.get(reason, 0) + count
    greatest = {resource_id for _, _, resource_id in _greatest(ranked, first)}
    places = {environment_id for _, environment_id, resource_id in ranked if resource_id in greatest}
    rows = recent_runtimes(connection, places, last_runs, scope=scope, kind=kind, resource_ids=greatest)
    entries = _named(connection, list(rows))[:first]
    return RecentRanking(tuple(entries), considered, considered - len(ranked), left_out)


def _rows(
    connection: Connection, environment_ids: Iterable[int], kind: str, resource_ids: Iterable[int] | None
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Environment, resource, outcomes and seconds of the rows of a kind, as the database's driver gives them."""
    columns = recent_results.c
    packed = (type_coerce(columns.outcomes, NullType()), type_coerce(columns.seconds, NullType()))
    query = select(columns.environment_id, columns.resource_id, *packed)
    query = query.where(columns.environment_id.in_(sorted(set(environment_ids))), columns.kind == kind)
    if resource_ids is None:
        yield from driver_rows(connection, query)
        return
    for part in chunks(sorted(set(resource_ids))):
        yield from connection.execute(query.where(columns.resource_id.in_(part)))


def unique_ids_of(connection: Connection, resource_ids: Iterable[int]) -> dict[int, str]:
    """The unique ids of resources by their keys."""
    unique_ids: dict[int, str] = {}
    for part in chunks(resource_ids):
        query = select(resources.c.id, resources.c.unique_id).where(resources.c.id.in_(part))
        unique_ids.update((key, name) for key, name in connection.execute(query))
    return unique_ids


_Measured = tuple[float, int, int]
"""Mean, environment, resource."""


def _greatest(ranked: Sequence[_Measured], first: int) -> list[_Measured]:
    """The `first` greatest, and all that tie with the last of them."""
    if first < 1:
        return []
    means = heapq.nlargest(first, [row[0] for row in ranked])
    return [row for row in ranked if row[0] >= means[-1]] if means else []


def _named(connection: Connection, rows: Sequence[RecentRuntimes]) -> list[RankedResource]:
    names = unique_ids_of(connection, [row.resource_id for row in rows])
    entries = [
        RankedResource(row.environment_id, names[row.resource_id], row.mean or 0.0, row.runtimes) for row in rows
    ]
    return sorted(entries, key=lambda entry: (-entry.mean, entry.unique_id, entry.environment_id))


_Reader = Callable[[bytes, bytes], tuple[tuple[float, ...], Mapping[str, int]]]


def _reader(last_runs: int, scope: HistoryScope) -> _Reader:
    """Reads a row's first runtimes that count, and what is left out among them."""
    ordinary, first = bytes(last_runs), struct.Struct(f"<{last_runs}d")
    codes, untimed = scope.codes, bytes(outcome for outcome in range(256) if not is_timed(outcome))
    counts = bytes(code == COUNTS for code in codes)

    def read(outcomes: bytes, seconds: bytes) -> tuple[tuple[float, ...], Mapping[str, int]]:
        if outcomes.startswith(ordinary) and len(seconds) >= first.size:
            return first.unpack_from(seconds), _NOTHING_LEFT_OUT
        timed = outcomes.translate(counts, untimed)
        if 8 * len(timed) != len(seconds):
            raise damaged("recent_results")
        counted = compress(struct.unpack(f"<{len(timed)}d", seconds), timed)
        last = tuple(islice(counted, last_runs))
        looked_at = outcomes.translate(codes)
        if len(last) == last_runs:
            places = compress(range(len(outcomes)), outcomes.translate(counts))
            looked_at = looked_at[: next(islice(places, max(0, last_runs - 1), None), 0) + 1]
        return last, {REASONS[code]: looked_at.count(code) for code in set(looked_at) if code != COUNTS}

    return read

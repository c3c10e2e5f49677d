"""Keeps the roll-ups equal to the results, in the transaction that changes these.

A run that is newer than all before it is added to the rows of its resources. Whatever else happens to results (a run
that arrives late, is read again, loses a command or is removed) makes the rows of their resources anew, those months
that are touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, and_, delete, select, type_coerce
from sqlalchemy.types import NullType

from gateway.archive.columnar.restored_runs import compacted_resources, restore_states
from gateway.archive.months import begin_of, month_of
from gateway.archive.rollups.packed_results import MOST_KEPT, Packed, added, packed, packed_days
from gateway.archive.rollups.result_events import EventReader, ResultEvent
from gateway.archive.rollups.stale_series import mark_models, mark_models_of
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import (
    freshness,
    invocations,
    recent_results,
    resource_months,
    resources,
    results,
)
from gateway.archive.tables.upserts import upsert

_CHUNK = 200

RebuildProgress = Callable[[int, int], None]


class _Place(NamedTuple):
    environment_id: int
    kind: str


class StaleResources:
    """Resources whose roll-ups must be made anew, and the months of each (see `month_of`)."""

    def __init__(self) -> None:
        self.months: dict[int, set[int]] = defaultdict(set)

    def add_invocations(self, connection: Connection, keys: Sequence[int], among: Container[int] | None = None) -> None:
        """Everything these invocations have results of, or what of it is `among` these resources.

        To be called before the results are removed.
        """
        for part in chunks(keys):
            for table in (results, freshness):
                query = select(table.c.resource_id, table.c.generated_at).where(table.c.invocation_id.in_(part))
                self._add(((key, month_of(at)) for key, at in connection.execute(query)), among)
            self._add(compacted_resources(connection, part), among)

    def _add(self, months: Iterable[tuple[int, int]], among: Container[int] | None) -> None:
        for resource_id, month in months:
            if among is None or resource_id in among:
                self.months[resource_id].add(month)

    def add_dropped(self, connection: Connection, keys: Sequence[int]) -> None:
        """What these invocations have beside their results in `results`: sources checked, and compacted months."""
        for part in chunks(keys):
            query = select(freshness.c.resource_id, freshness.c.generated_at).where(freshness.c.invocation_id.in_(part))
            self._add(((key, month_of(at)) for key, at in connection.execute(query)), None)
            self._add(compacted_resources(connection, part), None)

    def add_month(self, connection: Connection, month: int) -> None:
        """Everything that has results in a month (see `month_of`)."""
        within = results.c.generated_at >= begin_of(month), results.c.generated_at < begin_of(month + 1)
        keys = connection.scalars(select(results.c.resource_id).where(*within).distinct())
        self._add(((key, month) for key in keys), None)

    def add_job(self, connection: Connection, job_id: int) -> None:
        """Everything that a job has results of."""
        keys = connection.scalars(select(invocations.c.id).where(invocations.c.job_id == job_id)).all()
        self.add_invocations(connection, keys)


def add_results(connection: Connection, invocation_ids: Sequence[int], stale: StaleResources) -> None:
    """Takes the results of new invocations into the roll-ups, and makes those of `stale` resources anew."""
    mark_models_of(connection, invocation_ids)
    by_resource: dict[int, list[ResultEvent]] = defaultdict(list)
    for event in EventReader(connection).of_invocations(invocation_ids):
        by_resource[event.resource_id].append(event)
    fresh = []
    for resource_id, events in by_resource.items():
        if resource_id in stale.months or len(events) > 1:
            stale.months[resource_id].update(month_of(event.at) for event in events)
        else:
            fresh.append(events[0])
    fresh.sort(key=lambda event: event.resource_id)  # as the rows lie
    _append(connection, fresh, _rows_of_invocations(connection, invocation_ids), stale)
    remake(connection, stale)


def _append(
    connection: Connection,
    events: Sequence[ResultEvent],
    rows: Mapping[int, tuple[_Place, Packed | None]],
    stale: StaleResources,
) -> None:
    """Puts events before all others of their resources; those that are not the newest become stale."""
    recent, months = [], []
    for event in events:
        place, before = rows[event.resource_id]
        if before is not None and event.at <= before.newest_at:
            stale.months[event.resource_id].add(month_of(event.at))
            continue
        row, ended = added(before, event)
        recent.append((*place, event.resource_id, *row))
        if ended is not None and before is not None:
            months.append((place.environment_id, month_of(before.newest_at), place.kind, event.resource_id, ended))
    upsert(connection, recent_results, recent)
    upsert(connection, resource_months, months)


def _rows_of_invocations(
    connection: Connection, invocation_ids: Sequence[int]
) -> dict[int, tuple[_Place, Packed | None]]:
    """Where the resources of these invocations belong, and their rows as far as they have one."""
    row = recent_results.c
    packed_columns = (
        row.newest_at,
        *(type_coerce(column, NullType()) for column in (row.outcomes, row.seconds, row.days)),
    )
    same = and_(
        row.environment_id == resources.c.environment_id,
        row.kind == resources.c.kind,
        row.resource_id == resources.c.id,
    )
    known_rows: dict[int, tuple[_Place, Packed | None]] = {}
    for table in (results, freshness):
        query = (
            select(resources.c.id, resources.c.environment_id, resources.c.kind, *packed_columns)
            .select_from(table)
            .join(resources, resources.c.id == table.c.resource_id)
            .outerjoin(recent_results, same)
        )
        for part in chunks(invocation_ids):
            rows = connection.execute(query.where(table.c.invocation_id.in_(part)))
            for key, environment_id, kind, at, *rest in rows:
                known_rows[key] = (_Place(environment_id, kind), None if at is None else Packed(at, *rest))
    return known_rows


def remake(connection: Connection, stale: StaleResources, leaving: Collection[int] = ()) -> None:
    """Makes the rows of stale resources anew from their results; those without any go. `leaving`: months whose results
    count no more, though they are removed only after this."""
    mark_models(connection, stale.months)
    restore_states(connection, stale.months)
    reader = EventReader(connection, leaving)
    for part in chunks(sorted(stale.months), _CHUNK):
        by_place: dict[_Place, list[int]] = defaultdict(list)
        for resource_id, place in _places(connection, part).items():
            by_place[place].append(resource_id)
        for place, keys in by_place.items():
            _remake(connection, place, {key: stale.months[key] for key in keys}, reader)


def _remake(connection: Connection, place: _Place, months: Mapping[int, set[int]], reader: EventReader) -> None:
    keys = sorted(months)
    before = {key: month_of(row.newest_at) for key, row in _known_rows(connection, place, keys).items()}
    newest = _by_resource(reader.newest(keys, MOST_KEPT))
    now = {key: month_of(events[0].at) for key, events in newest.items()}
    # The month beside the newest results is another one after that: both are written anew.
    touched = {key: {*months[key], *_known(before, key), *_known(now, key)} for key in keys}
    days = {
        month: _days_of_month(reader, month, [key for key in keys if month in touched[key]])
        for month in sorted(set().union(*touched.values()))
    }
    _delete(connection, recent_results, place._asdict(), keys)
    upsert(
        connection,
        recent_results,
        [(*place, key, *packed(events, days[now[key]][key])) for key, events in newest.items()],
    )
    for month, by_key in days.items():
        _delete(
            connection, resource_months, {**place._asdict(), "month": month}, [k for k in keys if month in touched[k]]
        )
        rows = [
            (place.environment_id, month, place.kind, key, body) for key, body in by_key.items() if now[key] != month
        ]
        upsert(connection, resource_months, rows)


def _known(months: Mapping[int, int], key: int) -> tuple[int, ...]:
    return (months[key],) if key in months else ()


def _days_of_month(reader: EventReader, month: int, keys: Sequence[int]) -> dict[int, bytes]:
    events = reader.of_resources(keys, begin_of(month), begin_of(month + 1))
    return {key: packed_days(events_of_resource) for key, events_of_resource in _by_resource(events).items()}


def rebuild(connection: Connection, progress: RebuildProgress | None = None) -> int:
    """Makes all roll-ups anew from the results. Returns how many resources have one.

    `progress` is called now and then with the number of resources that are done, and of all.
    """
    for table in (recent_results, resource_months):
        connection.execute(delete(table))
    reader = EventReader(connection)
    count = done = 0
    keys = connection.scalars(select(resources.c.id).order_by(resources.c.environment_id, resources.c.id)).all()
    for part in chunks(keys, _CHUNK):
        places = _places(connection, part)
        recent, months = [], []
        for key, events in _by_resource(reader.of_resources(part)).items():
            place = places[key]
            days = {month: packed_days(some) for month, some in _by_month(events)}
            recent.append((*place, key, *packed(events, days.pop(month_of(events[0].at)))))
            months += [(place.environment_id, month, place.kind, key, body) for month, body in days.items()]
        upsert(connection, recent_results, recent)
        upsert(connection, resource_months, months)
        count += len(recent)
        done += len(part)
        if progress is not None:
            progress(done, len(keys))
    return count


def _by_resource(events: Iterable[ResultEvent]) -> dict[int, list[ResultEvent]]:
    """Newest first."""
    by_resource: dict[int, list[ResultEvent]] = defaultdict(list)
    for event in sorted(events, reverse=True):
        by_resource[event.resource_id].append(event)
    return by_resource


def _by_month(events: Iterable[ResultEvent]) -> Iterator[tuple[int, list[ResultEvent]]]:
    by_month: dict[int, list[ResultEvent]] = defaultdict(list)
    for event in events:
        by_month[month_of(event.at)].append(event)
    yield from by_month.items()


def _known_rows(connection: Connection, place: _Place, keys: Sequence[int]) -> dict[int, Packed]:
    columns = recent_results.c
    known_columns = (columns.resource_id, columns.newest_at, columns.outcomes, columns.seconds, columns.days)
    query = select(*known_columns).where(_is(recent_results, place._asdict()), columns.resource_id.in_(keys))
    return {key: Packed(at, bytes(a), bytes(b), bytes(c)) for key, at, a, b, c in connection.execute(query)}


def _places(connection: Connection, keys: Iterable[int]) -> dict[int, _Place]:
    places: dict[int, _Place] = {}
    for part in chunks(keys):
        query = select(resources.c.id, resources.c.environment_id, resources.c.kind).where(resources.c.id.in_(part))
        places.update((key, _Place(environment_id, kind)) for key, environment_id, kind in connection.execute(query))
    return places


def _is(table: Table, key: Mapping[str, Any]) -> Any:
    return and_(*(table.c[name] == value for name, value in key.items()))


def _delete(connection: Connection, table: Table, place: Mapping[str, Any], keys: Sequence[int]) -> None:
    connection.execute(delete(table).where(_is(table, place), table.c.resource_id.in_(keys)))

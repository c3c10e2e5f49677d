"""Reads results and freshness checks as roll-ups count them: of each run the result that stands, with its outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, not_, select

from gateway.archive.artifacts.command_variants import Variant
from gateway.archive.columnar.visible_results import (
    Visible,
    newest_visible,
    of_commands,
    of_resources,
    visible_rows,
)
from gateway.archive.months import begin_of
from gateway.archive.rollups.outcomes import Ending, ending_of, outcome_of
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.newest_rows import newest_of_each
from gateway.archive.tables.run_tables import freshness, invocations, jobs, nodes, results

CI_JOB_TYPES = frozenset({"ci", "merge"})
_FULL_REFRESH = frozenset({"--full-refresh", "-f"})


class ResultEvent(NamedTuple):
    """One result or freshness check; `seconds` is its runtime. They order by time, run and then as they were stored."""

    at: int
    run_id: int
    key: int
    resource_id: int
    outcome: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Command:
    """What an invocation says of its results: what sets it apart, and its job."""

    variant: str | None
    by_ci: bool
    job_id: int


class OutcomeReader:
    """Reports how results ended, from what their commands and nodes are; each of these is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.commands: dict[int, Command] = {}
        self._full_refreshes = False
        self._materializations: dict[int, str | None] = {}

    def learn(self, invocation_ids: Iterable[int]) -> None:
        """Reads the commands that are not known yet. Must come before `outcome` is asked of them."""
        unknown = sorted(key for key in invocation_ids if key not in self.commands)
        if not unknown:
            return
        columns = (invocations.c.id, invocations.c.variant, invocations.c.args_id, invocations.c.job_id)
        query = select(*columns, jobs.c.job_type, jobs.c.details).select_from(invocations)
        query = query.outerjoin(jobs, jobs.c.id == invocations.c.job_id)
        for part in chunks(unknown):
            for row in self._connection.execute(query.where(invocations.c.id.in_(part))):
                variant = row.variant if row.args_id is not None else _variant_of_steps(row.details)
                self.commands[row.id] = Command(variant, row.job_type in CI_JOB_TYPES, row.job_id)
                self._full_refreshes = self._full_refreshes or variant == Variant.FULL_REFRESH

    def learn_nodes(self, pairs: Iterable[tuple[int, int | None]]) -> None:
        """Reads the materializations of nodes, each after its invocation: only full refreshes ask for them."""
        commands, known = self.commands, self._materializations
        if not self._full_refreshes:
            return
        unknown = {
            node_id
            for invocation_id, node_id in pairs
            if node_id is not None and node_id not in known and commands[invocation_id].variant == Variant.FULL_REFRESH
        }
        for part in chunks(sorted(unknown)):
            query = select(nodes.c.id, nodes.c.materialization).where(nodes.c.id.in_(part))
            known.update((key, name) for key, name in self._connection.execute(query))

    def outcome(self, ending: Ending, invocation_id: int, node_id: int | None) -> int:
        """The byte of a result (see outcomes)."""
        command = self.commands[invocation_id]
        if not (command.variant or command.by_ci):
            return int(ending)
        materialization = self._materializations.get(node_id) if node_id is not None else None
        return outcome_of(ending, command.variant, materialization, by_ci=command.by_ci)


class EventReader:
    """Reads events inside one transaction; remembers the commands and materializations it has read. `leaving`: months
    whose results are about to be removed, and are not read."""

    def __init__(self, connection: Connection, leaving: Collection[int] = ()) -> None:
        self._connection = connection
        self._stays = {
            results: [not_(and_(*_between(results, begin_of(month), begin_of(month + 1)))) for month in sorted(leaving)]
        }
        self._outcomes = OutcomeReader(connection)

    def of_invocations(self, keys: Sequence[int]) -> list[ResultEvent]:
        """The events of these invocations, in no order."""
        return [
            event
            for table in (results, freshness)
            for part in chunks(keys)
            for event in self._read(
                self._select(table).where(table.c.invocation_id.in_(part)),
                of_commands(self._connection, part) if table is results else nullcontext(False),
            )
        ]

    def of_resources(self, keys: Sequence[int], begin: int | None = None, end: int | None = None) -> list[ResultEvent]:
        """The events of these resources from `begin` to before `end` (microseconds; None: no bound), in no order."""
        return [
            event
            for table in (results, freshness)
            for event in self._read(
                self._select(table).where(table.c.resource_id.in_(keys), *_between(table, begin, end)),
                of_resources(self._connection, keys, begin, end) if table is results else nullcontext(False),
            )
        ]

    def newest(self, keys: Sequence[int], count: int) -> list[ResultEvent]:
        """The newest `count` events of each of these resources in either table, in no order."""
        return [
            *self._events(list(newest_visible(self._connection, keys, partial(self._newest, results, count), count))),
            *self._events(list(newest_of_each(self._connection, keys, partial(self._newest, freshness, count)))),
        ]

    def _newest(self, table: Table, count: int, resource_id: ColumnElement[int]) -> Select[Any]:
        order = (table.c.generated_at.desc(), table.c.run_id.desc(), table.c.id.desc())
        return self._select(table).where(table.c.resource_id == resource_id).order_by(*order).limit(count)

    def _select(self, table: Table) -> Select[Any]:
        return _select(table).where(*self._stays.get(table, ()))

    def _read(self, query: Select[Any], visible: Visible) -> Iterator[ResultEvent]:
        return self._events(list(visible_rows(self._connection, query, visible)))

    def _events(self, rows: Sequence[Sequence[Any]]) -> Iterator[ResultEvent]:
        self._outcomes.learn({row[3] for row in rows})
        self._outcomes.learn_nodes((row[3], row[7]) for row in rows)
        outcome = self._outcomes.outcome
        for key, at, run_id, invocation_id, resource_id, status, seconds, node_id in rows:
            ending = ending_of(status, seconds)
            kept = seconds if ending <= Ending.FAILED else None
            yield ResultEvent(at, run_id, key, resource_id, outcome(ending, invocation_id, node_id), kept)


def _select(table: Table) -> Select[Any]:
    names = ("id", "generated_at", "run_id", "invocation_id", "resource_id", "status", "execution_time", "node_id")
    return select(*(table.c[name] for name in names)).select_from(table).where(*_stands(table))


def _stands(table: Any) -> list[ColumnElement[bool]]:
    """Of results of one node in one run the last stands for the run; what has no status was not touched."""
    condition = table.c.status.is_not(None)
    return [condition, table.c.final] if "final" in table.c else [condition]


def _between(table: Table, begin: int | None, end: int | None) -> list[ColumnElement[bool]]:
    bounds = [] if begin is None else [table.c.generated_at >= begin]
    return bounds if end is None else [*bounds, table.c.generated_at < end]


def _variant_of_steps(details: str | None) -> Variant | None:
    """Where a command did not say its arguments, the steps of its job may say that it was a full refresh."""
    return Variant.FULL_REFRESH if is_full_refresh(details) else None


def is_full_refresh(details: str | None) -> bool:
    """Whether one of a job's steps rebuilds incremental models from nothing; `details` as `jobs` keeps them."""
    steps = msgspec.json.decode(details or "{}").get("execute_steps") or []
    return any(not _FULL_REFRESH.isdisjoint(str(step).split()) for step in steps)

"""Everything one run knows: the nodes of its manifest and what was executed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Table, bindparam, select

from gateway.archive.columnar.visible_results import of_runs
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_order import NEWEST_FIRST
from gateway.archive.tables.run_tables import (
    catalog_tables,
    compilations,
    freshness,
    invocations,
    resources,
    results,
    runs,
)
from gateway.local_platform.discovery.fields.catalog_fields import decode_table
from gateway.local_platform.discovery.nodes.reading import result_query, text_bodies
from gateway.local_platform.discovery.nodes.run_node import RunBatch, RunNode
from gateway.local_platform.discovery.nodes.session import Session

# Made once: to make a statement, and to know it again, takes as long as to execute it.
_INVOCATIONS = (
    select(invocations)
    .where(invocations.c.run_id == bindparam("run"))
    .order_by(invocations.c.generated_at, invocations.c.id)
)
_RESULTS = (
    result_query()
    .add_columns(resources.c.unique_id)
    .join(resources, resources.c.id == results.c.resource_id)
    .where(results.c.invocation_id.in_(bindparam("invocations", expanding=True)), results.c.final)
)
_NEWEST_RUN = (
    select(runs)
    .join(invocations, invocations.c.run_id == runs.c.id)
    .where(runs.c.job_id == bindparam("job"))
    .order_by(*NEWEST_FIRST)
    .limit(1)
)
_RUN = _NEWEST_RUN.where(runs.c.id == bindparam("run"))


class RunNodes:
    """The nodes of one run, read kind by kind when asked for."""

    def __init__(self, session: Session, run: AnyRow) -> None:
        self.session = session
        self.run = run
        self._by_kind: dict[str, list[RunNode]] = {}

    @cached_property
    def invocations(self) -> Sequence[AnyRow]:
        """The run's invocations, oldest first."""
        return self.session.connection.execute(_INVOCATIONS, {"run": self.run.id}).all()

    @property
    def manifest(self) -> AnyRow | None:
        """The invocation whose manifest stands for the run: the last one that has one."""
        return next((row for row in reversed(self.invocations) if row.manifest_id is not None), None)

    @cached_property
    def results(self) -> Mapping[str, AnyRow]:
        """The last execution of each node that the run executed."""
        keys = [row.id for row in self.invocations if row.executing]
        connection = self.session.connection
        with of_runs(connection, [self.run.id]):
            return {row.unique_id: row for row in connection.execute(_RESULTS, {"invocations": keys}).all()}

    def _facts(self, table: Table) -> dict[str, AnyRow]:
        """The run's last row of each resource in a table of facts."""
        keys = [row.id for row in self.invocations]
        query = (
            select(table, resources.c.unique_id, invocations.c.elapsed)
            .join(resources, resources.c.id == table.c.resource_id)
            .join(invocations, invocations.c.id == table.c.invocation_id)
            .where(table.c.invocation_id.in_(keys))
            .order_by(table.c.generated_at, table.c.id)
        )
        return {row.unique_id: row for row in self.session.connection.execute(query)}

    @cached_property
    def freshness(self) -> Mapping[str, AnyRow]:
        """The run's freshness checks by source."""
        return self._facts(freshness)

    @cached_property
    def criteria(self) -> Mapping[int, str]:
        """Criteria of the run's freshness checks by text key."""
        return text_bodies(self.session.connection, (row.criteria_id for row in self.freshness.values()))

    @cached_property
    def compiled(self) -> Mapping[str, str]:
        """Code that the run compiled without executing it, by unique id."""
        compiled_ids = {name: row.compiled_id for name, row in self._facts(compilations).items()}
        bodies = text_bodies(self.session.connection, compiled_ids.values())
        return {name: bodies[key] for name, key in compiled_ids.items()}

    @cached_property
    def catalog(self) -> Mapping[str, Mapping[str, Any]]:
        """The catalog entries the run wrote, by unique id."""
        content_ids = {name: row.content_id for name, row in self._facts(catalog_tables).items()}
        bodies = text_bodies(self.session.connection, content_ids.values())
        return {name: decode_table(bodies[key]) for name, key in content_ids.items()}

    def nodes(self, kind: str) -> list[RunNode]:
        """The run's nodes of a kind by unique id: those of the manifest, and executed ones that it does not name."""
        if kind not in self._by_kind:
            self._by_kind[kind] = self._load(kind)
        return self._by_kind[kind]

    def pick(self, kind: str, names: Iterable[str]) -> list[RunNode]:
        """The nodes of a kind that bear these ids, in the order of the ids."""
        name_set = set(names)
        return [node for node in self.nodes(kind) if node.unique_id in name_set]

    def alone(self, kind: str, unique_id: str) -> RunNode | None:
        """One node, in a batch of its own: what it takes to know it is not read for the others."""
        node = next(iter(self.pick(kind, [unique_id])), None)
        if node is None:
            return None
        parts = {name: getattr(node, name) for name in ("kind", "node_id", "manifest_id", "result")}
        return RunBatch(self.session).add(self.run, unique_id, **parts)

    def _load(self, kind: str) -> list[RunNode]:
        manifest = self.manifest
        keys: dict[str, int | None] = {**self.session.listed(manifest.manifest_id, kind)} if manifest else {}
        prefix = f"{kind}."
        checks = self.freshness if kind == "source" else {}
        for name, row in (*checks.items(), *self.results.items()):
            if name.startswith(prefix):
                keys[name] = row.node_id or keys.get(name)
        batch = RunBatch(self.session)
        manifest_id = manifest.manifest_id if manifest else None
        return [
            batch.add(self.run, name, kind=kind, node_id=key, manifest_id=manifest_id, result=self.results.get(name))
            for name, key in sorted(keys.items())
        ]


def listing_of(session: Session, run: AnyRow) -> RunNodes:
    """The run's listing, one per operation."""
    key = ("listing", run.id)
    if key not in session.prepared:
        session.prepared[key] = RunNodes(session, run)
    nodes: RunNodes = session.prepared[key]
    return nodes


def find_run(session: Session, job_id: int, run_id: int | None) -> AnyRow | None:
    """The run of a job, or the job's newest one, as far as it left artifacts; None otherwise."""
    key = ("run", job_id, run_id)
    if key not in session.prepared:
        query = _NEWEST_RUN if run_id is None else _RUN
        session.prepared[key] = session.connection.execute(query, {"job": job_id, "run": run_id}).first()
    row: AnyRow | None = session.prepared[key]
    return row


Picker = Callable[[RunNode], list[str]]


def related_in_run(kind: str, names: Picker) -> Callable[[RunNode], list[RunNode]]:
    """A reader of the nodes of a kind that a node names, as the same run saw them."""
    return lambda node: listing_of(node.batch.session, node.run).pick(kind, names(node))

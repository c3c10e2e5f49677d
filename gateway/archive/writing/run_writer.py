"""Writes one run into the archive inside a transaction of the caller's. The same run again changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, select

from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.ownership import Owner
from gateway.archive.artifacts.records import RunRecord
from gateway.archive.artifacts.run_bundle import RunBundle, StepInvocation
from gateway.archive.columnar.restored_runs import restore_runs
from gateway.archive.rollups.stale_series import mark_job
from gateway.archive.rollups.upkeep import StaleResources, add_results
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import (
    catalog_tables,
    compilations,
    environments,
    freshness,
    invocations,
    jobs,
    results,
    run_files,
    runs,
)
from gateway.archive.writing.account_rows import account_rows, follow_names, infer_deployment_types, store_missing
from gateway.archive.writing.contents import ContentStore, StoredManifest
from gateway.archive.writing.fact_rows import FactRows
from gateway.archive.writing.implied_manifest import drop_implied, has_implied, imply_manifest
from gateway.archive.writing.raw_files import keep_file
from gateway.archive.writing.run_rows import (
    complete_run,
    deploys,
    infer_job_kinds,
    is_inferred,
    mark_final,
    store_run,
    touch_environment,
)
from gateway.archive.writing.step_numbers import number_steps, step_of

_FACT_TABLES = (results, compilations, freshness, catalog_tables)


@dataclass(frozen=True)
class Stored:
    """What storing a run changed. `results`: rows of results and freshness checks written."""

    new_run: bool
    changed: bool
    results: int


class RunWriter:
    """Writes runs one after the other; remembers keys between them. `keeps_raw`: whether files are kept as they are."""

    def __init__(self, *, keeps_raw: bool = True) -> None:
        self._contents = ContentStore()
        self._keeps_raw = keeps_raw
        self._revision: int | None = None

    def forget(self) -> None:
        """Must be called after a transaction that was rolled back."""
        self._contents.forget()
        self._revision = None

    def store(self, connection: Connection, bundle: RunBundle) -> Stored:
        """Stores the run, adding and replacing only invocations whose files are new or have changed."""
        if _revision(connection) != self._revision:
            self._contents.forget()  # another program has written, and may have swept what no run referred to
        stored = self._store(connection, bundle)
        self._revision = _revision(connection)
        return stored

    def _store(self, connection: Connection, bundle: RunBundle) -> Stored:
        owner = bundle.owner
        stale = StaleResources()
        fresh = _changed_steps(connection, bundle, stale)
        if owner.inferred and not fresh:
            return Stored(new_run=False, changed=False, results=0)
        if fresh:
            restore_runs(connection, [owner.run_id])
        store_missing(connection, account_rows(owner))
        new_run, facts_changed = store_run(connection, bundle)
        implied = has_implied(connection, owner.environment_id)
        deploying = deploys(connection, bundle)
        keys: list[int] = []
        written = 0
        for step in fresh:
            key, count = self._store_invocation(connection, bundle, step, deploying, stale)
            keys.append(key)
            written += count
        inferred = is_inferred(connection, owner.run_id)
        if (fresh or facts_changed) and (inferred or not owner.inferred):
            complete_run(connection, owner.run_id, bundle.record)
        if fresh or facts_changed:
            mark_job(connection, owner.job_id)
        if fresh:
            mark_final(connection, owner.run_id)
            _note_repeated(connection, owner.run_id, keys, stale)
            add_results(connection, keys, stale)
            self._follow_manifests(connection, owner, implied, any(map(_has_manifest, fresh)))
            follow_names(connection, owner, max(step.invocation.generated_at for step in fresh))
            if (inferred or not owner.inferred) and any(step.step is None for step in fresh):
                number_steps(connection, owner.run_id)
            touch_environment(connection, owner.environment_id, [step.invocation.generated_at for step in fresh])
            infer_deployment_types(connection, owner.project_id)
            infer_job_kinds(connection, jobs.c.id == owner.job_id)
        return Stored(new_run, bool(fresh) or facts_changed, written)

    def _follow_manifests(self, connection: Connection, owner: Owner, implied: bool | None, read: bool) -> None:
        """`implied`: of the manifests before this run; `read`: whether it left one."""
        if read and implied:
            drop_implied(connection, owner.environment_id)
        elif not read and implied is not False:
            imply_manifest(connection, self._contents, owner.environment_id, owner.project_name)

    def _store_invocation(
        self, connection: Connection, bundle: RunBundle, step: StepInvocation, deploying: bool, stale: StaleResources
    ) -> tuple[int, int]:
        """Writes one invocation and its rows; returns its key and how many results and freshness checks there were."""
        invocation, owner = step.invocation, bundle.owner
        number = step.step or step_of(connection, owner.run_id, invocation.uuid)
        _remove_invocation(connection, owner.run_id, invocation.uuid, stale)
        manifest = self._manifest(connection, step)
        args = self._contents.text_ids(connection, [invocation.args_text])
        shared = {"run_id": owner.run_id, "generated_at": invocation.generated_at, "deploys": deploying}
        head = {
            **shared,
            "environment_id": owner.environment_id,
            "job_id": owner.job_id,
            "step": number,
            "uuid": invocation.uuid,
            "command": invocation.command,
            "executing": invocation.executes,
            "variant": invocation.variant,
            "failed": invocation.failed,
            "elapsed": invocation.elapsed,
            "model_results": len(_executed_models(invocation)),
            "dbt_version": invocation.dbt_version,
            "args_id": args.get(invocation.args_text or ""),
            "manifest_id": manifest.id if manifest else None,
            "fingerprint": invocation.fingerprint,
            "started_at": invocation.started_at,
            "threads": invocation.threads,
        }
        key = connection.execute(insert(invocations).values(head).returning(invocations.c.id)).scalar_one()
        if step.has_files:
            _store_files(connection, owner.run_id, number, invocation)
            for file in invocation.files.values() if self._keeps_raw else ():
                keep_file(connection, file)
        rows = FactRows(connection, self._contents, invocation, manifest.node_ids if manifest else {})
        return key, rows.write(connection, {"invocation_id": key, **shared}, owner.environment_id)

    def _manifest(self, connection: Connection, step: StepInvocation) -> StoredManifest | None:
        if step.invocation.manifest:
            return self._contents.manifest(connection, step.invocation.manifest)
        return None if step.manifest_id is None else self._contents.stored_manifest(connection, step.manifest_id)


def _has_manifest(step: StepInvocation) -> bool:
    return step.invocation.manifest is not None or step.manifest_id is not None


def _revision(connection: Connection) -> int | None:
    """Changes with everything that is written or forgotten."""
    revision: int | None = connection.scalar(select(func.sum(environments.c.revision)))
    return revision


def _executed_models(invocation: Invocation) -> set[str]:
    names = {result.unique_id for result in invocation.results if invocation.executes}
    return {name for name in names if name.startswith("model.")}


def _note_repeated(connection: Connection, run_id: int, fresh: list[int], stale: StaleResources) -> None:
    """Resources are stale where new results and earlier ones of the same run supersede each other."""
    of_run = select(invocations.c.id).where(invocations.c.run_id == run_id, invocations.c.executing)
    earlier = [key for key in connection.scalars(of_run) if key not in fresh]
    if earlier:
        again = select(results.c.resource_id).where(results.c.invocation_id.in_(fresh))
        stale.add_invocations(connection, earlier, among=set(connection.scalars(again)))


def _changed_steps(connection: Connection, bundle: RunBundle, stale: StaleResources) -> list[StepInvocation]:
    """The invocations that are not stored as they are; those of another run that dbt's folder still held are left."""
    uuids = [step.invocation.uuid for step in bundle.steps]
    query = select(invocations).where(
        invocations.c.uuid.in_(uuids), invocations.c.environment_id == bundle.owner.environment_id
    )
    stored = {row.uuid: row for row in connection.execute(query)}
    fresh = []
    for step in bundle.steps:
        row = stored.get(step.invocation.uuid)
        if row is not None and row.run_id != bundle.owner.run_id:
            if bundle.owner.inferred or not is_inferred(connection, row.run_id):
                continue
            restore_runs(connection, [row.run_id])
            _take_from(connection, row, stale)  # it was read alone before; now the run it is a step of is described
            row = None
        if row is not None and not step.has_files and _left_files(connection, row):
            continue
        if row is None or not _stands(connection, row, step):
            fresh.append(step)
    return fresh


def _left_files(connection: Connection, row: AnyRow) -> bool:
    here = select(run_files.c.name).where(run_files.c.run_id == row.run_id, run_files.c.step == row.step)
    return connection.scalar(here.limit(1)) is not None


def _take_from(connection: Connection, row: AnyRow, stale: StaleResources) -> None:
    """Removes a command from the run that was made up for it, and the run with its last command."""
    of_run = select(invocations.c.id).where(invocations.c.run_id == row.run_id)
    stale.add_invocations(connection, connection.scalars(of_run).all())
    _remove_invocation(connection, row.run_id, row.uuid, stale)
    connection.execute(delete(run_files).where(run_files.c.run_id == row.run_id, run_files.c.step == row.step))
    left = select(invocations.c.id).where(invocations.c.run_id == row.run_id).limit(1)
    if connection.scalar(left) is not None:
        mark_final(connection, row.run_id)
        number_steps(connection, row.run_id)
        complete_run(connection, row.run_id, RunRecord())
        return
    connection.execute(delete(runs).where(runs.c.id == row.run_id))
    of_job = select(runs.c.id).where(runs.c.job_id == row.job_id).limit(1)
    if connection.scalar(of_job) is None:
        connection.execute(delete(jobs).where(jobs.c.id == row.job_id, jobs.c.inferred))


def _stands(connection: Connection, row: AnyRow, step: StepInvocation) -> bool:
    """Whether a stored invocation has all that its files report now.

    In a bare folder the next command replaces some of them; what is left there takes nothing from what was read.
    """
    if row.manifest_id is None and _has_manifest(step):
        return False  # one that is equal to its own was read since
    if step.step is not None:
        return bytes(row.fingerprint) == step.invocation.fingerprint
    query = select(run_files.c.digest).where(run_files.c.run_id == row.run_id, run_files.c.step == row.step)
    known = {bytes(digest) for digest in connection.scalars(query)}
    return all(file.digest in known for file in step.invocation.own_files.values())


def _remove_invocation(connection: Connection, run_id: int, uuid: str, stale: StaleResources) -> None:
    keys = list(
        connection.scalars(select(invocations.c.id).where(invocations.c.run_id == run_id, invocations.c.uuid == uuid))
    )
    if keys:
        stale.add_invocations(connection, keys)
        for table in _FACT_TABLES:
            connection.execute(delete(table).where(table.c.invocation_id.in_(keys)))
        connection.execute(delete(invocations).where(invocations.c.id.in_(keys)))


def _store_files(connection: Connection, run_id: int, step: int, invocation: Invocation) -> None:
    here = and_(run_files.c.run_id == run_id, run_files.c.step == step)
    for name, file in invocation.files.items():
        connection.execute(delete(run_files).where(here, run_files.c.name == name))
        values = {"run_id": run_id, "step": step, "name": name, "path": str(file.path), "digest": file.digest}
        connection.execute(insert(run_files).values(values))

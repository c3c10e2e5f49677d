"""Writes one run into the archive inside a transaction of the caller's. The same run again changes nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, and_, delete, exists, insert, or_, select, update

from gateway.local_platform.account import account_rows, store_missing
from gateway.local_platform.artifacts import Result
from gateway.local_platform.contents import ContentStore, chunks
from gateway.local_platform.invocation import Invocation
from gateway.local_platform.run_bundle import BAD_STATUSES, ERROR, SUCCESS, RunBundle, StepInvocation, status_code
from gateway.local_platform.tables import (
    catalog_tables,
    compilations,
    environments,
    freshness,
    invocations,
    jobs,
    resources,
    results,
    run_files,
    runs,
)
from gateway.local_platform.times import parse_micros

_FACT_TABLES = (results, compilations, freshness, catalog_tables)
_CI_TRIGGERS = ("ci", "pull_request", "merge_request")


@dataclass(frozen=True)
class Stored:
    """What storing a run changed. `results`: rows of results and freshness checks written."""

    new_run: bool
    changed: bool
    results: int


class RunWriter:
    """Writes runs one after the other; remembers keys between them."""

    def __init__(self) -> None:
        self._contents = ContentStore()

    def forget(self) -> None:
        """Must be called after a transaction that was rolled back."""
        self._contents.forget()

    def store(self, connection: Connection, bundle: RunBundle) -> Stored:
        """Stores the run, adding and replacing only invocations whose files are new or have changed."""
        owner = bundle.owner
        fresh = _changed_steps(connection, bundle)
        if owner.inferred and not fresh:
            return Stored(new_run=False, changed=False, results=0)
        store_missing(connection, account_rows(owner))
        new_run, facts_changed = _store_run(connection, bundle)
        deploys = _deploys(connection, bundle)
        written = sum(self._store_invocation(connection, bundle, step, deploys) for step in fresh)
        if fresh:
            _mark_final(connection, owner.run_id)
            if owner.inferred:
                _derive_run(connection, owner.run_id)
            _touch_environment(connection, owner.environment_id, [step.invocation.generated_at for step in fresh])
        return Stored(new_run, bool(fresh) or facts_changed, written)

    def _store_invocation(self, connection: Connection, bundle: RunBundle, step: StepInvocation, deploys: bool) -> int:
        invocation, owner = step.invocation, bundle.owner
        _remove_invocation(connection, owner.run_id, invocation.uuid)
        manifest = self._contents.manifest(connection, invocation.manifest) if invocation.manifest else None
        rows = _Rows(connection, self._contents, invocation, manifest.node_ids if manifest else {})
        args = self._contents.text_ids(connection, [invocation.args_text])
        head = {
            "run_id": owner.run_id,
            "environment_id": owner.environment_id,
            "job_id": owner.job_id,
            "step": step.step,
            "uuid": invocation.uuid,
            "command": invocation.command,
            "executing": invocation.executes,
            "deploys": deploys,
            "generated_at": invocation.generated_at,
            "elapsed": invocation.elapsed,
            "dbt_version": invocation.dbt_version,
            "args_id": args.get(invocation.args_text or ""),
            "manifest_id": manifest.id if manifest else None,
            "fingerprint": invocation.fingerprint,
        }
        key = connection.execute(insert(invocations).values(head).returning(invocations.c.id)).scalar_one()
        _store_files(connection, owner.run_id, step)
        place = {
            "invocation_id": key,
            "run_id": owner.run_id,
            "generated_at": invocation.generated_at,
            "deploys": deploys,
        }
        return rows.write(connection, place, owner.environment_id)


class _Rows:
    """The rows of one invocation, built once its texts, nodes and resources have keys."""

    def __init__(
        self, connection: Connection, contents: ContentStore, invocation: Invocation, node_ids: Mapping[str, int]
    ) -> None:
        self._invocation = invocation
        self._node_ids = node_ids
        self._compiled = _compiled_codes(invocation)
        self._texts = contents.text_ids(connection, self._all_texts())

    def _all_texts(self) -> list[str | None]:
        found: list[str | None] = list(self._compiled.values())
        for result in self._invocation.results:
            found += (result.thread_id, result.message)
        for check in self._invocation.freshness:
            found += (_raw_text(check.criteria), _error_text(check.error))
        return found + [_raw_text(table) for table in self._invocation.catalog.values()]

    def write(self, connection: Connection, place: Mapping[str, Any], environment_id: int) -> int:
        """Inserts everything; returns the number of results and freshness checks."""
        invocation = self._invocation
        names = {result.unique_id for result in invocation.results} | {
            check.unique_id for check in invocation.freshness
        }
        keys = _resource_ids(connection, environment_id, names | set(invocation.catalog))
        executed = self._result_rows(place, keys) if invocation.executes else []
        checks = self._freshness_rows(place, keys)
        _insert_rows(connection, results, executed)
        _insert_rows(connection, freshness, checks)
        _insert_rows(connection, catalog_tables, self._catalog_rows(place, keys))
        if not invocation.executes:
            _insert_rows(connection, compilations, self._compilation_rows(place, keys))
        return len(executed) + len(checks)

    def _result_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        latest = {result.unique_id: result for result in self._invocation.results}
        return [{**place, **self._result_row(result), "resource_id": keys[name]} for name, result in latest.items()]

    def _result_row(self, result: Result) -> dict[str, Any]:
        times = {timing.name: timing for timing in result.timing or ()}
        compiling, executing = times.get("compile"), times.get("execute")
        return {
            "node_id": self._node_ids.get(result.unique_id),
            "final": True,
            "status": result.status,
            "execution_time": result.execution_time,
            "compile_started_at": parse_micros(compiling.started_at) if compiling else None,
            "compile_completed_at": parse_micros(compiling.completed_at) if compiling else None,
            "execute_started_at": parse_micros(executing.started_at) if executing else None,
            "execute_completed_at": parse_micros(executing.completed_at) if executing else None,
            "thread_id": self._texts.get(result.thread_id or ""),
            "message_id": self._texts.get(result.message or ""),
            "compiled_id": self._texts.get(self._compiled.get(result.unique_id, "")),
            "failures": result.failures,
        }

    def _freshness_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        latest = {check.unique_id: check for check in self._invocation.freshness}
        return [
            {
                **place,
                "resource_id": keys[name],
                "node_id": self._node_ids.get(name),
                "status": check.status,
                "max_loaded_at": parse_micros(check.max_loaded_at),
                "snapshotted_at": parse_micros(check.snapshotted_at),
                "age": check.max_loaded_at_time_ago_in_s,
                "criteria_id": self._texts.get(_raw_text(check.criteria) or ""),
                "error_id": self._texts.get(_error_text(check.error) or ""),
            }
            for name, check in latest.items()
        ]

    def _catalog_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        return [
            {**place, "resource_id": keys[name], "content_id": self._texts[bytes(table).decode()]}
            for name, table in self._invocation.catalog.items()
        ]

    def _compilation_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        spot = {name: place[name] for name in ("invocation_id", "generated_at")}
        return [
            {**spot, "resource_id": keys[name], "compiled_id": self._texts[code]}
            for name, code in self._compiled.items()
            if name in keys
        ]


def _compiled_codes(invocation: Invocation) -> dict[str, str]:
    """Compiled code of the nodes that have a result: from the result, or for older dbt from its own manifest."""
    manifest = invocation.manifest
    own = manifest is not None and manifest.metadata.invocation_id == invocation.uuid
    entries = (manifest.content.nodes or {}) if own and manifest else {}
    found = {}
    for result in invocation.results:
        entry = entries.get(result.unique_id)
        code = result.compiled_code or (entry and (entry.compiled_code or entry.compiled_sql))
        if code:
            found[result.unique_id] = code
    return found


def _raw_text(raw: msgspec.Raw) -> str | None:
    return bytes(raw).decode() or None


def _error_text(error: Any) -> str | None:
    return error if isinstance(error, str) or error is None else msgspec.json.encode(error).decode()


def _insert_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _resource_ids(connection: Connection, environment_id: int, names: set[str]) -> dict[str, int]:
    known = _find_resources(connection, environment_id, names)
    fresh = [{"environment_id": environment_id, "unique_id": name} for name in sorted(names) if name not in known]
    if fresh:
        connection.execute(insert(resources), fresh)
        known |= _find_resources(connection, environment_id, {row["unique_id"] for row in fresh})
    return known


def _find_resources(connection: Connection, environment_id: int, names: Iterable[Any]) -> dict[str, int]:
    known: dict[str, int] = {}
    for part in chunks(names):
        query = select(resources.c.unique_id, resources.c.id).where(
            resources.c.environment_id == environment_id, resources.c.unique_id.in_(part)
        )
        known.update((name, key) for name, key in connection.execute(query))
    return known


def _changed_steps(connection: Connection, bundle: RunBundle) -> list[StepInvocation]:
    """The invocations that are not stored as they are; those of another run that dbt's folder still held are left."""
    uuids = [step.invocation.uuid for step in bundle.steps]
    query = select(invocations.c.uuid, invocations.c.run_id, invocations.c.fingerprint).where(
        invocations.c.uuid.in_(uuids), invocations.c.environment_id == bundle.owner.environment_id
    )
    stored = {row.uuid: row for row in connection.execute(query)}
    fresh = []
    for step in bundle.steps:
        row = stored.get(step.invocation.uuid)
        foreign = row is not None and row.run_id != bundle.owner.run_id
        if not foreign and (row is None or bytes(row.fingerprint) != step.invocation.fingerprint):
            fresh.append(step)
    return fresh


def _remove_invocation(connection: Connection, run_id: int, uuid: str) -> None:
    keys = list(
        connection.scalars(select(invocations.c.id).where(invocations.c.run_id == run_id, invocations.c.uuid == uuid))
    )
    if keys:
        for table in _FACT_TABLES:
            connection.execute(delete(table).where(table.c.invocation_id.in_(keys)))
        connection.execute(delete(invocations).where(invocations.c.id.in_(keys)))


def _store_files(connection: Connection, run_id: int, step: StepInvocation) -> None:
    here = and_(run_files.c.run_id == run_id, run_files.c.step == step.step)
    for name, file in step.invocation.files.items():
        connection.execute(delete(run_files).where(here, run_files.c.name == name))
        values = {"run_id": run_id, "step": step.step, "name": name, "path": str(file.path), "digest": file.digest}
        connection.execute(insert(run_files).values(values))


def _deploys(connection: Connection, bundle: RunBundle) -> bool:
    """Whether the run may change the environment's applied state: every run but those of CI jobs."""
    job_type = connection.scalar(select(jobs.c.job_type).where(jobs.c.id == bundle.owner.job_id))
    trigger = (bundle.owner.trigger or "").lower()
    return job_type != "ci" and not (job_type is None and any(word in trigger for word in _CI_TRIGGERS))


def _store_run(connection: Connection, bundle: RunBundle) -> tuple[bool, bool]:
    """Inserts or updates the run's own row. Returns whether it is new and whether its facts changed."""
    digest = hashlib.blake2b(msgspec.json.encode(bundle.record), digest_size=16).digest()
    stored = connection.scalar(select(runs.c.facts_digest).where(runs.c.id == bundle.owner.run_id))
    if stored is not None and (bytes(stored) == digest or bundle.owner.inferred):
        return False, False
    row = {**_run_row(bundle), "facts_digest": digest, "ingested_at": time.time_ns() // 1000}
    if stored is None:
        connection.execute(insert(runs).values(row))
    else:
        connection.execute(update(runs).where(runs.c.id == bundle.owner.run_id).values(row))
    return stored is None, True


def _run_row(bundle: RunBundle) -> dict[str, Any]:
    owner, record = bundle.owner, bundle.record
    started, finished = parse_micros(record.started_at), parse_micros(record.finished_at)
    details = {"trigger": record.trigger, "run_steps": record.run_steps, "status_message": record.status_message}
    return {
        "id": owner.run_id,
        "account_id": owner.account_id,
        "project_id": owner.project_id,
        "environment_id": owner.environment_id,
        "job_id": owner.job_id,
        "inferred": owner.inferred,
        "status": status_code(record.status) or _worst_status(bundle),
        "created_at": parse_micros(record.created_at) or started or finished,
        "dequeued_at": parse_micros(record.dequeued_at),
        "started_at": started,
        "finished_at": finished,
        "git_sha": record.git_sha,
        "git_branch": record.git_branch or record.trigger.git_branch,
        "dbt_version": record.dbt_version or next((step.invocation.dbt_version for step in bundle.steps), None),
        "details": msgspec.json.encode(details).decode(),
    }


def _worst_status(bundle: RunBundle) -> int:
    found = {result.status for step in bundle.steps for result in step.invocation.results}
    found |= {check.status for step in bundle.steps for check in step.invocation.freshness}
    return ERROR if found & BAD_STATUSES else SUCCESS


def _derive_run(connection: Connection, run_id: int) -> None:
    """Times and status of a run that no orchestrator described, from all its invocations that are known by now."""
    rows = connection.execute(
        select(invocations.c.id, invocations.c.generated_at, invocations.c.elapsed).where(
            invocations.c.run_id == run_id
        )
    ).all()
    started = min(row.generated_at - int((row.elapsed or 0) * 1_000_000) for row in rows)
    bad = [
        connection.scalar(select(exists().where(table.c.run_id == run_id, table.c.status.in_(BAD_STATUSES))))
        for table in (results, freshness)
    ]
    values = {"status": ERROR if any(bad) else SUCCESS, "created_at": started, "started_at": started}
    finished = max(row.generated_at for row in rows)
    connection.execute(update(runs).where(runs.c.id == run_id).values(**values, finished_at=finished))


def _mark_final(connection: Connection, run_id: int) -> None:
    """Of several results of one node in one run only the last stands for the run."""
    keys = list(
        connection.scalars(select(invocations.c.id).where(invocations.c.run_id == run_id, invocations.c.executing))
    )
    if len(keys) < 2:
        return
    later = results.alias("later")
    superseded = exists().where(
        later.c.resource_id == results.c.resource_id,
        later.c.run_id == results.c.run_id,
        or_(
            later.c.generated_at > results.c.generated_at,
            and_(later.c.generated_at == results.c.generated_at, later.c.id > results.c.id),
        ),
    )
    connection.execute(update(results).where(results.c.invocation_id.in_(keys)).values(final=~superseded))


def _touch_environment(connection: Connection, environment_id: int, times: list[int]) -> None:
    """Moves the environment's revision, and its time too: by a millisecond where an older run arrived late."""
    old = connection.scalar(select(environments.c.updated_at).where(environments.c.id == environment_id))
    newest = max(times)
    updated = newest if old is None or newest > old else old + 1000
    values = {"updated_at": updated, "revision": environments.c.revision + 1}
    connection.execute(update(environments).where(environments.c.id == environment_id).values(values))

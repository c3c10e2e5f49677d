"""What an archive knows of the runs around lasting changes, in the hierarchy's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from gateway.archive.artifacts.command_variants import Variant
from gateway.archive.reading.change_evidence import (
    ChangeNearby,
    EvidenceReader,
    changes_of_jobs,
    keys_of_models,
    nodes_used,
    slow_models_of_jobs,
)
from gateway.archive.reading.manifest_differences import ManifestDifferences, macros_and_config
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import to_micros
from gateway.hierarchy.history.change_facts import ChangeFacts, ChangeKey, Neighbour, RunFacts


def read_change_facts(connection: Connection, keys: Sequence[ChangeKey]) -> dict[ChangeKey, ChangeFacts]:
    """The runs around each change: six statements for a batch, two more for each change of a model and three for one of
    a job, and three to five for each pair of manifests that differ."""
    return _Causes(connection, keys).read()


class _Causes:
    def __init__(self, connection: Connection, keys: Sequence[ChangeKey]) -> None:
        self._connection = connection
        self._keys = keys
        self._reader = EvidenceReader(connection)
        self._manifests = ManifestDifferences(connection)
        job_ids = sorted({key.job_id for key in keys})
        self._nearby = changes_of_jobs(connection, job_ids)
        self._slow = slow_models_of_jobs(connection, sorted({key.environment_id for key in keys}), job_ids)

    def read(self) -> dict[ChangeKey, ChangeFacts]:
        resources = self._resources()
        rows: dict[ChangeKey, list[AnyRow]] = {}
        facts: dict[ChangeKey, ChangeFacts] = {}
        for key in self._keys:
            at = to_micros(key.ended_at)
            if key.unique_id is None:
                facts[key] = self._facts(key, list(self._of_job(self._reader.runs_of_job(key.job_id, at))))
            elif (key.environment_id, key.unique_id) in resources:
                resource_id = resources[key.environment_id, key.unique_id]
                rows[key] = self._reader.results_around(resource_id, key.job_id, at)
        self._reader.learn([row for some in rows.values() for row in some])
        node_ids = {row.node_id for some in rows.values() for row in some if row.node_id is not None}
        nodes = nodes_used(self._connection, sorted(node_ids))
        for key, some in rows.items():
            facts[key] = self._facts(key, list(self._of_model(key, self._reader.counting(some), nodes)))
        return facts

    def _resources(self) -> dict[tuple[int, str], int]:
        names: dict[int, set[str]] = {}
        for key in self._keys:
            names.setdefault(key.environment_id, set()).update([key.unique_id] if key.unique_id else ())
        return {
            (environment_id, name): resource_id
            for environment_id, some in names.items()
            for name, resource_id in keys_of_models(self._connection, environment_id, sorted(some)).items()
        }

    def _facts(self, key: ChangeKey, runs: Sequence[RunFacts]) -> ChangeFacts:
        run_ids = [run.run_id for run in runs]
        between = _between(run_ids, key)
        near = [change for change in self._nearby.get(key.job_id, ()) if change.first_run_id in between]
        own = next(
            (change.after > change.before for change in near if change.unique_id == key.unique_id),
            _is_slower(runs, key),
        )
        neighbours = _neighbours(near, key.unique_id, slower=own)
        others = max(self._slow.get(key.job_id, 0) - (key.unique_id is not None), len(neighbours))
        return ChangeFacts(tuple(runs), neighbours, others)

    def _of_job(self, rows: Sequence[tuple[float, AnyRow]]) -> Iterator[RunFacts]:
        counts = self._reader.executed([row.run_id for _, row in rows])
        for seconds, row in rows:
            yield replace(_run(row, seconds), executed=counts.get(row.run_id, 0))

    def _of_model(self, key: ChangeKey, rows: Sequence[AnyRow], nodes: Mapping[int, AnyRow]) -> Iterator[RunFacts]:
        used = {node_id: macros_and_config(node.content) for node_id, node in nodes.items()}
        run_ids = [row.run_id for row in rows]
        between = _between(run_ids, key)
        first = next((n for n, run_id in enumerate(run_ids) if run_id in between), 0)
        base = rows[first - 1].manifest_id if first else None
        for n, row in enumerate(rows):
            run = replace(_run(row, row.seconds), rows=row.rows_affected, compiled=_text(row.compiled_id))
            node = nodes.get(row.node_id)
            if node is not None:
                code, config = _hex(node.code_checksum), used[row.node_id][1]
                run = replace(run, code=code, config=config, materialization=node.materialization)
            manifest = row.manifest_id
            if base is not None and manifest is not None and (n == first - 1 or row.run_id in between):
                upstream = self._manifests.upstream(base, manifest, key.unique_id or "")
                macros = self._manifests.macros(base, manifest, used[row.node_id][0] if node is not None else ())
                run = replace(run, upstream=upstream, macros=macros)
            yield run


def _between(run_ids: Sequence[int], key: ChangeKey) -> set[int]:
    """The runs that may be the first after a change."""
    places = [n for n, run_id in enumerate(run_ids) if run_id in (key.earliest_run_id, key.latest_run_id)]
    return {*run_ids[min(places) : max(places) + 1], key.first_run_id} if places else {key.first_run_id}


def _neighbours(near: Iterable[ChangeNearby], unique_id: str | None, *, slower: bool) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(change.unique_id, change.before, change.after)
        for change in near
        if change.unique_id != unique_id and (change.after > change.before) is slower
    )


def _is_slower(runs: Sequence[RunFacts], key: ChangeKey) -> bool:
    """Whether the runs take longer from the first one on, by their means."""
    place = next((n for n, run in enumerate(runs) if run.run_id == key.first_run_id), 0)
    before, after = runs[:place], runs[place:]
    return bool(before) and sum(execution.seconds for execution in before) / len(before) < sum(
        execution.seconds for execution in after
    ) / len(after)


def _run(row: AnyRow, seconds: float) -> RunFacts:
    return RunFacts(
        run_id=row.run_id,
        seconds=seconds,
        threads=row.threads,
        dbt_version=row.dbt_version,
        full_refresh=None if row.args_id is None else row.variant == Variant.FULL_REFRESH,
        git_sha=row.git_sha,
    )


def _hex(checksum: bytes | None) -> str | None:
    return bytes(checksum).hex() if checksum is not None else None


def _text(key: int | None) -> str | None:
    return None if key is None else str(key)

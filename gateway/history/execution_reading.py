"""What environments executed in a window of time, read from the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection

from gateway.archive.artifacts.command_variants import Variant
from gateway.archive.reading.executions import (
    checks_of_commands,
    commands_between,
    results_of_commands,
    runs_started_between,
)
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import LATEST
from gateway.hierarchy.measures.durations import Timings, interval
from gateway.hierarchy.runs.executions import CheckedSource, ExecutedNode, ExecutionDetail, Executions, ExecutionsKey
from gateway.hierarchy.vocabulary.status import RunStatus, status_of_word
from gateway.history.graph_reading import Manifests, read_manifests
from gateway.history.run_reading import milliseconds_of
from gateway.services.rows.mapping import Share

MOST_MODEL_RESULTS = 200_000
"""So many results of models are read for one answer; the newest commands that hold them."""

_MICRO = 1e6
_PARTLY = "partial success"


def read_executions(connection: Connection, keys: Sequence[ExecutionsKey]) -> dict[ExecutionsKey, Executions]:
    """What each environment's commands executed: the statements of gateway.archive.reading.executions, and one or two
    more for manifests. The environments of a window share them, and the bound of their results."""
    executions: dict[ExecutionsKey, Executions] = {}
    by_window: dict[ExecutionsKey, list[ExecutionsKey]] = {}
    for key in keys:
        by_window.setdefault(key._replace(environment_id=0), []).append(key)
    for window, of_window in by_window.items():
        read = _Reading(connection, window, [key.environment_id for key in of_window])
        executions |= {key: read.of(key.environment_id) for key in of_window}
    return executions


class _Reading:
    """The rows of one window."""

    def __init__(self, connection: Connection, window: ExecutionsKey, environment_ids: Sequence[int]) -> None:
        since = round(window.since * _MICRO)
        until = LATEST if window.until is None else round(window.until * _MICRO)
        listed = list(commands_between(connection, environment_ids, since, until))
        whole, checks = (window.detail is detail for detail in (ExecutionDetail.WHOLE, ExecutionDetail.CHECKS))
        kept = listed if checks else _newest(listed)
        self._complete_since = kept[-1].generated_at / _MICRO if len(kept) < len(listed) else None
        self._commands: dict[int, AnyRow] = {row.id: row for row in kept}
        executing = [row.id for row in kept if row.executing and not checks]
        self._results = list(results_of_commands(connection, executing)) if executing else []
        self._checks = list(checks_of_commands(connection, list(self._commands))) if kept else []
        self._runs = list(runs_started_between(connection, environment_ids, since, until))
        manifest_ids = {row.manifest_id for row in kept} - {None} if window.detail > ExecutionDetail.TIMES else set()
        self._manifests: Manifests = read_manifests(connection, manifest_ids, whole=whole)

    def of(self, environment_id: int) -> Executions:
        """What this environment executed."""
        commands = {
            command_id: row for command_id, row in self._commands.items() if row.environment_id == environment_id
        }
        manifest_ids = {row.manifest_id for row in commands.values()}
        checks = [row for row in self._checks if row.invocation_id in commands]
        share = Share()
        rows = [
            *_executed((row for row in self._results if row.invocation_id in commands), commands, share),
            *(_checking(row, commands[row.invocation_id], share) for row in checks),
        ]
        return Executions(
            rows=tuple(rows),
            manifests={
                manifest_id: nodes for manifest_id, nodes in self._manifests.items() if manifest_id in manifest_ids
            },
            checks=tuple(
                CheckedSource(share[row.unique_id], _time_of(row, commands) / _MICRO, row.max_loaded_at / _MICRO)
                for row in checks
                if row.max_loaded_at is not None
            ),
            walls={
                row.id: (row.started_at / _MICRO, row.finished_at / _MICRO)
                for row in self._runs
                if row.environment_id == environment_id
            },
            complete_since=self._complete_since,
        )


def _newest(commands: Sequence[AnyRow]) -> list[AnyRow]:
    """As many of the newest commands as hold the results that may be read."""
    kept: list[AnyRow] = []
    left = MOST_MODEL_RESULTS
    for row in commands:
        left -= row.model_results
        if left < 0 and kept:
            break
        kept.append(row)
    return kept


def _executed(rows: Iterable[AnyRow], commands: Mapping[int, AnyRow], share: Share) -> Iterator[ExecutedNode]:
    for row in rows:
        word = (row.status or "").lower()
        status = status_of_word(word)
        if not (status.executed or status is RunStatus.REUSED):
            continue
        command = commands[row.invocation_id]
        timings = (
            row.compile_started_at,
            row.compile_completed_at,
            row.execute_started_at,
            row.execute_completed_at,
        )
        start, end = interval(Timings(*map(milliseconds_of, timings)), row.execution_time)
        timed = status.executed and start is not None
        yield ExecutedNode(
            unique_id=share[row.unique_id],
            run_id=command.run_id,
            job_id=command.job_id,
            manifest=command.manifest_id,
            start=start.timestamp() if timed and start else command.generated_at / _MICRO,
            end=end.timestamp() if timed and end else command.generated_at / _MICRO,
            timed=timed,
            status=status,
            built=bool(row.builds and row.deploys) and (status is RunStatus.SUCCESS or word == _PARTLY),
            refresh=command.variant == Variant.FULL_REFRESH,
            bytes_billed=row.bytes_billed,
        )


def _checking(row: AnyRow, command: AnyRow, share: Share) -> ExecutedNode:
    start, end = interval(
        Timings(
            execute_started_at=milliseconds_of(row.started_at), execute_completed_at=milliseconds_of(row.completed_at)
        ),
        row.execution_time,
    )
    timed = start is not None and end is not None
    return ExecutedNode(
        unique_id=share[row.unique_id],
        run_id=command.run_id,
        job_id=command.job_id,
        manifest=command.manifest_id,
        start=start.timestamp() if start else command.generated_at / _MICRO,
        end=end.timestamp() if end else command.generated_at / _MICRO,
        timed=timed,
        status=status_of_word((row.status or "").lower()),
        built=False,
    )


def _time_of(check: AnyRow, commands: Mapping[int, AnyRow]) -> int:
    time: int | None = check.snapshotted_at
    return time if time is not None else int(commands[check.invocation_id].generated_at)

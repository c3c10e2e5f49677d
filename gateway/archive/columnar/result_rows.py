"""Rows of `results` as files of compacted months hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from gateway.archive.columnar.parquet_rows import EVERY_ROW, ParquetReader, RowFilter
from gateway.archive.months import begin_of
from gateway.archive.tables.many_keys import among
from gateway.archive.tables.run_tables import invocations, resources

_TIMES: Final = ("compile_started_at", "compile_completed_at", "execute_started_at", "execute_completed_at")

# Column of `results` → that of the file. The keys of resource and command are looked up by their names.
_COLUMNS: Final[Mapping[str, str]] = {
    "id": "row_key",
    "run_id": "run_id",
    "node_id": "node_key",
    "generated_at": "epoch_us(invocation_ended_at)",
    "deploys": "deploys",
    "final": "is_final",
    "builds": "builds",
    "status": "status",
    "execution_time": "execution_seconds",
    **{name: f"epoch_us({name})" for name in _TIMES},
    "thread_id": "thread_key",
    "message_id": "message_key",
    "compiled_id": "compiled_key",
    "failures": "failures",
    "rows_affected": "rows_affected",
    "bytes_billed": "bytes_billed",
    "adapter_response": "adapter_response",
}
NAMES: Final = ("invocation_id", "resource_id", *_COLUMNS)
"""The columns of `results` in the order in which rows are read."""

_SELECTED: Final = ", ".join(("invocation_id", "unique_id", *_COLUMNS.values()))

Commands = Mapping[tuple[int, str], int]
"""The keys of the commands whose rows in a file count, by run and dbt's id of the command."""


def commands_of(connection: Connection, environment_id: int, month: int) -> Commands:
    """The compacted commands of a month."""
    ended = invocations.c.generated_at
    query = select(invocations.c.run_id, invocations.c.uuid, invocations.c.id).where(
        invocations.c.environment_id == environment_id,
        invocations.c.compacted,
        ended >= begin_of(month),
        ended < begin_of(month + 1),
    )
    return {(run_id, uuid): key for run_id, uuid, key in connection.execute(query)}


def result_rows(
    connection: Connection,
    reader: ParquetReader,
    path: Path,
    environment_id: int,
    commands: Commands,
    *,
    condition: RowFilter = EVERY_ROW,
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a file that count and meet a condition, in parts; their columns are NAMES."""
    keys: dict[str, int] = {}
    for part in reader.rows(path, _SELECTED, condition):
        counting = [(commands.get((row[3], row[0])), row) for row in part]
        unknown = {row[1] for command, row in counting if command is not None} - keys.keys()
        if unknown:
            query = select(resources.c.unique_id, resources.c.id).where(
                resources.c.environment_id == environment_id, among(connection, resources.c.unique_id, unknown)
            )
            keys.update(connection.execute(query).all())
        yield [(command, keys[row[1]], *row[2:]) for command, row in counting if command is not None]

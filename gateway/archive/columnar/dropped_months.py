"""What retention asks of compacted months: which are empty now, and what the others refer to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, and_, delete, select

from gateway.archive.columnar.compacted_files import DamagedFile, files_of
from gateway.archive.columnar.parquet_rows import RowFilter
from gateway.archive.columnar.result_rows import commands_of
from gateway.archive.tables.compacted_tables import compacted_months
from gateway.archive.tables.many_keys import among
from gateway.archive.tables.run_tables import resources

_KEYS = ("node_key", "compiled_key", "thread_key", "message_key")


@dataclass(frozen=True, slots=True)
class ReferredKeys:
    """The keys that files refer to."""

    nodes: frozenset[int] = frozenset()
    texts: frozenset[int] = frozenset()
    resources: frozenset[int] = frozenset()


def drop_empty_months(connection: Connection) -> list[Path]:
    """Forgets the months none of whose commands are left; their files, to be unlinked when that is stored."""
    files = files_of(connection)
    if files is None:
        return []
    dropped = []
    root = files.root(connection)
    for (environment_id, month), recorded in files.months(connection).items():
        if commands_of(connection, environment_id, month):
            continue
        columns = compacted_months.c
        connection.execute(
            delete(compacted_months).where(and_(columns.environment_id == environment_id, columns.month == month))
        )
        dropped += [root / recorded.path, root / recorded.hidden_path] if root else []
    files.forget()
    return dropped


def referred_keys(connection: Connection) -> ReferredKeys | None:
    """What the files of compacted months refer to in the archive; None where a file cannot be read, so that nobody
    knows."""
    files = files_of(connection)
    if files is None:
        return ReferredKeys()
    nodes, texts, keys = set[int](), set[int](), set[int]()
    for recorded in files.months(connection).values():
        try:
            path = files.place_of(connection, recorded)
        except DamagedFile as damaged:
            files.problems.append(damaged.message)
            return None
        for column in _KEYS:
            of_column = nodes if column == "node_key" else texts
            for part in files.verified.reader.rows(path, f"DISTINCT {column}", RowFilter(f"{column} IS NOT NULL")):
                of_column.update(key for (key,) in part)
        for part in files.verified.reader.rows(path, "DISTINCT unique_id"):
            named = among(connection, resources.c.unique_id, [name for (name,) in part])
            here = resources.c.environment_id == recorded.environment_id
            keys.update(connection.scalars(select(resources.c.id).where(here, named)))
    return ReferredKeys(frozenset(nodes), frozenset(texts), frozenset(keys))

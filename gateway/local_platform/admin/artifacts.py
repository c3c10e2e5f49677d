"""The files of a run: listed, and sent from the archive, or from the folder they were read from if they were not kept.

dbt leaves in its folder what earlier commands wrote, so a step has its own files and the newest of the steps before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from gateway.archive.archive import Archive
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import run_files
from gateway.archive.writing.contents import digest_of
from gateway.archive.writing.raw_files import KeptFile, find_kept, read_kept
from gateway.local_platform.admin.envelope import AdminError, not_found


@dataclass(frozen=True)
class SentFile:
    """A file ready to be sent: its length in bytes, and its bytes in parts."""

    size: int
    parts: Iterator[bytes]


def artifact_names(connection: Connection, run_id: int, step: int | None) -> list[str] | None:
    """The names of the artifacts a run had after a step (from 1), its last one for None; None when it left none."""
    return sorted(_files(connection, run_id, step)) or None


def send_artifact(archive: Archive, connection: Connection, run_id: int, name: str, step: int | None) -> SentFile:
    """An artifact as dbt wrote it. Raises AdminError (404) when there is none, or it was not kept and is gone."""
    row = _files(connection, run_id, step).get(name)
    if row is None:
        raise not_found(f"artifact {name} of run {run_id}" + (f", step {step}" if step else ""))
    kept = find_kept(connection, bytes(row.digest))
    return _sent(archive, kept) if kept else _from_folder(row)


def _sent(archive: Archive, kept: KeptFile) -> SentFile:
    return SentFile(kept.size, read_kept(archive.reading, kept))


def _files(connection: Connection, run_id: int, step: int | None) -> dict[str, AnyRow]:
    """The run's files by name; nothing for a step after its last one."""
    query = select(run_files).where(run_files.c.run_id == run_id).order_by(run_files.c.step)
    rows = connection.execute(query).all()
    last = rows[-1].step if rows else 0
    asked_step = last if step is None else step
    return {row.name: row for row in rows if row.step <= asked_step <= last}


def _from_folder(row: AnyRow) -> SentFile:
    try:
        data = Path(row.path).read_bytes()
    except OSError:
        data = b""
    if digest_of(data) != bytes(row.digest):
        raise AdminError(404, f"The file {row.name} was not kept: its folder has moved or changed since it was read.")
    return SentFile(len(data), iter([data]))

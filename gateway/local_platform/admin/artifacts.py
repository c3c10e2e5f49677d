"""The files of a run: listed, and sent from the folder they were read from while it still holds them unchanged."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select

from gateway.local_platform.admin.envelope import AdminError, not_found
from gateway.local_platform.contents import digest_of
from gateway.local_platform.rows import AnyRow
from gateway.local_platform.tables import run_files


def artifact_names(connection: Connection, run_id: int) -> list[str] | None:
    """The names of the run's artifacts; None when it left none."""
    query = select(run_files.c.name).where(run_files.c.run_id == run_id).distinct().order_by(run_files.c.name)
    return list(connection.scalars(query)) or None


def find_artifact(connection: Connection, run_id: int, name: str, step: int | None) -> AnyRow:
    """One artifact of a run, of its last step unless `step` (from 1) says otherwise. Raises AdminError (404)."""
    query = select(run_files).where(run_files.c.run_id == run_id)
    if step is None:
        last = query.order_by(run_files.c.step.desc()).limit(1)
        newest = connection.execute(last).first()
        step = newest.step if newest else 0
    row = connection.execute(query.where(run_files.c.step == step, run_files.c.name == name)).first()
    if row is None:
        raise not_found(f"artifact {name} of run {run_id}, step {step}")
    return row


def read_artifact(row: AnyRow) -> bytes:
    """The file's bytes as they were ingested. Raises AdminError (404) when the folder no longer holds them."""
    try:
        data = Path(row.path).read_bytes()
    except OSError:
        data = b""
    if digest_of(data) != bytes(row.digest):
        raise AdminError(404, f"The file {row.name} was not kept: its folder has moved or changed since it was read.")
    return data

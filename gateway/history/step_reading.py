"""Why runs were started, and their steps: read from the archive and given as the Admin API gives them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from gateway.archive.artifacts.artifact_files import read_args
from gateway.archive.artifacts.command_names import step_name
from gateway.archive.artifacts.run_bundle import ERROR, STATUS_NAMES, SUCCESS
from gateway.archive.reading.command_rows import command_rows
from gateway.archive.reading.run_lists import runs_by_id
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import from_micros, moved, parse_micros
from gateway.errors import NotFound
from gateway.hierarchy.objects.job import RunDetails
from gateway.services.rows.admin_types import AdminRun, AdminStep, AdminTrigger
from gateway.services.rows.mapping import to_run_details


class _StepDetails(msgspec.Struct):
    """What the archive keeps of a run beside its columns, as far as it is looked at here."""

    trigger: dict[str, Any] | None = None
    run_steps: list[dict[str, Any]] | None = None


_details = msgspec.json.Decoder(_StepDetails)


def read_run_details(
    connection: Connection, account_id: int, run_ids: Sequence[int]
) -> dict[int, RunDetails | NotFound]:
    """Of each run: two statements for five hundred. NotFound for those that the account does not have."""
    recorded = {row.id: _details.decode(row.details) for row in runs_by_id(connection, account_id, run_ids)}
    derived: dict[int, list[AdminStep]] = {run_id: [] for run_id, known in recorded.items() if not known.run_steps}
    for row in command_rows(connection, list(derived)) if derived else ():
        derived[row.run_id].append(_derived(row))
    details: dict[int, RunDetails | NotFound] = {run_id: NotFound(f"dbt knows no run {run_id}.") for run_id in run_ids}
    for run_id, known in recorded.items():
        steps = [_recorded(number, step) for number, step in enumerate(known.run_steps or (), start=1)]
        trigger = known.trigger or {}
        cause = AdminTrigger(trigger.get("cause"), trigger.get("cause_category"))
        details[run_id] = to_run_details(AdminRun(run_id, SUCCESS, trigger=cause, run_steps=steps or derived[run_id]))
    return details


def _recorded(number: int, step: dict[str, Any]) -> AdminStep:
    """A step as its orchestrator recorded it."""
    status = step.get("status") if isinstance(step.get("status"), int) else None
    return AdminStep(
        index=step.get("index") or number,
        status=1 if status is None else status,
        name=step.get("name"),
        status_humanized=step.get("status_humanized") or STATUS_NAMES.get(status or 1, "Unknown"),
        started_at=_time(parse_micros(step.get("started_at"))),
        finished_at=_time(parse_micros(step.get("finished_at"))),
    )


def _derived(command: AnyRow) -> AdminStep:
    """A step that nobody recorded; one that was cancelled passes for another."""
    status, ended = (ERROR if command.failed else SUCCESS), command.generated_at
    return AdminStep(
        index=command.step,
        status=status,
        name=step_name(command.command, read_args(command.args)),
        status_humanized=STATUS_NAMES.get(status, "Unknown"),
        started_at=None if command.elapsed is None else _time(moved(ended, -command.elapsed)),
        finished_at=_time(ended),
    )


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)

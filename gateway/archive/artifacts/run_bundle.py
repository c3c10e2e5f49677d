"""One run ready to be stored: whom it belongs to, what an orchestrator said of it, and its invocations."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.ownership import Owner
from gateway.archive.artifacts.records import RunRecord

SUCCESS, ERROR, CANCELLED = 10, 20, 30


ENDED = frozenset({SUCCESS, ERROR, CANCELLED})

STATUS_NAMES = {1: "Queued", 2: "Starting", 3: "Running", SUCCESS: "Success", ERROR: "Error", CANCELLED: "Cancelled"}
"""The Admin API's words for its codes."""


_STATUS_CODES = {
    "queued": 1,
    "starting": 2,
    "running": 3,
    "success": SUCCESS,
    "succeeded": SUCCESS,
    "error": ERROR,
    "errored": ERROR,
    "failed": ERROR,
    "failure": ERROR,
    "cancelled": CANCELLED,
    "canceled": CANCELLED,
}


@dataclass(frozen=True)
class StepInvocation:
    """An invocation and the number of its step; None where its place among the run's commands reports it.

    `manifest_id`: the key of a manifest in the archive that is as its own, which was not read. `has_files`: False where
    its files were made of what dbt's API tells, so that none is kept, and artifacts that were read stand before it.
    """

    step: int | None
    invocation: Invocation
    manifest_id: int | None = None
    has_files: bool = True


@dataclass(frozen=True)
class RunBundle:
    """What one folder says about one run. `record` is empty where no run.json was found."""

    owner: Owner
    record: RunRecord
    steps: tuple[StepInvocation, ...]


def status_code(status: int | str | None) -> int | None:
    """The Admin API's code of a status that an orchestrator wrote as code or word; None when it is neither."""
    if isinstance(status, str):
        return _STATUS_CODES.get(status.lower())
    return status if status in {1, 2, 3} | ENDED else None

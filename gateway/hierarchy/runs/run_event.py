"""What dbt reports about a run the moment it happens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunEvent:
    """A run began, or (`finished`) came to its end. Ids are dbt's."""

    account_id: int
    environment_id: int
    job_id: int
    run_id: int
    finished: bool

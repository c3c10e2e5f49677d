"""Attempts of resources that failed at some time, and what they show: flaky ones, and incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class NodeAttempt(NamedTuple):
    """One execution of a resource: when it ended (UTC), in which run, and whether it failed. `code` is equal where its
    own code and that of its parents is; None where that is not known."""

    ended_at: datetime
    run_id: int
    job_id: int
    failed: bool
    code: str | None


@dataclass(frozen=True, slots=True)
class NodeAttempts:
    """The newest attempts of a resource by any job but CI, oldest first. `data_moved_at`: when sources upstream of a
    data test were seen to have new data."""

    environment_id: int
    unique_id: str
    attempts: tuple[NodeAttempt, ...]
    data_moved_at: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Flaky:
    """A resource that fails and passes without a change of code. rate = flips / (attempts - 1)."""

    environment_id: int
    unique_id: str
    flips: int
    attempts: int
    unstable_data: bool
    last_flip_run_id: int

    @property
    def rate(self) -> float:
        return self.flips / (self.attempts - 1)


@dataclass(frozen=True, slots=True)
class Incident:
    """A resource that was broken from the end of a failure to the end of its next success (UTC); None while it is."""

    environment_id: int
    unique_id: str
    run_id: int
    job_id: int
    broken_at: datetime
    repaired_at: datetime | None

    @property
    def id(self) -> str:
        """The run that broke it, and the resource."""
        return f"{self.run_id}/{self.unique_id}"

    @property
    def is_open(self) -> bool:
        return self.repaired_at is None

    @property
    def broken_seconds(self) -> float | None:
        """How long it was broken; None while it is open, since that would be another figure at each look."""
        return None if self.repaired_at is None else max(0.0, (self.repaired_at - self.broken_at).total_seconds())

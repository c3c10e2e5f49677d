"""When the runs of environments were created, started and ended, for figures over many runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gateway.hierarchy.vocabulary.status import RunStatus


class RunTimesKey(NamedTuple):
    """The runs of an environment that were created from `since` on and before `until`, in seconds since 1970; until now
    where `until` is None."""

    environment_id: int
    since: float
    until: float | None


@dataclass(frozen=True, slots=True)
class RunTimes:
    """The times of one run in seconds since 1970, None where they are not known. `created`: when it joined the queue,
    else when it started or ended; `dequeued`: when a worker took it, which only an archive has."""

    run_id: int
    job_id: int
    status: RunStatus
    created: float
    dequeued: float | None
    started: float | None
    ended: float | None


@dataclass(frozen=True, slots=True)
class TimedRuns:
    """Runs by creation. `complete_since`: runs created before it are left out, because there are too many; None where
    none is."""

    runs: tuple[RunTimes, ...] = ()
    complete_since: float | None = None

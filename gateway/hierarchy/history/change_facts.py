"""What is known of the runs around a lasting change of a runtime, from which its cause is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class ChangeKey(NamedTuple):
    """A change of a model in the runs of a job, or of a job without `unique_id`: when the first run after it ended
    (UTC), that run, and the earliest and latest that it may be."""

    environment_id: int
    job_id: int
    unique_id: str | None
    ended_at: datetime
    first_run_id: int
    earliest_run_id: int
    latest_run_id: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run of a series and what is known of it there; None where it is not known.

    `seconds`: what the series holds of it. `code` and `compiled`: checksums. `config`: keys of the configuration that
    may matter, with their values. `macros` that the model uses and `upstream`: unique ids, ordered, of what has other
    code than just before the change; known for the runs in which it may have happened. `executed`: how many results the
    run has; known for jobs only.
    """

    run_id: int
    seconds: float
    rows: int | None = None
    code: str | None = None
    compiled: str | None = None
    config: Mapping[str, str] | None = None
    macros: tuple[str, ...] | None = None
    upstream: tuple[str, ...] | None = None
    materialization: str | None = None
    threads: int | None = None
    dbt_version: str | None = None
    full_refresh: bool | None = None
    git_sha: str | None = None
    executed: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A model of the same job whose runtime changed in the same runs and the same direction: medians in seconds."""

    unique_id: str
    before_seconds: float
    after_seconds: float


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """The runs around a change that count, oldest first.

    `others`: how many other models of the job are slow enough to show a change. `tells_code`: whether checksums of code
    are known at all.
    """

    runs: tuple[RunFacts, ...]
    neighbours: tuple[Neighbour, ...] = ()
    others: int = 0
    tells_code: bool = True

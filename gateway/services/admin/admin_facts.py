"""What the gateway needs to know of an account beside its metadata: asked of the Admin API, or inferred without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Job, Run, RunDetails
from gateway.hierarchy.objects.project import Environment
from gateway.services.runs.run_query import RunQuery
from gateway.telemetry.upstream_note import UpstreamNote


@dataclass(frozen=True, slots=True)
class Topology:
    """The account's projects (id → name) and deployment environments.

    `reasons` says by environment id why it is taken for production or staging; `notes` which projects are left out.
    """

    project_names: Mapping[int, str]
    environments: tuple[Environment, ...]
    reasons: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[UpstreamNote, ...] = ()


@dataclass(frozen=True, slots=True)
class RunListing:
    """The newest runs of an environment, newest first; `complete` when there are no others, else `notes` may say so."""

    runs: tuple[Run, ...]
    complete: bool
    notes: tuple[UpstreamNote, ...] = ()


class AdminFacts(Protocol):
    """Where projects, environments, jobs and runs are known. See AdminService and InferredAdmin for what each knows."""

    @property
    def account_id(self) -> int: ...

    @property
    def inferred(self) -> bool:
        """True when jobs and runs are derived from Discovery, because there is no Admin API."""

    async def account_name(self) -> str | None: ...

    async def topology(self) -> Topology: ...

    async def jobs(self, seen: frozenset[int] | None = None) -> Mapping[int, Job]:
        """The account's jobs by their ids; those of the environments `seen`, which then are known apart: runs in others
        outdate nothing of it."""

    def known_environments(self) -> frozenset[int]:
        """The ids of the deployment environments that the last topology listed, however old it is. Asks nobody."""

    async def runs(self, run_ids: Sequence[int]) -> Mapping[int, Run | GatewayError]:
        """Each run by its id; NotFound for one that does not exist."""

    async def run_details(self, run_ids: Sequence[int]) -> Mapping[int, RunDetails | GatewayError]:
        """Trigger and steps of each run."""

    async def recent_runs(self, job_ids: Sequence[int], count: int) -> Mapping[int, tuple[Run, ...] | GatewayError]:
        """The newest `count` runs of each job, newest first."""

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """The newest `count` runs of the account, newest first."""

    async def matching_runs(self, query: RunQuery, count: int) -> RunListing:
        """At least the newest `count` runs that a query asks for, newest first; others may be among them."""

    async def environment_runs(self, environment_id: int, count: int = 100) -> RunListing:
        """At least the newest `count` runs of an environment, by any job; none where runs cannot be listed."""

    async def ended_runs(self, environment_id: int) -> RunListing:
        """The hundred runs of an environment that ended last, by any job, the last first; none where runs cannot be
        listed."""

    async def run_counts(self, job_ids: Sequence[int]) -> Mapping[int, int | GatewayError | None]:
        """How many runs of each job there are; None where that cannot be known."""

    def invalidate_run(self, environment_id: int, job_id: int, run_id: int) -> None:
        """Has everything that a run's beginning or end changed read again when it is asked for."""

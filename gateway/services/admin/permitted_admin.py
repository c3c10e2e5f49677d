"""AdminFacts as far as the service token may ask the Admin API; what it may not is inferred from Discovery, and noted.

A token with the permission set Metadata Only reads no Admin API at all, others read jobs but not runs. What was refused
is asked again after `topology_seconds`, should somebody have given the token more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from gateway.errors import GatewayError, UpstreamRefused
from gateway.hierarchy.objects.job import Job, Run, RunDetails
from gateway.hierarchy.objects.project import Environment
from gateway.services.admin.admin_facts import RunListing, Topology
from gateway.services.admin.admin_service import AdminService
from gateway.services.admin.configured import ConfiguredProject
from gateway.services.admin.inferred_admin import InferredAdmin
from gateway.services.runs.run_query import RunQuery
from gateway.services.transport.upstream_errors import is_about_token
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

NOT_PERMITTED = "NOT_PERMITTED"

T = TypeVar("T")

_WHAT = {
    "the account": "its name is not known",
    "projects": "they are those that [[projects]] of the configuration name",
    "jobs": "they are inferred from the traces they leave in Discovery",
    "runs": "they are inferred from the models they built",
}


class PermittedAdmin:
    """Asks `admin`, and `inferred` in the place of what is refused. `began` is called when runs are refused first."""

    def __init__(
        self,
        admin: AdminService,
        infer: Callable[[Callable[[], Sequence[ConfiguredProject]]], InferredAdmin],
        configured: Sequence[ConfiguredProject],
        *,
        seconds: float,
        clock: Callable[[], float],
        began: Callable[[], None],
    ) -> None:
        self._admin = admin
        self._configured = tuple(configured)
        self._known = self._configured
        self._inferred = infer(lambda: self._known)
        self._seconds = seconds
        self._clock = clock
        self._began = began
        self._refused: dict[str, tuple[UpstreamRefused, float]] = {}

    @property
    def account_id(self) -> int:
        return self._admin.account_id

    @property
    def inferred(self) -> bool:
        """Whether jobs were refused when they were last asked for."""
        return self._is_refused("jobs")

    async def account_name(self) -> str | None:
        """The account's display name; None where it is refused."""
        return await self._permitted("the account", self._admin.account_name, self._inferred.account_name)

    async def topology(self) -> Topology:
        """That of the Admin API; the configured projects where it is refused. Raises UpstreamRefused without any."""
        if not self._configured:
            try:
                return self._noted(await self._admin.topology())
            except UpstreamRefused as refused:
                raise _with_advice(refused) from None

        async def configured() -> Topology:
            topology = await self._inferred.topology()
            return Topology(topology.project_names, topology.environments, notes=(_note("projects"),))

        return self._noted(await self._permitted("projects", self._admin.topology, configured))

    async def jobs(self, seen: frozenset[int] | None = None) -> Mapping[int, Job]:
        """See AdminFacts."""
        return await self._permitted("jobs", lambda: self._admin.jobs(seen), lambda: self._infer_jobs(seen))

    def known_environments(self) -> frozenset[int]:
        """Of the last topology; before one was read, the configured ones."""
        return self._admin.known_environments() or self._inferred.known_environments()

    async def runs(self, run_ids: Sequence[int]) -> Mapping[int, Run | GatewayError]:
        """See AdminFacts."""
        return await self._of_each("runs", run_ids, self._admin.runs, self._inferred.runs)

    async def run_details(self, run_ids: Sequence[int]) -> Mapping[int, RunDetails | GatewayError]:
        """See AdminFacts."""
        return await self._of_each("runs", run_ids, self._admin.run_details, self._inferred.run_details)

    async def recent_runs(self, job_ids: Sequence[int], count: int) -> Mapping[int, tuple[Run, ...] | GatewayError]:
        """See AdminFacts."""
        return await self._of_each(
            "runs",
            job_ids,
            lambda some: self._admin.recent_runs(some, count),
            lambda some: self._inferred.recent_runs(some, count),
        )

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """See AdminFacts."""
        return await self._permitted(
            "runs", lambda: self._admin.newest_runs(count), lambda: self._inferred.newest_runs(count)
        )

    async def matching_runs(self, query: RunQuery, count: int) -> RunListing:
        """See AdminFacts."""
        return await self._permitted(
            "runs", lambda: self._admin.matching_runs(query, count), lambda: self._inferred.matching_runs(query, count)
        )

    async def environment_runs(self, environment_id: int, count: int = 100) -> RunListing:
        """See AdminFacts."""
        return await self._permitted(
            "runs",
            lambda: self._admin.environment_runs(environment_id, count),
            lambda: self._inferred.environment_runs(environment_id, count),
        )

    async def ended_runs(self, environment_id: int) -> RunListing:
        """See AdminFacts."""
        return await self._permitted(
            "runs",
            lambda: self._admin.ended_runs(environment_id),
            lambda: self._inferred.ended_runs(environment_id),
        )

    async def run_counts(self, job_ids: Sequence[int]) -> Mapping[int, int | GatewayError | None]:
        """See AdminFacts."""
        return await self._of_each("runs", job_ids, self._admin.run_counts, self._inferred.run_counts)

    def invalidate_run(self, environment_id: int, job_id: int, run_id: int) -> None:
        """See AdminFacts."""
        self._admin.invalidate_run(environment_id, job_id, run_id)
        self._inferred.invalidate_run(environment_id, job_id, run_id)

    def _noted(self, topology: Topology) -> Topology:
        """Jobs that are inferred stand in the environments that were reported last."""
        by_project: dict[int, list[Environment]] = {}
        for environment in topology.environments:
            by_project.setdefault(environment.dbt_cloud_project_id, []).append(environment)
        self._known = tuple(
            ConfiguredProject(number, topology.project_names.get(number, str(number)), tuple(environments))
            for number, environments in by_project.items()
        )
        current_usage().upstream_notes.update(topology.notes)
        return topology

    async def _infer_jobs(self, seen: frozenset[int] | None) -> Mapping[int, Job]:
        await self._know_projects()
        return await self._inferred.jobs(seen)

    async def _know_projects(self) -> None:
        if not self._known:
            await self.topology()

    def _is_refused(self, what: str) -> bool:
        return what in self._refused and self._refused[what][1] > self._clock()

    async def _permitted(self, what: str, ask: Callable[[], Awaitable[T]], infer: Callable[[], Awaitable[T]]) -> T:
        if not self._is_refused(what):
            try:
                return await ask()
            except UpstreamRefused as refused:
                self._note_refusal(what, refused)
        current_usage().upstream_notes.add(_note(what))
        if what == "runs":
            await self._know_projects()
        return await infer()

    async def _of_each(
        self,
        what: str,
        keys: Sequence[int],
        ask: Callable[[Sequence[int]], Awaitable[Mapping[int, T | GatewayError]]],
        infer: Callable[[Sequence[int]], Awaitable[Mapping[int, T | GatewayError]]],
    ) -> Mapping[int, T | GatewayError]:
        answers: Mapping[int, T | GatewayError] = {}
        if not self._is_refused(what):
            answers = await ask(keys)
            refusals = [answer for answer in answers.values() if isinstance(answer, UpstreamRefused)]
            if not refusals:
                return answers
            self._note_refusal(what, refusals[0])
        current_usage().upstream_notes.add(_note(what))
        await self._know_projects()
        missing = [key for key in keys if key not in answers or isinstance(answers[key], UpstreamRefused)]
        # Of what leaves no trace in Discovery nothing can be inferred.
        return {**answers, **dict.fromkeys(missing, self._refused[what][0]), **await infer(missing)}

    def _note_refusal(self, what: str, refused: UpstreamRefused) -> None:
        """Raises a refusal that is about the gateway's address: Discovery would refuse as well."""
        if not is_about_token(refused):
            raise refused
        if what == "runs" and what not in self._refused:
            self._began()
        self._refused[what] = refused, self._clock() + self._seconds


def _note(what: str) -> UpstreamNote:
    message = (
        f"GATEWAY_SERVICE_TOKEN may not read {what} in dbt's Admin API: {_WHAT[what]}. Give it the permission set "
        "Job Viewer or Read-Only in addition to Metadata Only, or do not set GATEWAY_ADMIN_URL."
    )
    return UpstreamNote(NOT_PERMITTED, message)


def _with_advice(refused: UpstreamRefused) -> UpstreamRefused:
    if not is_about_token(refused):
        return refused
    advice = (
        f"{refused.message} It may read Discovery all the same: name projects and environments in [[projects]] of the "
        "configuration, then what Discovery reports is answered."
    )
    return type(refused)(advice, words=refused.words, **refused.details)

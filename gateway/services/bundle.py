"""The services as one: what the rooms above are given, and the one place that opens and closes them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.caching.counts import LookupCounts
from gateway.caching.generations import Generations
from gateway.caching.history_store import HistoryStore
from gateway.caching.memory import Memory
from gateway.caching.tiers import Tiers
from gateway.caching.validity import StalePolicy, max_age_of
from gateway.hierarchy.measures.cost import CostRate
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.admin_facts import AdminFacts
from gateway.services.admin.admin_service import AdminService
from gateway.services.admin.configured import ConfiguredProject
from gateway.services.admin.ended_runs import EndedRuns
from gateway.services.admin.inferred_admin import Discovery, InferredAdmin
from gateway.services.admin.permitted_admin import PermittedAdmin
from gateway.services.admin.run_lists import RunLists
from gateway.services.changes.change_poller import ChangePoller
from gateway.services.changes.invalidation import Invalidation
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.event_bus import EventBus
from gateway.services.models.model_lists import ModelLists
from gateway.services.models.model_service import ModelService
from gateway.services.resilience.api_status import UpstreamStatus, untroubled
from gateway.services.resources.group_service import GroupService
from gateway.services.resources.lineage_service import LineageService
from gateway.services.resources.resource_service import ResourceService
from gateway.services.resources.source_service import SourceService
from gateway.services.runs.discovery_history import DiscoveryHistory
from gateway.services.runs.invocation_arguments import InvocationArguments
from gateway.services.runs.job_service import JobService
from gateway.services.runs.run_figures import RunFigures
from gateway.services.runs.run_history import RunHistory
from gateway.services.transport.graphql_transport import GuardedTransport
from gateway.services.transport.http_transport import HttpTransport
from gateway.telemetry.samples import ReadSamples
from gateway.telemetry.upstream_note import UpstreamNote

if TYPE_CHECKING:
    # Importing redis takes a tenth of a second, which a question in a terminal need not wait for.
    from gateway.caching.redis_client import RedisClient
    from gateway.caching.shared_facts import SharedFacts

T = TypeVar("T")

# Others may wait for a reading who have more time than whoever began it.
_LEAST_READING_SECONDS = 30.0

_NOTHING_WANTED = nullcontext()


MakeHistory = Callable[[DiscoveryHistory, EndedRuns], RunHistory]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where dbt is: the transport, Discovery's full address, the Admin API's host, the account.

    Without an Admin API (`admin_url` None) the account is what `projects` say, and jobs and runs are inferred; beside
    one they say which environments are production and staging.
    `account_key` distinguishes the account of this dbt from any other, and from whatever is served in the place of dbt
    Cloud: what is shared and kept lies under it. `link` is the way to the Redis that replicas share.
    `calls_per_operation` is how many requests one operation may cause, to which the transport keeps; None: any number.
    `make_history` makes what has finished runs in Discovery's place, `kept` is where those that were read outlive the
    process. `notes` are what all answers lack now. `archive_state` says how the archive beside dbt stands, where there
    is to be one.
    `cost_rate` is what its time costs, for estimates. `take_event` is called with events of runs, so that what they did
    is brought into an archive. `samples` are figures of what stands beside dbt.
    """

    transport: HttpTransport
    discovery_url: str
    admin_url: str | None
    account_id: int
    projects: tuple[ConfiguredProject, ...] = ()
    status: Callable[[], UpstreamStatus] = untroubled
    account_key: str = ""
    link: RedisClient | None = None
    calls_per_operation: int | None = None
    make_history: MakeHistory | None = None
    kept: HistoryStore | None = None
    notes: Callable[[], Sequence[UpstreamNote]] = tuple
    archive_state: Callable[[], str] | None = None
    cost_rate: CostRate | None = None
    take_event: Callable[[RunEvent], None] | None = None
    samples: ReadSamples = tuple


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long facts stay fresh, in seconds, and how many bytes of them are kept in memory.

    Stale ones are served as `stale_policy` says; by default never. Nobody can ask for facts fresher than
    `least_max_age` seconds. One reading may take `reading_seconds`, and never less than 30.
    """

    revision_interval: float = 30.0
    topology_seconds: float = 60.0
    cache_bytes: int = 1024 * 1024 * 1024
    least_max_age: float = 0.0
    reading_seconds: float = _LEAST_READING_SECONDS
    stale_policy: StalePolicy = field(default_factory=StalePolicy)

    def part(self, parts: int) -> CachePolicy:
        """The same for one of so many who share the memory."""
        return replace(self, cache_bytes=max(1, self.cache_bytes // parts))


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that can be asked of dbt, and of the archive where there is one. `notes` are what all answers lack."""

    environments: EnvironmentService
    history: RunHistory
    figures: RunFigures
    models: ModelService
    model_lists: ModelLists
    jobs: JobService
    arguments: InvocationArguments
    lineage: LineageService
    groups: GroupService
    sources: SourceService
    resources: ResourceService
    admin: AdminFacts
    events: EventBus
    invalidation: Invalidation
    tiers: Tiers
    poller: ChangePoller
    least_max_age: float = 0.0
    upstream_status: Callable[[], UpstreamStatus] = untroubled
    notes: Callable[[], Sequence[UpstreamNote]] = tuple
    archive_state: Callable[[], str] | None = None
    cost_rate: CostRate | None = None

    @property
    def generations(self) -> Generations:
        """How often the facts of each environment changed."""
        return self.tiers.generations

    def derived(self, key: Hashable, about: object, make: Callable[[], Awaitable[T]]) -> Coroutine[Any, Any, T]:
        """What `make` makes of cached facts, made once while they stay what they are (see caching.derived_cache)."""
        return self.tiers.derived.tell(key, about, make)

    def derived_of(
        self, key: Hashable, objects: object, make: Callable[[], Awaitable[T]], items: int | None = None
    ) -> Coroutine[Any, Any, T]:
        """What `make` makes of `objects` alone, made once while they are kept (see DerivedCache.of_objects)."""
        return self.tiers.derived.of_objects(key, objects, make, items)

    def max_age_of(self, max_age: float | None) -> AbstractContextManager[None]:
        """Within the block only facts count that were known to be true `max_age` seconds ago; None: those that the
        settings let count."""
        return _NOTHING_WANTED if max_age is None else max_age_of(self.tiers.clock() - max(max_age, self.least_max_age))


@asynccontextmanager
async def open_services(
    upstream: Upstream,
    policy: CachePolicy,
    clock: Callable[[], float] = time.monotonic,
    *,
    shared: SharedFacts | None = None,
    counts: LookupCounts | None = None,
) -> AsyncIterator[Services]:
    """The services over one upstream (see build_services); leaving the block closes its connections."""
    async with open_query(upstream, clock) as query:
        services = build_services(query, upstream, policy, clock, shared=shared, counts=counts)
        services.invalidation.listen()
        if upstream.take_event is not None:
            services.invalidation.subscribe(upstream.take_event)
        try:
            yield services
        finally:
            services.generations.ended = True
            await services.invalidation.close()


@asynccontextmanager
async def open_query(upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[BaseQuery]:
    """A session with the upstream's Discovery API; leaving the block closes the upstream's connections."""
    try:
        async with BaseQuery(GuardedTransport(upstream.transport, upstream.discovery_url), clock) as query:
            yield query
    finally:
        await upstream.transport.close()


def build_services(
    query: BaseQuery,
    upstream: Upstream,
    policy: CachePolicy,
    clock: Callable[[], float] = time.monotonic,
    *,
    shared: SharedFacts | None = None,
    counts: LookupCounts | None = None,
) -> Services:
    """Services that know nothing yet, over an open session; `clock` gives the seconds by which facts grow old.

    `shared` is what replicas share. `counts` takes in where facts were found, beside those of other services.
    """
    tiers, interval = _tiers(policy, clock, shared, upstream.kept, counts), policy.revision_interval
    events, api = EventBus(), _admin_api(upstream)
    environments = EnvironmentService(query, interval, tiers, events)
    by_dbt, history = _histories(query, upstream, api)
    models = ModelService(query, environments, tiers, history)
    jobs = JobService(history, interval, tiers)
    discovery = Discovery(query, environments, models, jobs, tiers)
    admin = _admin(upstream, RunLists(api, history) if api else None, policy, discovery, by_dbt.read_commands)
    invalidation = Invalidation(environments, jobs, admin, events, tiers)
    return Services(
        environments=environments,
        history=history,
        models=models,
        model_lists=ModelLists(history, environments, tiers),
        jobs=jobs,
        arguments=InvocationArguments(history, tiers),
        figures=RunFigures(history, environments, tiers, interval),
        lineage=LineageService(query, environments, tiers),
        groups=GroupService(query, environments, tiers),
        sources=SourceService(query, environments, tiers),
        resources=ResourceService(query, environments, tiers),
        admin=admin,
        events=events,
        invalidation=invalidation,
        tiers=tiers,
        poller=ChangePoller(environments, admin, invalidation, tiers, interval),
        least_max_age=policy.least_max_age,
        upstream_status=upstream.status,
        notes=lambda: (*query.notes(), *upstream.notes()),
        archive_state=upstream.archive_state,
        cost_rate=upstream.cost_rate,
    )


def _histories(query: BaseQuery, upstream: Upstream, api: AdminApi | None) -> tuple[DiscoveryHistory, RunHistory]:
    """Dbt's, and the one that is asked, which may be the same."""
    by_dbt = DiscoveryHistory(query, reads_commands=api is None)
    return by_dbt, upstream.make_history(by_dbt, EndedRuns(api)) if upstream.make_history else by_dbt


def _tiers(
    policy: CachePolicy,
    clock: Callable[[], float],
    shared: SharedFacts | None,
    kept: HistoryStore | None,
    counts: LookupCounts | None,
) -> Tiers:
    return Tiers(
        Memory(policy.cache_bytes),
        clock,
        flight_seconds=max(_LEAST_READING_SECONDS, policy.reading_seconds),
        stale_policy=policy.stale_policy,
        shared=shared,
        kept=kept,
        counts=counts or LookupCounts(),
    )


def _admin_api(upstream: Upstream) -> AdminApi | None:
    if upstream.admin_url is None:
        return None
    return AdminApi(upstream.transport, upstream.admin_url, upstream.account_id, upstream.calls_per_operation)


def _admin(
    upstream: Upstream, lists: RunLists | None, policy: CachePolicy, discovery: Discovery, began: Callable[[], None]
) -> PermittedAdmin | InferredAdmin:
    seconds, tiers = policy.topology_seconds, discovery.tiers

    def infer(projects: Callable[[], Sequence[ConfiguredProject]]) -> InferredAdmin:
        return InferredAdmin(upstream.account_id, projects, discovery, seconds, tiers)

    if lists is None:
        return infer(lambda: upstream.projects)
    admin = AdminService(lists, seconds, policy.revision_interval, tiers, upstream.projects)
    return PermittedAdmin(admin, infer, upstream.projects, seconds=seconds, clock=tiers.clock, began=began)

"""EnvironmentService: what an environment is called, and whether its facts have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import OUTDATED, Validity, for_seconds, oldest_acceptable
from gateway.errors import GatewayError, UpstreamRejected
from gateway.hierarchy.objects.visibility import Visibility
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, environment_lookups
from gateway.services.environments.event_bus import Change, ChangeKind, EventBus
from gateway.services.rows.discovery_types import AppliedState, Environment
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

NO_APPLIED_STATE = "NO_APPLIED_STATE"

# Headers are tiny: one document asks for many environments.
_PER_DOCUMENT = 100

# After a run has ended dbt takes in its metadata within seconds as a rule; so long, and so often, it is waited for.
_EXPECTING_SECONDS = 120.0
_EXPECTING_INTERVAL = 5.0

# An environment that nobody has looked at for so many intervals has most likely changed since.
_LONG = 60

_OPERATION = BatchOperation(
    "EnvironmentHeaders",
    "fragment Header on Environment { dbtProjectName adapterType applied { lastUpdatedAt packages(resource: model) } }",
    Environment,
)


@dataclass(frozen=True, slots=True)
class EnvironmentHeader:
    """An environment's dbt project name and the revision of its applied state.

    `revision` is `applied.lastUpdatedAt`; every fact read under it is valid while it stands. `has_state` is False
    until a deployment run has succeeded there. `packages` are those that have models; None where dbt does not report
    them.
    """

    dbt_project_name: str | None
    adapter_type: str | None
    revision: datetime | None
    has_state: bool
    packages: frozenset[str] | None

    def same_project(self, other: EnvironmentHeader) -> bool:
        """Whether it names the same project on the same warehouse."""
        mine = (self.dbt_project_name, self.adapter_type, self.has_state)
        return mine == (other.dbt_project_name, other.adapter_type, other.has_state)


@dataclass(frozen=True, slots=True)
class EnvironmentValidity:
    """An environment's header and how long it is fresh. The environment's other facts are validated by it."""

    header: EnvironmentHeader
    current: Validity

    @property
    def revision(self) -> datetime | None:
        return self.header.revision

    def validate(self, revision: datetime | None) -> Validity:
        """What to think of a fact that was read under a revision."""
        if revision == self.header.revision:
            return self.current
        # Another replica has seen a newer revision than our header: what it read is no older than what we would read.
        is_newer = revision is not None and self.header.revision is not None and revision > self.header.revision
        return self.current if is_newer else OUTDATED


class EnvironmentService:
    """Headers of environments: one aliased document reads all of them, at most once an interval.

    A new revision is published to `changes` and counted in the generations when it is first seen.
    """

    def __init__(self, query: BaseQuery, interval: float, tiers: Tiers, events: EventBus) -> None:
        self._query = query
        self._interval = interval
        self._tiers = tiers
        self._events = events
        codec: Codec[EnvironmentHeader] = Codec(EnvironmentHeader)
        kind: Kind[int, EnvironmentHeader] = Kind(
            "header", environment_of=lambda environment_id: environment_id, codec=codec
        )
        self._cache: FactsCache[int, EnvironmentHeader] = FactsCache(tiers, kind)
        self._seen: dict[int, EnvironmentHeader] = {}
        self._expected: dict[int, float] = {}

    async def headers(
        self, environment_ids: Sequence[int], beside: Callable[[], None] | None = None
    ) -> dict[int, EnvironmentHeader | GatewayError]:
        """The header of each environment, not older than the interval (seconds). Where some have to be read, `beside`
        is called first, to have other facts read at the same time."""
        now = self._tiers.clock()

        async def fetch(missing: list[int]) -> Mapping[int, EnvironmentHeader | GatewayError]:
            if beside is not None:
                beside()
            return await self._fetch(missing)

        headers = await self._cache.get_many(
            environment_ids, fetch, lambda environment_id, fact: self._validate(environment_id, fact, now)
        )
        self._notice(
            {
                environment_id: header
                for environment_id, header in headers.items()
                if isinstance(header, EnvironmentHeader)
            }
        )
        return headers

    async def names(self, environment_ids: Sequence[int]) -> dict[int, EnvironmentHeader | GatewayError]:
        """Headers for the names of environments. Those read within the interval are used, whatever has changed in the
        environments since. Others are read, and nothing else with them."""
        now, since = self._tiers.clock(), oldest_acceptable()
        known: dict[int, EnvironmentHeader | GatewayError] = {}
        for environment_id in environment_ids:
            fact = self._cache.peek(environment_id)
            if fact is not None and now - fact.read_at < self._interval and fact.confirmed_at >= since:
                current_usage().used_fact(fact.read_at, fact.confirmed_at, fact.read_at + self._interval)
                known[environment_id] = fact.value
        missing = [environment_id for environment_id in environment_ids if environment_id not in known]
        if not missing:
            return known
        headers = await self._cache.get_many(
            missing, self._fetch_alone, lambda environment_id, fact: self._validate(environment_id, fact, now)
        )
        self._notice(
            {
                environment_id: header
                for environment_id, header in headers.items()
                if isinstance(header, EnvironmentHeader)
            }
        )
        return known | headers

    def project_name(self, environment_id: int) -> str | None:
        """The environment's dbt project name, by the last header that was read of it; None where none was."""
        header = self._seen.get(environment_id)
        return header.dbt_project_name if header else None

    def is_shown(self, environment_id: int, visibility: Visibility) -> bool:
        """Whether the environment is visible, by the last header that was read of it; False for one never read."""
        header = self._seen.get(environment_id)
        return header is not None and visibility.shows(header.dbt_project_name or "", environment_id)

    def long_unseen(self, environment_ids: Sequence[int]) -> list[int]:
        """Those whose header was not read for so long, if ever, that their other facts had better be read at once."""
        since = self._tiers.clock() - _LONG * self._interval
        known = {environment_id: self._cache.peek(environment_id) for environment_id in environment_ids}
        return [environment_id for environment_id, fact in known.items() if fact is None or fact.read_at < since]

    async def sorted_out(
        self, environment_ids: Sequence[int]
    ) -> tuple[dict[int, EnvironmentValidity], dict[int, GatewayError]]:
        """How the environments stand that can be read, and the errors of the others. What is read by them counts as
        facts of theirs in the answer."""
        headers = await self.headers(environment_ids)
        current_usage().environments.update(headers)
        readable = {
            environment_id: self._standing(environment_id, h)
            for environment_id, h in headers.items()
            if isinstance(h, EnvironmentHeader)
        }
        for environment_id, standing in readable.items():
            if not standing.header.has_state:
                current_usage().upstream_notes.add(_without_state(environment_id, standing.header))
        return readable, {
            environment_id: header for environment_id, header in headers.items() if isinstance(header, GatewayError)
        }

    def expect_change(self, environment_id: int) -> None:
        """Has a header asked again at once, and often until its revision moves: dbt takes in a run's metadata some time
        after the run has ended."""
        self._cache.invalidate(environment_id)
        self._expected[environment_id] = self._tiers.clock() + _EXPECTING_SECONDS

    def _validate(self, environment_id: int, fact: Fact[EnvironmentHeader], now: float) -> Validity:
        return for_seconds(fact.read_at, self._interval_of(environment_id, now), now)

    def _interval_of(self, environment_id: int, now: float) -> float:
        if environment_id not in self._expected:
            return self._interval
        if now >= self._expected[environment_id]:
            del self._expected[environment_id]
            return self._interval
        return min(self._interval, _EXPECTING_INTERVAL)

    def _standing(self, environment_id: int, header: EnvironmentHeader) -> EnvironmentValidity:
        now = self._tiers.clock()
        fact = self._cache.peek(environment_id)
        read_at = fact.read_at if fact else now
        until = read_at + self._interval_of(environment_id, now)
        return EnvironmentValidity(header, Validity(current=True, until=until, confirmed_at=read_at))

    def _notice(self, headers: Mapping[int, EnvironmentHeader]) -> None:
        for environment_id, header in headers.items():
            before = self._seen.get(environment_id)
            if before == header:
                continue
            self._seen[environment_id] = header
            if before is not None:
                self._expected.pop(environment_id, None)
                self._tiers.generations.advance(
                    (environment_id,) if before.same_project(header) else (environment_id, ACCOUNT)
                )
                self._events.publish(Change(ChangeKind.ENVIRONMENT_CHANGED, environment_id))

    async def _fetch(self, environment_ids: list[int]) -> Mapping[int, EnvironmentHeader | GatewayError]:
        """Asks along those whose check is due soon, so that checks go together; not where a run has ended, which must
        not show in how old the facts of others are."""
        if not self._expected.keys().isdisjoint(environment_ids):
            return await self._fetch_alone(environment_ids)
        soon = self._tiers.clock() - self._interval / 2
        known = {
            environment_id: self._cache.peek(environment_id)
            for environment_id in self._seen
            if environment_id not in set(environment_ids)
        }
        due = [environment_id for environment_id, fact in known.items() if fact is not None and fact.read_at < soon]
        lookups = environment_lookups([*environment_ids, *due], "...Header")
        answers = await self._query.look_up(_OPERATION, list(lookups.values()), _PER_DOCUMENT)
        headers = {
            environment_id: _header(answers.get(lookup.alias), environment_id)
            for environment_id, lookup in lookups.items()
        }
        for environment_id in due:
            header = headers.pop(environment_id)
            if isinstance(header, EnvironmentHeader):
                self._cache.put(environment_id, header)
                self._notice({environment_id: header})
        return headers

    async def _fetch_alone(self, environment_ids: list[int]) -> Mapping[int, EnvironmentHeader | GatewayError]:
        lookups = environment_lookups(environment_ids, "...Header")
        answers = await self._query.look_up(_OPERATION, list(lookups.values()), _PER_DOCUMENT)
        return {
            environment_id: _header(answers.get(lookup.alias), environment_id)
            for environment_id, lookup in lookups.items()
        }


def _revision(applied: AppliedState | None) -> datetime | None:
    """Without a time from dbt, every reading of the header is a new revision: facts are fresh for one interval only."""
    if applied is None or applied.last_updated_at is not None:
        return applied.last_updated_at if applied else None
    return datetime.now(UTC)


def _packages(applied: AppliedState | None) -> frozenset[str] | None:
    if applied is None:
        return frozenset()
    return None if applied.packages is None else frozenset(applied.packages)


def _without_state(environment_id: int, header: EnvironmentHeader) -> UpstreamNote:
    return UpstreamNote(
        NO_APPLIED_STATE,
        f"dbt has no applied state of environment {environment_id}"
        + (f" (project {header.dbt_project_name})" if header.dbt_project_name else "")
        + ": no deployment run has succeeded there, or its metadata has expired. Its models are not known.",
        (environment_id,),
    )


def _header(answer: Environment | GatewayError | None, environment_id: int) -> EnvironmentHeader | GatewayError:
    if isinstance(answer, GatewayError):
        return answer
    if answer is None:
        return UpstreamRejected(f"dbt knows no environment {environment_id}.")
    applied = answer.applied
    return EnvironmentHeader(
        dbt_project_name=answer.dbt_project_name,
        adapter_type=answer.adapter_type,
        revision=_revision(applied),
        has_state=applied is not None,
        packages=_packages(applied),
    )

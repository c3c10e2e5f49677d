"""Facts of one kind under their keys: returned while they are fresh, read in batches, each key by one flight only."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.caching.codec import Codec, key_text
from gateway.caching.memory import Fact
from gateway.caching.shared_reading import SharedReading
from gateway.caching.single_flight import FetchResult, Flight, wait_for
from gateway.caching.tiers import Tiers
from gateway.caching.validity import StalePolicy, Validity, oldest_acceptable
from gateway.concurrency.bounded_map import BoundedMap
from gateway.concurrency.deadline import deadline_of_its_own, seconds_left
from gateway.concurrency.only_if_cached import NotCached, is_only_if_cached
from gateway.errors import GatewayError, NotFound, UpstreamCallsExceeded, UpstreamError, UpstreamTimeout
from gateway.telemetry.usage import Usage, current_usage, measuring

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REVALIDATING = "REVALIDATING"
"""Why an outdated fact is returned: it is being read again."""

_MOST_NOTED = 10_000

Fetch = Callable[[list[K]], Awaitable[Mapping[K, "V | GatewayError"]]]
Validate = Callable[[K, Fact[V]], Validity]


def _weighs_little(_: object) -> int:
    return 200


def _of_no_environment(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, V]):
    """What the facts of one cache have in common: a name, their bytes in memory, whose environment a key belongs to.

    `patience` replaces the stale policy's: seconds to wait for a new fact while there is an outdated one. Without
    `codec` they are not shared with other replicas. The name must be no other cache's. What
    `is_final` is kept for good where there is a place for it.
    """

    name: str
    weigh: Callable[[V], int] = _weighs_little
    environment_of: Callable[[K], int | None] = _of_no_environment
    patience: float | None = None
    codec: Codec[V] | None = None
    is_final: Callable[[V], bool] | None = None


@dataclass(slots=True)
class _Lookup(Generic[K, V]):
    """One question to the cache: what is answered, and the facts to fall back on for what is not."""

    validate: Validate[K, V]
    usage: Usage
    since: float
    seconds: float
    answers: dict[K, V | GatewayError] = field(default_factory=dict)
    fallback: dict[K, Fact[V]] = field(default_factory=dict)
    mine: set[K] = field(default_factory=set)


class FactsCache(Generic[K, V]):
    """Facts in the memory of `tiers`, with single flight per key.

    All who wait for a flight get its error. Errors are not cached, except NOT_FOUND for some seconds. The stale policy
    says whether and how long an outdated fact is returned in place of a new one or of an error; the caller's usage
    marks it.
    """

    def __init__(self, tiers: Tiers, kind: Kind[K, V]) -> None:
        self._tiers = tiers
        self._kind = kind
        self._room = tiers.memory.new_kind()
        self._flights: dict[K, Flight[K, V]] = {}
        self._absent: BoundedMap[K, tuple[NotFound, float]] = BoundedMap(_MOST_NOTED)
        self._invalidated: BoundedMap[K, float] = BoundedMap(_MOST_NOTED)
        policy = tiers.stale_policy
        patience = policy.patience if kind.patience is None else kind.patience
        self._stale_policy = StalePolicy(policy.while_reading, policy.on_error, patience)

    async def get_many(
        self, keys: Sequence[K], fetch: Fetch[K, V], validate: Validate[K, V]
    ) -> dict[K, V | GatewayError]:
        """A value or an error for every key: from memory if `validate` finds it current, from a flight in progress, or
        from one `fetch` of all others. The result of another caller's flight is validated too, and fetched again if it
        is not enough. Waits no longer than the caller's deadline. Within `only_if_cached` raises NotCached for what is
        not in memory and current."""
        lookup = _Lookup(validate, current_usage(), oldest_acceptable(), seconds_left(math.inf))
        pending: Collection[K] = dict.fromkeys(keys)
        while pending:
            self._land_finished(pending)
            hits = lookup.usage.cache_hits
            missing = self._take_current(pending, lookup)
            if is_only_if_cached():
                if missing:
                    raise NotCached
                # The executor counts the hits if the attempt succeeds.
                break
            self._tiers.counts.note("memory", lookup.usage.cache_hits - hits, len(missing))
            if not missing:
                break
            at_once = [key for key in missing if self._may_be_told_at_once(lookup.fallback.get(key))]
            waited = [key for key in missing if key not in set(at_once)] if at_once else missing
            self._refresh(at_once, fetch, lookup)
            flights = self._join(waited, fetch, lookup)
            await self._wait(flights, lookup)
            pending = [key for key, flight in flights.items() if not self._take_landed(key, flight, lookup)]
        return lookup.answers

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]], validate: Callable[[Fact[V]], Validity]) -> V:
        """The value of one key; raises what `fetch` raises."""

        async def fetch_one(_: list[K]) -> Mapping[K, V | GatewayError]:
            return {key: await fetch()}

        answer = (await self.get_many([key], fetch_one, lambda _, fact: validate(fact)))[key]
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    def put(self, key: K, value: V) -> None:
        """Caches a value that was read along with something else."""
        self._keep(key, Fact(value, self._tiers.clock()))

    def peek(self, key: K) -> Fact[V] | None:
        """The cached fact of a key, current or not."""
        return self._tiers.memory.peek((self._room, key))

    def invalidate(self, key: K) -> None:
        """Marks the fact of a key, also one that is being read, as outdated. It may still replace an error."""
        self._flights.pop(key, None)
        self._absent.pop(key)
        fact = self.peek(key)
        if fact is not None:
            fact.invalidated = True
        # Facts that other replicas read before now are outdated too.
        self._invalidated.put(key, self._tiers.clock())

    def _take_current(self, keys: Collection[K], lookup: _Lookup[K, V]) -> list[K]:
        """Answers what is current; the keys that are left."""
        missing: list[K] = []
        for key in keys:
            fact = self._tiers.memory.use((self._room, key))
            if fact is None:
                if not self._take_absent(key, lookup):
                    missing.append(key)
            elif not self._take(key, fact, lookup):
                missing.append(key)
            else:
                lookup.usage.found_at((self._room, key))
        return missing

    def _take(self, key: K, fact: Fact[V], lookup: _Lookup[K, V]) -> bool:
        """Answers with a fact if it is current; else it may serve to fall back on."""
        validity = lookup.validate(key, fact)
        confirmed_at = fact.read_at if validity.confirmed_at is None else validity.confirmed_at
        if validity.current and confirmed_at >= lookup.since and not fact.invalidated:
            fact.confirmed_at = max(fact.confirmed_at, confirmed_at)
            self._answer(key, fact, lookup, validity.until)
            return True
        if validity.usable and fact.confirmed_at >= lookup.since:
            lookup.fallback[key] = fact
        return False

    def _answer(self, key: K, fact: Fact[V], lookup: _Lookup[K, V], until: float) -> None:
        lookup.answers[key] = fact.value
        lookup.usage.used_fact(fact.read_at, fact.confirmed_at, until)

    def _answer_stale(self, key: K, fact: Fact[V], lookup: _Lookup[K, V], reason: str) -> None:
        self._answer(key, fact, lookup, -math.inf)
        lookup.usage.used_stale_fact(reason, self._kind.environment_of(key))
        self._tiers.counts.stale[reason] += 1

    def _take_absent(self, key: K, lookup: _Lookup[K, V]) -> bool:
        known = self._absent.peek(key)
        if known is None or self._tiers.clock() - known[1] >= self._tiers.negative_seconds or known[1] < lookup.since:
            return False
        lookup.answers[key] = known[0]
        lookup.usage.found_at((self._room, key))
        return True

    def _may_be_told_at_once(self, fact: Fact[V] | None) -> bool:
        return fact is not None and self._stale_policy.patience <= 0 and self._is_recent(fact)

    def _is_recent(self, fact: Fact[V]) -> bool:
        return self._tiers.clock() - fact.confirmed_at < self._stale_policy.while_reading

    def _refresh(self, keys: list[K], fetch: Fetch[K, V], lookup: _Lookup[K, V]) -> None:
        """Answers with what is cached, and has it read again for those who come next."""
        for key in keys:
            self._answer_stale(key, lookup.fallback[key], lookup, REVALIDATING)
            lookup.usage.found_at((self._room, key))
        starting = [key for key in keys if key not in self._flights]
        if starting:
            with measuring(Usage(caller=lookup.usage.caller)):
                self._start(starting, fetch, lookup.validate)

    def _join(self, keys: list[K], fetch: Fetch[K, V], lookup: _Lookup[K, V]) -> dict[K, Flight[K, V]]:
        """The flight of each key: one that departs now for all that have none."""
        starting = [key for key in keys if key not in self._flights]
        lookup.usage.shared += len(keys) - len(starting)
        self._tiers.counts.joined += len(keys) - len(starting)
        lookup.usage.cache_misses += len(starting)
        flights = {key: self._flights[key] for key in keys if key in self._flights}
        if starting:
            mine = self._start(starting, fetch, lookup.validate)
            flights |= dict.fromkeys(starting, mine)
            lookup.mine.update(starting)
        return flights

    async def _wait(self, flights: Mapping[K, Flight[K, V]], lookup: _Lookup[K, V]) -> None:
        """Waits for the flights; not long for those whose keys all have something recent cached."""
        recent = {key for key in flights if key in lookup.fallback and self._is_recent(lookup.fallback[key])}
        needed = {flight for key, flight in flights.items() if key not in recent}
        await wait_for(set(flights.values()), self._stale_policy.patience if recent else math.inf)
        await wait_for(needed, math.inf)

    def _take_landed(self, key: K, flight: Flight[K, V], lookup: _Lookup[K, V]) -> bool:
        """Answers with what a flight brought, or what there is instead; False when the key must be fetched again."""
        if not flight.task.done():
            self._answer_instead(key, None, lookup)
            return True
        outcome = flight.outcome(key)
        if isinstance(outcome, UpstreamCallsExceeded) and key not in lookup.mine:
            # Another operation has come to the end of its calls, not this one.
            return False
        if isinstance(outcome, GatewayError):
            self._answer_instead(key, outcome, lookup)
            return True
        if key in lookup.mine:
            self._answer(key, outcome, lookup, lookup.validate(key, outcome).until)
            return True
        return self._take(key, outcome, lookup)

    def _answer_instead(self, key: K, error: GatewayError | None, lookup: _Lookup[K, V]) -> None:
        """What is cached in place of an error, or of a flight (None) that takes too long; else the error."""
        fact = lookup.fallback.get(key)
        if fact is not None and error is None and self._is_recent(fact):
            self._answer_stale(key, fact, lookup, REVALIDATING)
            return
        failure = error or _too_slow(lookup.seconds)
        if fact is not None and self._is_tolerable(fact, failure):
            self._answer_stale(key, fact, lookup, failure.code)
            return
        lookup.answers[key] = failure

    def _is_tolerable(self, fact: Fact[V], failure: GatewayError) -> bool:
        # What is said of the question or of the token, an older answer would hide.
        hides_nothing = isinstance(failure, UpstreamError) and failure.transient
        return hides_nothing and self._tiers.clock() - fact.confirmed_at < self._stale_policy.on_error

    def _start(self, keys: list[K], fetch: Fetch[K, V], validate: Validate[K, V]) -> Flight[K, V]:
        started_at = self._tiers.clock()
        task = asyncio.get_running_loop().create_task(self._fetch(keys, fetch, validate))
        flight = Flight(keys, task, started_at)
        self._flights.update(dict.fromkeys(keys, flight))
        task.add_done_callback(lambda _: self._complete(flight))
        return flight

    async def _fetch(self, keys: list[K], fetch: Fetch[K, V], validate: Validate[K, V]) -> FetchResult[K, V]:
        with deadline_of_its_own(self._tiers.flight_seconds):
            known = await self._read_kept(keys)
            missing = [key for key in keys if key not in known]
            fetched = await self._read(missing, fetch, validate) if missing else {}
        self._keep_for_good(fetched)
        return {**known, **fetched}

    async def _read(self, keys: list[K], fetch: Fetch[K, V], validate: Validate[K, V]) -> FetchResult[K, V]:
        codec, shared = self._kind.codec, self._tiers.shared
        if shared is not None and codec is not None:
            accepts = self._accepting(validate, oldest_acceptable())
            clock, counts = self._tiers.clock, self._tiers.counts
            return await SharedReading(shared, self._kind.name, codec, clock, fetch, accepts, counts).read(keys)
        started_at = self._tiers.clock()
        return {
            key: value if isinstance(value, GatewayError) else Fact(value, started_at)
            for key, value in (await fetch(keys)).items()
        }

    async def _read_kept(self, keys: Collection[K]) -> dict[K, Fact[V]]:
        """What was kept before this process began, but for what is said to have changed since."""
        kept, codec = self._tiers.kept, self._kind.codec
        if kept is None or codec is None or self._kind.is_final is None:
            return {}
        names = {key_text(key): key for key in keys if key not in self._invalidated}
        payloads = await kept.read(self._kind.name, list(names))
        values = {names[name]: codec.from_bytes(payload) for name, payload in payloads.items()}
        self._tiers.counts.note("database", len(values), len(names) - len(values))
        now = self._tiers.clock()
        return {key: Fact(value, now) for key, value in values.items() if value is not None}

    def _keep_for_good(self, fetched: FetchResult[K, V]) -> None:
        kept, codec, is_final = self._tiers.kept, self._kind.codec, self._kind.is_final
        if kept is None or codec is None or is_final is None:
            return
        facts = {key: fact for key, fact in fetched.items() if isinstance(fact, Fact) and is_final(fact.value)}
        if facts:
            payloads = {key_text(key): codec.to_bytes(fact.value) for key, fact in facts.items()}
            kept.later(kept.write(self._kind.name, payloads))

    def _accepting(self, validate: Validate[K, V], since: float) -> Callable[[K, Fact[V]], bool]:
        """Whether a fact from outside the process will do for whom the flight departs."""

        def accepts(key: K, fact: Fact[V]) -> bool:
            validity = validate(key, fact)
            confirmed_at = fact.read_at if validity.confirmed_at is None else validity.confirmed_at
            invalidated_at = self._invalidated.peek(key)
            is_newer = invalidated_at is None or fact.read_at >= invalidated_at
            return validity.current and confirmed_at >= since and is_newer

        return accepts

    def _land_finished(self, keys: Collection[K]) -> None:
        """Lands what has finished already, before its callback runs: who boarded it would neither wait nor let the
        callback run, and so board it for ever."""
        if self._flights:
            for flight in {self._flights[key] for key in keys if key in self._flights}:
                if flight.task.done():
                    self._complete(flight)

    def _complete(self, flight: Flight[K, V]) -> None:
        # Keys that were outdated meanwhile are not its own any more: what it brings was read too early to be kept.
        own = [key for key in flight.keys if self._flights.get(key) is flight]
        for key in own:
            del self._flights[key]
        if flight.failure is not None:
            return
        fetched = flight.task.result()
        for key in own:
            fact = fetched.get(key)
            if isinstance(fact, Fact):
                self._keep(key, fact)
            elif isinstance(fact, NotFound):
                self._note_absence(key, fact, flight.started_at)

    def _keep(self, key: K, fact: Fact[V]) -> None:
        fact.weight = self._kind.weigh(fact.value)
        self._absent.pop(key)
        self._tiers.memory.put((self._room, key), fact)

    def _note_absence(self, key: K, absence: NotFound, at: float) -> None:
        self._absent.put(key, (absence, at))


def _too_slow(seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"dbt did not answer within the {max(0.0, seconds):.1f} s this request had left. "
        "Ask for less at once, or try again later."
    )

"""Facts of one kind under their keys: told while they are believed, read in batches, each key by one flight only."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.at_hand import ensure_may_ask, only_at_hand
from gateway.caching.belief import Belief, Tolerance, wanted_since
from gateway.caching.flights import Flight, Found, wait_for
from gateway.caching.memory import Fact
from gateway.caching.packing import Packing, key_text
from gateway.caching.sharing import SharedReading
from gateway.caching.tiers import Tiers
from gateway.deadline import deadline_of_its_own, seconds_left
from gateway.errors import GatewayError, NotFound, UpstreamCallsExceeded, UpstreamError, UpstreamTimeout
from gateway.telemetry.usage import Usage, current_usage, measuring

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REVALIDATING = "REVALIDATING"
"""Why an outdated fact is told: it is being read again."""

_MOST_NOTED = 10_000

Fetch = Callable[[list[K]], Awaitable[Mapping[K, "V | GatewayError"]]]
Judge = Callable[[K, Fact[V]], Belief]


def _weighs_little(_: object) -> int:
    return 200


def _of_no_environment(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, V]):
    """What the facts of one cache have in common: a name, their bytes in memory, whose environment a key belongs to.

    `patience` replaces the tolerance's: seconds to wait for a new fact while an outdated one is at hand. Without
    `packing` they are not shared with other replicas. The name must be no other cache's. What
    `is_final` is kept for good where there is a place for it.
    """

    name: str
    weigh: Callable[[V], int] = _weighs_little
    environment_of: Callable[[K], int | None] = _of_no_environment
    patience: float | None = None
    packing: Packing[V] | None = None
    is_final: Callable[[V], bool] | None = None


@dataclass(slots=True)
class _Asked(Generic[K, V]):
    """One question to the cache: what is answered, and the facts to fall back on for what is not."""

    judge: Judge[K, V]
    usage: Usage
    since: float
    seconds: float
    answers: dict[K, V | GatewayError] = field(default_factory=dict)
    at_hand: dict[K, Fact[V]] = field(default_factory=dict)
    mine: set[K] = field(default_factory=set)


class FactsCache(Generic[K, V]):
    """Facts in the memory of `tiers`, with single flight per key.

    Errors are handed to everybody who waited and are never kept, except that something does not exist, for some
    seconds. Whether and how long an outdated fact is told in the place of a new one, or of an error, says the
    tolerance; it is marked in the usage of who asked.
    """

    def __init__(self, tiers: Tiers, kind: Kind[K, V]) -> None:
        self._tiers = tiers
        self._kind = kind
        self._room = tiers.memory.new_kind()
        self._flights: dict[K, Flight[K, V]] = {}
        self._absent: OrderedDict[K, tuple[NotFound, float]] = OrderedDict()
        self._outdated: OrderedDict[K, float] = OrderedDict()
        given = tiers.tolerance
        patience = given.patience if kind.patience is None else kind.patience
        self._tolerance = Tolerance(given.while_reading, given.on_error, patience)

    async def get_many(self, keys: Sequence[K], fetch: Fetch[K, V], judge: Judge[K, V]) -> dict[K, V | GatewayError]:
        """A value or an error for every key: from memory where `judge` finds it current, from a flight under way, or
        by one `fetch` of all that is left. What a flight of others brings is judged too, and fetched again where it
        does not do: they may have asked for less. Waits no longer than the caller's deadline. Where nothing may be
        asked, raises NotAtHand for what is not in memory and current."""
        asked = _Asked(judge, current_usage(), wanted_since(), seconds_left(math.inf))
        pending: Collection[K] = dict.fromkeys(keys)
        while pending:
            self._land_finished(pending)
            hits = asked.usage.cache_hits
            missing = self._take_current(pending, asked)
            if missing:
                ensure_may_ask()
            if not only_at_hand():
                # Else whoever makes the answer counts, if it comes to one.
                self._tiers.counts.note("memory", asked.usage.cache_hits - hits, len(missing))
            if not missing:
                break
            at_once = [key for key in missing if self._may_be_told_at_once(asked.at_hand.get(key))]
            waited = [key for key in missing if key not in set(at_once)] if at_once else missing
            self._refresh(at_once, fetch, asked)
            flights = self._board(waited, fetch, asked)
            await self._wait(flights, asked)
            pending = [key for key, flight in flights.items() if not self._take_landed(key, flight, asked)]
        return asked.answers

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]], judge: Callable[[Fact[V]], Belief]) -> V:
        """The value of one key; raises what `fetch` raises."""

        async def fetch_one(_: list[K]) -> Mapping[K, V | GatewayError]:
            return {key: await fetch()}

        answer = (await self.get_many([key], fetch_one, lambda _, fact: judge(fact)))[key]
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    def put(self, key: K, value: V) -> None:
        """Keeps a value that came along with something else."""
        self._keep(key, Fact(value, self._tiers.clock()))

    def peek(self, key: K) -> Fact[V] | None:
        """What is known under a key, current or not."""
        return self._tiers.memory.peek((self._room, key))

    def outdate(self, key: K) -> None:
        """What is known under a key, or being read, is not current any more: it is read again when it is asked for.

        It may still be told in the place of an error.
        """
        self._flights.pop(key, None)
        self._absent.pop(key, None)
        fact = self.peek(key)
        if fact is not None:
            fact.outdated = True
        # What others have read before this moment is outdated as well.
        self._outdated[key] = self._tiers.clock()
        self._outdated.move_to_end(key)
        if len(self._outdated) > _MOST_NOTED:
            self._outdated.popitem(last=False)

    def _take_current(self, keys: Collection[K], asked: _Asked[K, V]) -> list[K]:
        """Answers what is current; the keys that are left."""
        missing: list[K] = []
        for key in keys:
            fact = self._tiers.memory.use((self._room, key))
            if fact is None:
                if not self._take_absent(key, asked):
                    missing.append(key)
            elif not self._take(key, fact, asked):
                missing.append(key)
            else:
                asked.usage.found_at((self._room, key))
        return missing

    def _take(self, key: K, fact: Fact[V], asked: _Asked[K, V]) -> bool:
        """Answers with a fact if it is current; else it may serve to fall back on."""
        belief = asked.judge(key, fact)
        confirmed_at = fact.read_at if belief.confirmed_at is None else belief.confirmed_at
        if belief.current and confirmed_at >= asked.since and not fact.outdated:
            fact.confirmed_at = max(fact.confirmed_at, confirmed_at)
            self._answer(key, fact, asked, belief.until)
            return True
        if belief.usable and fact.confirmed_at >= asked.since:
            asked.at_hand[key] = fact
        return False

    def _answer(self, key: K, fact: Fact[V], asked: _Asked[K, V], until: float) -> None:
        asked.answers[key] = fact.value
        asked.usage.used_fact(fact.read_at, fact.confirmed_at, until)

    def _answer_stale(self, key: K, fact: Fact[V], asked: _Asked[K, V], reason: str) -> None:
        self._answer(key, fact, asked, -math.inf)
        asked.usage.used_stale_fact(reason, self._kind.environment_of(key))
        self._tiers.counts.stale[reason] += 1

    def _take_absent(self, key: K, asked: _Asked[K, V]) -> bool:
        known = self._absent.get(key)
        if known is None or self._tiers.clock() - known[1] >= self._tiers.negative_seconds or known[1] < asked.since:
            return False
        asked.answers[key] = known[0]
        asked.usage.found_at((self._room, key))
        return True

    def _may_be_told_at_once(self, fact: Fact[V] | None) -> bool:
        return fact is not None and self._tolerance.patience <= 0 and self._is_recent(fact)

    def _is_recent(self, fact: Fact[V]) -> bool:
        return self._tiers.clock() - fact.confirmed_at < self._tolerance.while_reading

    def _refresh(self, keys: list[K], fetch: Fetch[K, V], asked: _Asked[K, V]) -> None:
        """Answers with what is at hand, and has it read again for those who come next."""
        for key in keys:
            self._answer_stale(key, asked.at_hand[key], asked, REVALIDATING)
            asked.usage.found_at((self._room, key))
        departing = [key for key in keys if key not in self._flights]
        if departing:
            with measuring(Usage(caller=asked.usage.caller)):
                self._depart(departing, fetch, asked.judge)

    def _board(self, keys: list[K], fetch: Fetch[K, V], asked: _Asked[K, V]) -> dict[K, Flight[K, V]]:
        """The flight of each key: one that departs now for all that have none."""
        departing = [key for key in keys if key not in self._flights]
        asked.usage.shared += len(keys) - len(departing)
        self._tiers.counts.joined += len(keys) - len(departing)
        asked.usage.cache_misses += len(departing)
        flights = {key: self._flights[key] for key in keys if key in self._flights}
        if departing:
            mine = self._depart(departing, fetch, asked.judge)
            flights |= dict.fromkeys(departing, mine)
            asked.mine.update(departing)
        return flights

    async def _wait(self, flights: Mapping[K, Flight[K, V]], asked: _Asked[K, V]) -> None:
        """Waits for the flights; not long for those whose keys all have something recent at hand."""
        recent = {key for key in flights if key in asked.at_hand and self._is_recent(asked.at_hand[key])}
        needed = {flight for key, flight in flights.items() if key not in recent}
        await wait_for(set(flights.values()), self._tolerance.patience if recent else math.inf)
        await wait_for(needed, math.inf)

    def _take_landed(self, key: K, flight: Flight[K, V], asked: _Asked[K, V]) -> bool:
        """Answers with what a flight brought, or what there is instead; False when the key must be fetched again."""
        if not flight.task.done():
            self._answer_instead(key, None, asked)
            return True
        found = flight.outcome(key)
        if isinstance(found, UpstreamCallsExceeded) and key not in asked.mine:
            # Another operation has come to the end of its calls, not this one.
            return False
        if isinstance(found, GatewayError):
            self._answer_instead(key, found, asked)
            return True
        if key in asked.mine:
            self._answer(key, found, asked, asked.judge(key, found).until)
            return True
        return self._take(key, found, asked)

    def _answer_instead(self, key: K, error: GatewayError | None, asked: _Asked[K, V]) -> None:
        """What is at hand in the place of an error, or of a flight (None) that takes too long; else the error."""
        fact = asked.at_hand.get(key)
        if fact is not None and error is None and self._is_recent(fact):
            self._answer_stale(key, fact, asked, REVALIDATING)
            return
        failure = error or _too_slow(asked.seconds)
        if fact is not None and self._is_tolerable(fact, failure):
            self._answer_stale(key, fact, asked, failure.code)
            return
        asked.answers[key] = failure

    def _is_tolerable(self, fact: Fact[V], failure: GatewayError) -> bool:
        # What is said of the question or of the token, an older answer would hide.
        hides_nothing = isinstance(failure, UpstreamError) and failure.passing
        return hides_nothing and self._tiers.clock() - fact.confirmed_at < self._tolerance.on_error

    def _depart(self, keys: list[K], fetch: Fetch[K, V], judge: Judge[K, V]) -> Flight[K, V]:
        departed_at = self._tiers.clock()
        task = asyncio.get_running_loop().create_task(self._fly(keys, fetch, judge))
        flight = Flight(keys, task, departed_at)
        self._flights.update(dict.fromkeys(keys, flight))
        task.add_done_callback(lambda _: self._land(flight))
        return flight

    async def _fly(self, keys: list[K], fetch: Fetch[K, V], judge: Judge[K, V]) -> Found[K, V]:
        with deadline_of_its_own(self._tiers.flight_seconds):
            known = await self._read_kept(keys)
            missing = [key for key in keys if key not in known]
            found = await self._read(missing, fetch, judge) if missing else {}
        self._keep_for_good(found)
        return {**known, **found}

    async def _read(self, keys: list[K], fetch: Fetch[K, V], judge: Judge[K, V]) -> Found[K, V]:
        packing, shared = self._kind.packing, self._tiers.shared
        if shared is not None and packing is not None:
            accepts = self._accepting(judge, wanted_since())
            clock, counts = self._tiers.clock, self._tiers.counts
            return await SharedReading(shared, self._kind.name, packing, clock, fetch, accepts, counts).read(keys)
        departed_at = self._tiers.clock()
        return {
            key: value if isinstance(value, GatewayError) else Fact(value, departed_at)
            for key, value in (await fetch(keys)).items()
        }

    async def _read_kept(self, keys: Collection[K]) -> dict[K, Fact[V]]:
        """What was kept before this process began, but for what is said to have changed since."""
        kept, packing = self._tiers.kept, self._kind.packing
        if kept is None or packing is None or self._kind.is_final is None:
            return {}
        names = {key_text(key): key for key in keys if key not in self._outdated}
        payloads = await kept.read(self._kind.name, list(names))
        values = {names[name]: packing.from_bytes(payload) for name, payload in payloads.items()}
        self._tiers.counts.note("database", len(values), len(names) - len(values))
        now = self._tiers.clock()
        return {key: Fact(value, now) for key, value in values.items() if value is not None}

    def _keep_for_good(self, found: Found[K, V]) -> None:
        kept, packing, is_final = self._tiers.kept, self._kind.packing, self._kind.is_final
        if kept is None or packing is None or is_final is None:
            return
        facts = {key: fact for key, fact in found.items() if isinstance(fact, Fact) and is_final(fact.value)}
        if facts:
            payloads = {key_text(key): packing.to_bytes(fact.value) for key, fact in facts.items()}
            kept.later(kept.write(self._kind.name, payloads))

    def _accepting(self, judge: Judge[K, V], since: float) -> Callable[[K, Fact[V]], bool]:
        """Whether a fact from outside the process will do for whom the flight departs."""

        def accepts(key: K, fact: Fact[V]) -> bool:
            belief = judge(key, fact)
            confirmed_at = fact.read_at if belief.confirmed_at is None else belief.confirmed_at
            is_newer = fact.read_at >= self._outdated.get(key, -math.inf)
            return belief.current and confirmed_at >= since and is_newer

        return accepts

    def _land_finished(self, keys: Collection[K]) -> None:
        """Lands what has finished already, before its callback runs: who boarded it would neither wait nor let the
        callback run, and so board it for ever."""
        if self._flights:
            for flight in {self._flights[key] for key in keys if key in self._flights}:
                if flight.task.done():
                    self._land(flight)

    def _land(self, flight: Flight[K, V]) -> None:
        # Keys that were outdated meanwhile are not its own any more: what it brings was read too early to be kept.
        own = [key for key in flight.keys if self._flights.get(key) is flight]
        for key in own:
            del self._flights[key]
        if flight.failure is not None:
            return
        found = flight.task.result()
        for key in own:
            fact = found.get(key)
            if isinstance(fact, Fact):
                self._keep(key, fact)
            elif isinstance(fact, NotFound):
                self._note_absence(key, fact, flight.departed_at)

    def _keep(self, key: K, fact: Fact[V]) -> None:
        fact.weight = self._kind.weigh(fact.value)
        self._absent.pop(key, None)
        self._tiers.memory.put((self._room, key), fact)

    def _note_absence(self, key: K, absence: NotFound, at: float) -> None:
        self._absent[key] = (absence, at)
        if len(self._absent) > _MOST_NOTED:
            self._absent.popitem(last=False)


def _too_slow(seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"dbt did not answer within the {max(0.0, seconds):.1f} s this request had left. "
        "Ask for less at once, or try again later."
    )

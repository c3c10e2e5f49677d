"""What one request cost and how complete its answer is: the source of `extensions.gateway`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.telemetry.upstream_note import UpstreamNote, in_order


class Subject(NamedTuple):
    """An object that an answer is about: its type (Account, Project, Model, Job or Run), its id, and the environment
    that it is in; None of the account."""

    type: str
    id: str
    environment_id: int | None


class Usage(Struct):
    """Counters of one request. Upstream requests are counted for the request that caused them, not for those that
    waited for the same answer (`shared`). `inferred` names the kinds of facts that were derived, not read.

    `caller` is who asked, for fair shares. `began` is when the operation began (time of `clock`, the caches' clock):
    what was read since is current for all of it, so that nothing is asked twice for one answer. `valid_until` is the
    time up to which every fact behind the answer is fresh without asking dbt; `environments` are those whose facts are
    in it, 0 among them for the account's lists; `stale` that some may be out of date, for `stale_reasons`. `known` are
    the places of the facts that were in memory: each counts once, however often it was looked up. Who does not
    `sees_all` is not told how the shared cache was used: by that they would learn what happens in what is hidden.
    `history_sources` names what reported finished runs: ARCHIVE, DISCOVERY; `history_since` is the time since which all
    histories behind the answer hold every run, None where that is not known. `upstream_notes`: what dbt did not report.
    `subjects` are the objects that root fields were asked for, `entities` those of references, in their order, None
    where one named nothing.
    """

    discovery_requests: int = 0
    admin_requests: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    shared: int = 0
    oldest_fact: float | None = None
    oldest_confirmation: float | None = None
    incomplete: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    inferred: tuple[str, ...] = ()
    caller: str | None = None
    began: float = math.inf
    valid_until: float = math.inf
    environments: set[int] = field(default_factory=set)
    stale: bool = False
    stale_reasons: set[str] = field(default_factory=set)
    stale_environments: set[int] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic
    known: set[tuple[int, Hashable]] = field(default_factory=set)
    sees_all: bool = True
    seen: frozenset[int] = frozenset()
    history_sources: set[str] = field(default_factory=set)
    history_since: datetime | None = None
    upstream_notes: set[UpstreamNote] = field(default_factory=set)
    subjects: list[Subject] = field(default_factory=list)
    entities: list[Subject | None] | None = None

    def found_at(self, place: tuple[int, Hashable]) -> None:
        """Notes a fact that was in memory."""
        if place not in self.known:
            self.known.add(place)
            self.cache_hits += 1

    def include(self, other: Usage) -> None:
        """Takes over what was used for a part of the answer, all of it in memory."""
        before = len(self.known)
        self.known |= other.known
        self.cache_hits += len(self.known) - before
        self.environments |= other.environments
        self.seen |= other.seen
        self.read_history(other.history_sources, other.history_since)
        self.upstream_notes |= other.upstream_notes
        if other.incomplete or other.notes or other.stale:
            self.incomplete += other.incomplete
            self.notes += other.notes
            self.stale = self.stale or other.stale
            self.stale_reasons |= other.stale_reasons
            self.stale_environments |= other.stale_environments
        if other.valid_until < self.valid_until:
            self.valid_until = other.valid_until
        if other.oldest_fact is not None and other.oldest_confirmation is not None:
            self.used_fact(other.oldest_fact, other.oldest_confirmation, other.valid_until)

    def used_fact(self, read_at: float, confirmed_at: float, until: float) -> None:
        """Notes a fact behind the answer: when it was read, when it was last known to be true, and how long it is
        believed without asking (times of the caches' clock; infinite ones for what never changes)."""
        if self.oldest_fact is None or read_at < self.oldest_fact:
            self.oldest_fact = read_at
        if self.oldest_confirmation is None or confirmed_at < self.oldest_confirmation:
            self.oldest_confirmation = confirmed_at
        if until < self.valid_until:
            self.valid_until = until

    def read_history(self, sources: Iterable[str], since: datetime | None) -> None:
        """Notes where histories behind the answer were read, and since when they hold every run if that is known."""
        self.history_sources.update(sources)
        if since is not None and (self.history_since is None or since > self.history_since):
            self.history_since = since

    def used_stale_fact(self, reason: str, environment_id: int | None) -> None:
        """Notes that a fact behind the answer may be out of date: why, and whose it is."""
        self.stale = True
        self.stale_reasons.add(reason)
        if environment_id is not None:
            self.stale_environments.add(environment_id)

    def take_ages(self, other: Usage) -> None:
        """Takes over how old the facts behind another usage are."""
        if other.oldest_fact is not None and other.oldest_confirmation is not None:
            self.used_fact(other.oldest_fact, other.oldest_confirmation, other.valid_until)

    def expect_entities(self, count: int) -> int:
        """Makes room for the objects of so many more references; returns the place of the first."""
        self.entities = self.entities or []
        self.entities += [None] * count
        return len(self.entities) - count

    def repeated(self) -> Usage:
        """The usage of the same answer given again: nothing read, nothing looked up."""
        return replace(self, cache_hits=0, cache_misses=0, shared=0, known=set())

    def as_extension(self) -> dict[str, Any]:
        """`extensions.gateway` of the answer; ages are seconds."""
        now = self.clock()
        return {
            "upstreamRequests": self.discovery_requests + self.admin_requests,
            "discoveryRequests": self.discovery_requests,
            "adminRequests": self.admin_requests,
            "cacheHits": self.cache_hits if self.sees_all else 0,
            "cacheMisses": self.cache_misses if self.sees_all else 0,
            "sharedFlights": self.shared if self.sees_all else 0,
            "oldestFactSeconds": _age(self.oldest_fact, now),
            "confirmedSeconds": _age(self.oldest_confirmation, now),
            "stale": self.stale,
            "staleReasons": sorted(self.stale_reasons) if self.stale else [],
            "staleEnvironments": sorted(map(str, self._shown(self.stale_environments))) if self.stale else [],
            "incomplete": self.incomplete,
            "notes": self._notes(),
            "inferred": list(self.inferred),
            "historySources": sorted(self.history_sources),
            "historySince": self.history_since and self.history_since.isoformat().replace("+00:00", "Z"),
        }

    def _notes(self) -> list[dict[str, Any]]:
        """Those of dbt's gaps, then those of fields, each in order."""
        if not self.notes and not self.upstream_notes:
            return []
        shown = {note for note in self.upstream_notes if self._are_shown(note.environment_ids)}
        return [note.as_extension() for note in in_order(shown)] + sorted(self.notes, key=_path)

    def _are_shown(self, environment_ids: Collection[int]) -> bool:
        return len(self._shown(environment_ids)) == len(environment_ids)

    def _shown(self, environment_ids: Iterable[int]) -> list[int]:
        """Those of some environments that the caller may see: what a job did is sought in hidden ones too."""
        return [id_ for id_ in environment_ids if self.sees_all or id_ in self.seen]

    def ages(self) -> dict[str, float]:
        """How old the oldest fact is, and how long ago the one longest unconfirmed was known to be true; seconds."""
        now = self.clock()
        return {
            "oldestFactSeconds": _age(self.oldest_fact, now),
            "confirmedSeconds": _age(self.oldest_confirmation, now),
        }


def _path(note: Mapping[str, Any]) -> list[str]:
    return list(map(str, note.get("path", ())))


def _age(moment: float | None, now: float) -> float:
    return 0.0 if moment is None or moment > now else round(now - moment, 3)


_current: ContextVar[Usage | None] = ContextVar("gateway_usage", default=None)


def current_usage() -> Usage:
    """The usage of the request being served; outside of one, a throwaway."""
    return _current.get() or Usage()


class measuring:  # noqa: N801  # a context manager; every request enters several, and a generator takes thrice as long
    """Makes `usage` the current one for the block and for every task started inside it."""

    __slots__ = ("_token", "_usage")

    def __init__(self, usage: Usage) -> None:
        self._usage = usage

    def __enter__(self) -> Usage:
        self._token = _current.set(self._usage)
        return self._usage

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


@contextmanager
def uncounted() -> Iterator[Usage]:
    """What is asked in the block does not show in the current request's counts and ages, only in how long its answer
    holds."""
    request = current_usage()
    apart = Usage(caller=request.caller, began=request.began, clock=request.clock)
    with measuring(apart):
        yield apart
    request.valid_until = min(request.valid_until, apart.valid_until)
    request.environments |= apart.environments
    request.stale = request.stale or apart.stale
    request.stale_reasons |= apart.stale_reasons

"""What one request cost and how complete its answer is: the source of `extensions.gateway`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Usage:
    """Counters of one request. Upstream requests are counted for the request that caused them, not for those that
    waited for the same answer (`shared`). `inferred` names the kinds of facts that were derived, not read.

    `caller` is who asked, for fair shares. `valid_until` is the `time.monotonic()` up to which every fact behind the
    answer is believed without asking; `environments` are those whose facts are in it; `stale` that some are known to
    be out of date.
    """

    discovery_requests: int = 0
    admin_requests: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    shared: int = 0
    oldest_fact: float | None = None
    incomplete: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    inferred: tuple[str, ...] = ()
    caller: str | None = None
    valid_until: float = math.inf
    environments: set[int] = field(default_factory=set)
    stale: bool = False

    def used_fact(self, read_at: float) -> None:
        """Notes the `time.monotonic()` at which a fact behind the answer was read."""
        self.oldest_fact = read_at if self.oldest_fact is None else min(self.oldest_fact, read_at)

    def as_extension(self) -> dict[str, Any]:
        """`extensions.gateway` of the answer; ages are seconds."""
        age = 0.0 if self.oldest_fact is None else max(0.0, time.monotonic() - self.oldest_fact)
        return {
            "upstreamRequests": self.discovery_requests + self.admin_requests,
            "discoveryRequests": self.discovery_requests,
            "adminRequests": self.admin_requests,
            "cacheHits": self.cache_hits,
            "cacheMisses": self.cache_misses,
            "sharedFlights": self.shared,
            "oldestFactSeconds": round(age, 3),
            "incomplete": self.incomplete,
            "notes": self.notes,
            "inferred": list(self.inferred),
        }


_current: ContextVar[Usage | None] = ContextVar("gateway_usage", default=None)


def current_usage() -> Usage:
    """The usage of the request being served; outside of one, a throwaway."""
    return _current.get() or Usage()


@contextmanager
def measuring(usage: Usage) -> Iterator[Usage]:
    """Makes `usage` the current one for the block and for every task started inside it."""
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


@contextmanager
def uncounted() -> Iterator[None]:
    """What is asked in the block does not show in the current request's counts, only in how long its answer holds."""
    request = current_usage()
    apart = Usage(caller=request.caller)
    with measuring(apart):
        yield
    request.valid_until = min(request.valid_until, apart.valid_until)
    request.environments |= apart.environments
    request.stale = request.stale or apart.stale
    if apart.oldest_fact is not None:
        request.used_fact(apart.oldest_fact)

"""Where facts are kept, and what all caches of one process have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.caching.counts import LookupCounts
from gateway.caching.derived_cache import DerivedCache
from gateway.caching.generations import Generations
from gateway.caching.history_store import HistoryStore
from gateway.caching.memory import Memory
from gateway.caching.validity import StalePolicy

if TYPE_CHECKING:
    from gateway.caching.shared_facts import SharedFacts


@dataclass(frozen=True, slots=True)
class Tiers:
    """The memory of the process, the clock by which facts grow old, and how outdated ones are treated.

    `flight_seconds` is how long one reading of facts may take, however long those who wait for it are willing to;
    `negative_seconds` how long a missing thing counts as missing. `shared` is what replicas share,
    `kept` what outlives the process, `recalled` what was made of facts in memory. `counts` takes in where facts were
    found.
    """

    memory: Memory
    clock: Callable[[], float] = time.monotonic
    flight_seconds: float = 30.0
    negative_seconds: float = 5.0
    stale_policy: StalePolicy = field(default_factory=StalePolicy)
    generations: Generations = field(default_factory=Generations)
    shared: SharedFacts | None = None
    kept: HistoryStore | None = None
    counts: LookupCounts = field(default_factory=LookupCounts)
    derived: DerivedCache = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "derived", DerivedCache(self.memory, self.generations, self.clock))

"""Counts of where facts were looked for and found, for those who watch the gateway."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Tier = Literal["memory", "redis", "database"]


@dataclass(slots=True)
class LookupCounts:
    """Of one process. A fact in memory counts once for each answer it is in. What memory does not hold is looked for in
    the tiers after it, if there are any, and then asked of dbt; `joined` counts facts that somebody else was reading
    already, `stale` outdated ones that were returned, by reason."""

    hits: Counter[Tier] = field(default_factory=Counter)
    misses: Counter[Tier] = field(default_factory=Counter)
    joined: int = 0
    stale: Counter[str] = field(default_factory=Counter)

    def note(self, tier: Tier, hits: int, misses: int) -> None:
        """Takes in one look at a tier."""
        if hits:
            self.hits[tier] += hits
        if misses:
            self.misses[tier] += misses

"""Whether an answer may be given again, by what was used to make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.caching.generations import Generations
from gateway.telemetry.usage import Usage


@dataclass(frozen=True, slots=True)
class CacheValidator:
    """See execution.request.Lasting. `extension` is what `usage` says, ages aside; `counts` are the generations of the
    answer's environments; `tags` are further extensions, which stay as they are."""

    usage: Usage
    extension: Mapping[str, Any]
    generations: Generations
    total: int
    counts: tuple[int, ...]
    tags: Mapping[str, object] = field(default_factory=dict)

    def holds(self) -> bool:
        """Whether every fact behind the answer is still fresh, and none has changed."""
        usage, generations = self.usage, self.generations
        if generations.ended or usage.clock() >= usage.valid_until:
            return False
        return generations.total == self.total or generations.of(usage.environments) == self.counts

    def seconds(self) -> float:
        """For how many seconds every fact behind the answer is still believed without asking."""
        return self.usage.valid_until - self.usage.clock()

    def extensions(self) -> Mapping[str, Any]:
        """What the answer cost, given now: nothing; and how old it is."""
        return {"gateway": {**self.extension, **self.usage.ages()}, **self.tags}


def lasting(
    usage: Usage, generations: Generations, total_before: int, tags: Mapping[str, object] | None = None
) -> CacheValidator | None:
    """None for an answer of facts that are missing, may be out of date, were read for it or changed while it was made:
    since `total_before`, the generations' total at its beginning.

    What was read may be something that is never kept; who asks again finds the rest among the facts.
    """
    was_read = usage.discovery_requests or usage.admin_requests or usage.shared
    if was_read or usage.incomplete or usage.stale or generations.total != total_before:
        return None
    repeated = usage.repeated()
    counts = generations.of(usage.environments)
    return CacheValidator(repeated, repeated.as_extension(), generations, total_before, counts, tags or {})

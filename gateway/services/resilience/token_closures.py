"""429s for callers' own tokens: each closes its token, and a second token's 429 closes the API for all callers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.concurrency.bounded_map import BoundedMap
from gateway.services.resilience.request_budget import closed_for

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Closure:
    """Until when a token is not sent, by the clock, and whether dbt ever accepted it."""

    until: float
    proven: bool


class TokenClosures:
    """Until when each token is not sent. dbt may count by token or by account and does not say which. A 429 for a
    second token while a first one is closed shows that dbt counts them together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._closures: BoundedMap[str, _Closure] = BoundedMap(_MOST)

    def check(self, token: str) -> None:
        """Raises UpstreamRateLimited while a token is closed."""
        closure = self._closures.peek(token)
        left = closure.until - self._clock() if closure else 0.0
        if left > 0:
            raise closed_for(left)

    def close_for(self, token: str, seconds: float, *, proven: bool) -> bool:
        """Closes a token; whether to close the API for all callers. A token that dbt has not accepted never does."""
        now = self._clock()
        others = any(other.until > now and other.proven for key, other in self._closures.items() if key != token)
        before = self._closures.peek(token)
        self._closures.put(token, _Closure(now + seconds, proven or (before is not None and before.proven)))
        return proven and others

"""429s that dbt gave to callers' own tokens: each closes its token, and everybody's way once it meets a second one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from gateway.errors import UpstreamRateLimited
from gateway.services.resilience.request_budget import closed_for

_MOST = 10_000


class TokenClosures:
    """Until when each token is not sent. dbt may count by token or by account, and does not say which: that a second
    token meets a 429 while a first one is closed tells that it counts them together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()
        self._proven: set[str] = set()

    def check(self, token: str) -> None:
        """Raises UpstreamRateLimited while a token is closed."""
        left = self._until.get(token, 0.0) - self._clock()
        if left > 0:
            raise self._closed(left)

    def close_for(self, token: str, seconds: float, *, proven: bool) -> bool:
        """Closes a token; whether everybody is to be closed. One that dbt has not accepted never closes others."""
        now = self._clock()
        others = any(until > now and one in self._proven for one, until in self._until.items() if one != token)
        self._until[token] = now + seconds
        self._until.move_to_end(token)
        if proven:
            self._proven.add(token)
        if len(self._until) > _MOST:
            self._proven.discard(self._until.popitem(last=False)[0])
        return proven and others

    def _closed(self, seconds: float) -> UpstreamRateLimited:
        return closed_for(seconds)

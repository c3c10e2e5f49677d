"""Which failures are worth another try, and how many tries a dbt in trouble is asked to bear."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable

from gateway.services.resilience.policy import RetryPolicy
from gateway.services.transport.http_transport import TransportResponse

# A gateway before dbt gave up, or dbt is being restarted. Not 500: the same question would meet the same fault.
_PASSING = frozenset({502, 503, 504})


class RetryBudget:
    """Counts the calls and retries of the last seconds; `pause_before` says whether, and when, to try again."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._calls: deque[float] = deque()
        self._retries: deque[float] = deque()

    def count_call(self) -> None:
        """Notes a first try."""
        self._calls.append(self._now(self._calls))

    def pause_before(self, retry: int, seconds_left: float) -> float | None:
        """Seconds to wait before the `retry`-th retry (from 1); None when there is to be none.

        A pause that is given is counted as a retry.
        """
        now = self._now(self._calls)
        self._now(self._retries)
        allowed = max(self._policy.always, self._policy.share * len(self._calls))
        if retry > self._policy.most or len(self._retries) + 1 > allowed:
            return None
        # Never at once, and never all together: from half to all of the pause.
        pause = self._policy.pause * 2.0 ** (retry - 1) * (0.5 + self._chance() / 2)
        if pause >= seconds_left:
            return None
        self._retries.append(now)
        return pause

    def _now(self, times: deque[float]) -> float:
        now = self._clock()
        while times and times[0] <= now - self._policy.window:
            times.popleft()
        return now


def is_transient(response: TransportResponse) -> bool:
    """Whether an answer is one that the next try may not meet."""
    return response.status in _PASSING

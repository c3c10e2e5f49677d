"""How much one caller may ask for in a minute, in estimated cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.concurrency.bounded_map import BoundedMap
from gateway.http.errors import RateLimited

_SECONDS = 60
_MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class ThrottleStatus:
    """A caller's budget after a request. `available` comes back at `maximum` in 60 seconds."""

    maximum: int
    available: int

    def as_extension(self) -> dict[str, int | float]:
        """What a response says under `extensions.cost.throttleStatus`; `restoreRate` is cost per second."""
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": self.available,
            "restoreRate": self.maximum / _SECONDS,
        }

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of the IETF's draft on rate limits: the policy, what is left, and seconds until it is whole."""
        whole_after = math.ceil((self.maximum - self.available) * _SECONDS / self.maximum)
        return [
            (b"ratelimit-policy", b'"cost";q=%d;w=%d' % (self.maximum, _SECONDS)),
            (b"ratelimit", b'"cost";r=%d;t=%d' % (self.available, whole_after)),
        ]


class CallerBudgets:
    """One budget for each caller's name, in this process; whole at first, and again after 60 seconds without requests.
    Callers without a name share one. Budgets of the 10,000 latest callers are kept."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._clock = clock
        self._left: BoundedMap[str | None, tuple[float, float]] = BoundedMap(_MOST_CALLERS)

    def spend(self, caller: str | None, cost: int) -> ThrottleStatus:
        """Takes the cost of one request. Raises RateLimited, and takes nothing, when less than that is left."""
        now = self._clock()
        left, at = self._left.get(caller) or (self._most, now)
        left = min(self._most, left + (now - at) * self._most / _SECONDS)
        if cost > left:
            seconds = math.ceil((cost - left) * _SECONDS / self._most)
            status = ThrottleStatus(self._most, int(left))
            raise RateLimited(
                f"Your requests may cost {self._most} in a minute. This one costs {cost}, and {int(left)} is left. "
                f"Ask again in {seconds} s, or ask for less.",
                retryAfter=seconds,
                cost=cost,
                throttleStatus=status.as_extension(),
            )
        self._left.put(caller, (left - cost, now))
        return ThrottleStatus(self._most, int(left - cost))

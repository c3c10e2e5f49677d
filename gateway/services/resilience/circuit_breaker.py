"""A circuit breaker: an API that fails half of its calls is left alone for a while, then probed by one call."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gateway.errors import UpstreamCircuitOpen
from gateway.services.resilience.policy import BreakerPolicy

BreakerState = Literal["closed", "open", "half-open"]

_SLOTS = 10


@dataclass(slots=True)
class _Slot:
    """What came of the calls that ended in a tenth of the window."""

    number: int
    good: int = 0
    bad: int = 0


class Breaker:
    """Counts calls of a sliding window. `admit` returns an attempt; report its end to it."""

    def __init__(self, policy: BreakerPolicy, api: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._api = api
        self._clock = clock
        self._slots: deque[_Slot] = deque()
        self._open_until: float | None = None
        self._probing = False
        # Calls that were let out before the breaker changed its state say nothing about the state after it.
        self._generation = 0

    @property
    def state(self) -> BreakerState:
        """How it stands now. Half-open: the next call, or the one under way, is the probe."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    def check(self) -> None:
        """Raises UpstreamCircuitOpen when a call would not be let out now."""
        state = self.state
        if state == "open" or (state == "half-open" and self._probing):
            left = max(0.0, (self._open_until or 0.0) - self._clock())
            raise UpstreamCircuitOpen(
                f"dbt's {self._api} API failed too often, so the gateway sends it no requests for a moment. Try again "
                "in a few seconds.",
                retryAfter=max(1, math.ceil(left)),
            )

    def admit(self) -> Attempt:
        """Lets a call out. Raises UpstreamCircuitOpen."""
        self.check()
        self._probing = self._open_until is not None
        return Attempt(self, self._generation)

    def conclude(self, generation: int, good: bool | None) -> None:
        """Counts how a call of a generation ended; None: it does not count, as when the caller went away."""
        if generation != self._generation:
            return
        if self._open_until is not None:
            self._conclude_probe(good)
        elif good is not None:
            self._count(good)
            if not good and self._fails_too_often():
                self._open()

    def _conclude_probe(self, good: bool | None) -> None:
        self._probing = False
        if good:
            self._open_until = None
            self._slots.clear()
            self._generation += 1
        elif good is False:
            self._open()

    def _open(self) -> None:
        self._open_until = self._clock() + self._policy.open_seconds
        self._generation += 1
        self._probing = False

    def _count(self, good: bool) -> None:
        number = int(self._clock() * _SLOTS / self._policy.window)
        while self._slots and self._slots[0].number <= number - _SLOTS:
            self._slots.popleft()
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        slot = self._slots[-1]
        slot.good += good
        slot.bad += not good

    def _fails_too_often(self) -> bool:
        bad = sum(slot.bad for slot in self._slots)
        calls = bad + sum(slot.good for slot in self._slots)
        return calls >= self._policy.calls and bad >= self._policy.share * calls


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that was let out. Exactly one of its methods is called, once."""

    breaker: Breaker
    generation: int

    def answered(self) -> None:
        """dbt answered, be it with a refusal."""
        self.breaker.conclude(self.generation, True)

    def failed(self) -> None:
        """No connection, no answer in time, or a 5xx."""
        self.breaker.conclude(self.generation, False)

    def abandoned(self) -> None:
        """The caller went away or had too little time. This does not count for or against dbt."""
        self.breaker.conclude(self.generation, None)

"""How the two APIs stand, for health checks and metrics."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import UpstreamError, UpstreamInvalidResponse, UpstreamTimeout
from gateway.services.resilience.circuit_breaker import BreakerState
from gateway.services.transport.http_transport import TransportResponse


@dataclass(frozen=True, slots=True)
class ApiStatus:
    """One API: its breaker, the tokens left of its budget (None: unbounded), the seconds until dbt may be asked again
    after a 429, how many calls wait for a token, and whether the budget is shared with other replicas (None: there is
    nothing to share it through; False: it should be, but the shared store is gone).

    `sent` counts the calls made since the start by outcome, `withheld` those not made by code, `retries` the repeats.
    """

    breaker: BreakerState = "closed"
    tokens_left: float | None = None
    closed_seconds: float = 0.0
    waiting: int = 0
    shared: bool | None = None
    sent: Mapping[str, int] = field(default_factory=dict)
    short_circuited: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0


@dataclass(slots=True)
class ApiCounts:
    """Outcomes of one API's calls: `ok`; `refused` (3xx and 4xx), `rate_limited` (429), `failed` (5xx); `timeout`,
    `unreachable`, `invalid` (not a valid response); `abandoned` (no caller waited any more). `answered_at`: time of the
    last response other than a 5xx, on the transport's clock."""

    sent: Counter[str] = field(default_factory=Counter)
    short_circuited: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    answered_at: float = -math.inf

    def answered(self, response: TransportResponse) -> None:
        """Counts a call that was answered."""
        if response.status == 429:
            self.sent["rate_limited"] += 1
        elif response.status >= 500:
            self.sent["failed"] += 1
        else:
            self.sent["refused" if response.status >= 300 else "ok"] += 1

    def lost(self, failure: UpstreamError) -> None:
        """Counts a call that was sent and not answered, or with something unreadable."""
        if isinstance(failure, UpstreamTimeout):
            self.sent["timeout"] += 1
        else:
            self.sent["invalid" if isinstance(failure, UpstreamInvalidResponse) else "unreachable"] += 1


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """Both APIs of dbt."""

    discovery: ApiStatus
    admin: ApiStatus


def untroubled() -> UpstreamStatus:
    """How an upstream stands that is asked without discipline."""
    return UpstreamStatus(ApiStatus(), ApiStatus())

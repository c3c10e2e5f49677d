"""How the two APIs stand, for health checks and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.services.discipline.breaker import BreakerState


@dataclass(frozen=True, slots=True)
class LineStatus:
    """One API: its breaker, the tokens left of its budget (None: unbounded), the seconds until dbt may be asked again
    after a 429, how many calls wait for a token, and whether the budget is shared with other replicas (None: there is
    nothing to share it through; False: it should be, but the shared store is gone)."""

    breaker: BreakerState = "closed"
    tokens_left: float | None = None
    closed_seconds: float = 0.0
    waiting: int = 0
    shared: bool | None = None


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """Both APIs of dbt."""

    discovery: LineStatus
    admin: LineStatus


def untroubled() -> UpstreamStatus:
    """How an upstream stands that is asked without discipline."""
    return UpstreamStatus(LineStatus(), LineStatus())

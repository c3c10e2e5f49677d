"""Timeouts open the breaker when dbt is silent, not when it answers everybody else."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gateway.errors import UpstreamCircuitOpen, UpstreamTimeout
from gateway.services.resilience.policy import ResiliencePolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.transport.http_transport import TransportLimits, TransportRequest, TransportResponse
from tests.clock import Clock

SLOW = TransportRequest("POST", "http://dbt/graphql", body=b"slow")
QUICK = TransportRequest("POST", "http://dbt/graphql", body=b"quick")


class Dbt:
    """Answers quick questions at once and slow ones never; while a slow one waits, `others` quick ones are asked."""

    def __init__(self, clock: Clock, others: int) -> None:
        self._clock, self._others = clock, others
        limits = TransportLimits(seconds=1.0)
        around = TransportDependencies(clock=clock)
        self.transport = ResilientTransport(self, ResiliencePolicy(), limits, around)

    async def send(self, request: TransportRequest) -> TransportResponse:
        if request.body == b"quick":
            return TransportResponse(200, {}, b"{}")
        self._clock.now += 0.5
        for _ in range(self._others):
            await self.transport.send(QUICK)
        self._clock.now += 0.5
        raise UpstreamTimeout("dbt did not answer", had_full_time=True)

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(("others", "end"), [(0, UpstreamCircuitOpen), (1, UpstreamTimeout)])
async def test_twenty_slow_questions(others: int, end: type[Exception]) -> None:
    dbt = Dbt(Clock(), others)
    for _ in range(20):
        with suppress(UpstreamTimeout, UpstreamCircuitOpen):
            await dbt.transport.send(SLOW)
    with pytest.raises(end):
        await dbt.transport.send(SLOW)

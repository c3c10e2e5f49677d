"""Which calls are tried again, how often, and never for longer than there is time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from gateway.concurrency.deadline import deadline_in
from gateway.errors import (
    GatewayError,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.services.resilience.policy import BreakerPolicy, ResiliencePolicy, RetryPolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.resilience.retries import RetryBudget
from gateway.services.transport.http_transport import TransportLimits, TransportRequest, TransportResponse
from gateway.telemetry.usage import Usage, measuring
from tests.clock import Clock

ASKED = TransportRequest("POST", "https://dbt/graphql", body=b"{}")
Outcome = TransportResponse | GatewayError


def answered(status: int, body: bytes = b"{}", **headers: str) -> TransportResponse:
    return TransportResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


class Script:
    """A wire that gives these outcomes, one after the other; the last one for ever."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = list(outcomes)
        self.sent = 0

    async def send(self, request: TransportRequest) -> TransportResponse:
        outcome = self.outcomes[min(self.sent, len(self.outcomes) - 1)]
        self.sent += 1
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    async def close(self) -> None:
        return None


def disciplined(transport: Script, clock: Clock, **policy: object) -> ResilientTransport:
    return ResilientTransport(
        transport, ResiliencePolicy(**policy), TransportLimits(), TransportDependencies(clock, clock.sleep)
    )


TRANSIENT: dict[str, Callable[[], Outcome]] = {
    "no connection": lambda: UpstreamUnavailable("no connection"),
    "502": lambda: answered(502),
    "503": lambda: answered(503),
    "504": lambda: answered(504),
}
LASTING: dict[str, Callable[[], Outcome]] = {
    "timeout": lambda: UpstreamTimeout("too slow"),
    "too large": lambda: UpstreamInvalidResponse("too large"),
    **{str(status): lambda status=status: answered(status) for status in (200, 302, 400, 401, 403, 404, 429, 500, 501)},
}


@pytest.mark.parametrize("name", TRANSIENT)
async def test_what_may_pass_is_tried_three_times(name: str) -> None:
    failing, mended = Script([TRANSIENT[name]()]), Script([TRANSIENT[name](), TRANSIENT[name](), answered(200)])
    assert (await disciplined(mended, Clock()).send(ASKED)).status == 200
    try:
        assert (await disciplined(failing, Clock()).send(ASKED)).status >= 502
    except UpstreamUnavailable:
        assert name == "no connection"
    assert (mended.sent, failing.sent) == (3, 3)


@pytest.mark.parametrize("name", LASTING)
async def test_what_would_come_again_is_asked_once(name: str) -> None:
    transport = Script([LASTING[name]()])
    try:
        assert str((await disciplined(transport, Clock()).send(ASKED)).status) == name
    except GatewayError:
        assert name in ("timeout", "too large", "429")
    assert transport.sent == 1


async def test_pauses_grow_and_are_never_the_same() -> None:
    policy = RetryPolicy()
    lowest, highest = RetryBudget(policy, Clock(), lambda: 0.0), RetryBudget(policy, Clock(), lambda: 1.0)
    assert [lowest.pause_before(retry, 10) for retry in (1, 2, 3)] == [0.1, 0.2, None]
    assert [highest.pause_before(retry, 10) for retry in (1, 2, 3)] == [0.2, 0.4, None]


async def test_no_retry_is_begun_that_the_time_does_not_allow() -> None:
    transport = Script([answered(503)])
    with deadline_in(0.3):
        assert (await disciplined(transport, Clock()).send(ASKED)).status == 503
    assert transport.sent == 1


async def test_a_dbt_in_trouble_is_asked_a_tenth_more_not_thrice_as_much() -> None:
    clock = Clock()
    transport = Script([answered(503)])
    patient = disciplined(transport, clock, breaker=BreakerPolicy(calls=10_000))
    for _ in range(200):
        await patient.send(ASKED)
    assert transport.sent <= 200 * 1.1 + 1


async def test_three_retries_are_always_there() -> None:
    budget = RetryBudget(RetryPolicy(), Clock())
    budget.count_call()
    assert [budget.pause_before(1, 10) is not None for _ in range(4)] == [True, True, True, False]


async def test_an_open_breaker_and_a_closed_budget_are_not_tried_against() -> None:
    clock = Clock()
    transport = Script([answered(500)])
    sender = disciplined(transport, clock)
    for _ in range(20):
        await sender.send(ASKED)
    with pytest.raises(GatewayError, match="sends it no requests") as refused:
        await sender.send(ASKED)
    assert refused.value.code == "UPSTREAM_CIRCUIT_OPEN"
    assert transport.sent == 20
    assert sender.status().discovery.breaker == "open"
    assert sender.status().admin.breaker == "closed"


CLOSING: dict[str, tuple[TransportResponse, float]] = {
    "seconds": (answered(429, retry_after="7"), 7),
    "nothing": (answered(429), 300),
    "no sense": (answered(429, retry_after="soon"), 300),
    "a past date": (answered(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), 1),
    "a far date": (answered(429, retry_after="Wed, 21 Oct 2099 07:28:00 GMT"), 3600),
    "an error in an answer": (answered(200, b'{"errors": [{"message": "Too Many Requests"}], "data": null}'), 300),
    "an error beside 400": (answered(400, b'{"errors": [{"message": "rate limit exceeded"}]}'), 300),
}


@pytest.mark.parametrize("name", CLOSING)
async def test_after_a_rate_limit_nothing_is_sent_until_dbt_wants_it(name: str) -> None:
    response, seconds = CLOSING[name]
    clock = Clock()
    transport = Script([response, answered(200)])
    sender = disciplined(transport, clock)
    # Who meets the limit is told for how long it holds, as are those who come after.
    for passed, left in ((0, seconds), (seconds - 0.5, 1)):
        clock.now += passed
        with pytest.raises(GatewayError) as refused:
            await sender.send(ASKED)
        assert refused.value.extensions == {"code": "UPSTREAM_RATE_LIMITED", "retryAfter": left}
    assert transport.sent == 1
    clock.now += 0.5
    assert (await sender.send(ASKED)).status == 200


async def test_one_api_s_limit_does_not_close_the_other() -> None:
    transport = Script([answered(429), answered(200)])
    sender = disciplined(transport, Clock())
    with pytest.raises(UpstreamRateLimited):
        await sender.send(ASKED)
    assert (await sender.send(TransportRequest("GET", "https://dbt/api", api="admin"))).status == 200


async def test_rows_that_speak_of_rate_limits_are_no_rate_limit() -> None:
    body = b'{"data": {"e0": {"errors": [{"message": "rate limit exceeded"}]}}}'
    sender = disciplined(Script([answered(200, body)]), Clock())
    for _ in range(3):
        assert (await sender.send(ASKED)).status == 200


async def test_an_operation_causes_so_many_calls_and_no_more() -> None:
    sender = disciplined(Script([answered(200)]), Clock(), calls_per_operation=2)
    with measuring(Usage(discovery_requests=1, admin_requests=1)), pytest.raises(GatewayError) as refused:
        await sender.send(ASKED)
    assert refused.value.extensions == {"code": "UPSTREAM_CALLS_EXCEEDED", "most": 2}


class Silent(Script):
    """Never answers."""

    async def send(self, request: TransportRequest) -> TransportResponse:
        self.sent += 1
        await asyncio.get_running_loop().create_future()
        raise AssertionError


async def test_callers_who_leave_never_open_the_breaker() -> None:
    sender = disciplined(Silent([answered(200)]), Clock())
    calls = [asyncio.create_task(sender.send(ASKED)) for _ in range(40)]
    await asyncio.sleep(0.01)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert sender.status().discovery.breaker == "closed"


async def test_callers_with_hardly_any_time_never_open_it_either() -> None:
    sender = disciplined(Script([UpstreamTimeout("too slow")]), Clock())
    for _ in range(40):
        with deadline_in(1.0), pytest.raises(UpstreamTimeout):
            await sender.send(ASKED)
    assert sender.status().discovery.breaker == "closed"
    for _ in range(20):
        with pytest.raises(UpstreamTimeout):
            await sender.send(ASKED)
    assert sender.status().discovery.breaker == "open"

"""The circuit breaker: when it opens, what it lets through, and what it does not take for a failure."""

from __future__ import annotations

import pytest

from gateway.errors import UpstreamCircuitOpen
from gateway.services.resilience.circuit_breaker import Breaker
from gateway.services.resilience.policy import BreakerPolicy
from tests.clock import Clock

POLICY = BreakerPolicy()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(POLICY, "Discovery", clock)


def ended(breaker: Breaker, good: int = 0, bad: int = 0) -> None:
    for _ in range(good):
        breaker.admit().answered()
    for _ in range(bad):
        breaker.admit().failed()


def test_half_of_twenty_calls_in_the_window_open_it(breaker: Breaker) -> None:
    ended(breaker, good=10, bad=9)
    assert breaker.state == "closed"
    ended(breaker, bad=1)
    assert breaker.state == "open"
    with pytest.raises(UpstreamCircuitOpen) as refused:
        breaker.admit()
    assert refused.value.extensions == {"code": "UPSTREAM_CIRCUIT_OPEN", "retryAfter": 10}


def test_nineteen_failures_do_not_open_it_nor_do_old_ones(breaker: Breaker, clock: Clock) -> None:
    ended(breaker, bad=19)
    clock.now += POLICY.window + POLICY.window / 10
    ended(breaker, bad=1)
    assert breaker.state == "closed"


def test_fewer_than_half_do_not_open_it(breaker: Breaker) -> None:
    for _ in range(30):
        ended(breaker, good=2, bad=1)
    assert breaker.state == "closed"


def test_those_who_leave_are_never_counted(breaker: Breaker) -> None:
    for _ in range(100):
        breaker.admit().abandoned()
    assert breaker.state == "closed"
    ended(breaker, good=1, bad=18)
    assert breaker.state == "closed", "a hundred cancelled calls are not calls"


def test_one_probe_at_a_time_decides(breaker: Breaker, clock: Clock) -> None:
    ended(breaker, bad=20)
    clock.now += POLICY.open_seconds
    assert breaker.state == "half-open"
    probe = breaker.admit()
    with pytest.raises(UpstreamCircuitOpen):
        breaker.admit()
    probe.failed()
    assert breaker.state == "open"
    clock.now += POLICY.open_seconds
    breaker.admit().answered()
    assert breaker.state == "closed"
    ended(breaker, bad=19)
    assert breaker.state == "closed", "what was before the probe is forgotten"


def test_a_probe_that_nobody_waits_for_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    ended(breaker, bad=20)
    clock.now += POLICY.open_seconds
    breaker.admit().abandoned()
    assert breaker.state == "half-open"
    breaker.admit().answered()
    assert breaker.state == "closed"


def test_a_late_answer_to_a_call_of_before_decides_nothing(breaker: Breaker, clock: Clock) -> None:
    late_good, late_bad = breaker.admit(), breaker.admit()
    ended(breaker, bad=20)
    late_good.answered()
    assert breaker.state == "open"
    clock.now += POLICY.open_seconds
    probe = breaker.admit()
    late_bad.failed()
    assert breaker.state == "half-open"
    probe.answered()
    assert breaker.state == "closed"

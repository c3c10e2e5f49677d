"""A transport that keeps dbt's limits: budget, breaker, then the call; and another try where that may help."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from gateway.concurrency.deadline import deadline_in, seconds_left
from gateway.errors import UpstreamCallsExceeded, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from gateway.services.resilience.api_status import ApiCounts, ApiStatus, UpstreamStatus
from gateway.services.resilience.circuit_breaker import Attempt, Breaker
from gateway.services.resilience.policy import BudgetPolicy, ResiliencePolicy
from gateway.services.resilience.request_budget import FairBudget, Sleep, closed_for
from gateway.services.resilience.retries import RetryBudget, is_transient
from gateway.services.resilience.token_bucket import LocalTokenBucket, TokenBucket
from gateway.services.resilience.token_closures import TokenClosures
from gateway.services.transport.http_transport import (
    Api,
    HttpTransport,
    TransportLimits,
    TransportRequest,
    TransportResponse,
)
from gateway.services.transport.upstream_errors import exhausted_seconds, rate_limit_seconds
from gateway.telemetry.usage import current_usage

MakeBucket = Callable[[Api, BudgetPolicy], TokenBucket]


@dataclass(frozen=True, slots=True)
class _Api:
    """What one API has of its own."""

    budget: FairBudget
    breaker: Breaker
    retries: RetryBudget
    closures: TokenClosures
    cooldown: float
    counts: ApiCounts = field(default_factory=ApiCounts)

    def status(self) -> ApiStatus:
        left, counts = self.budget.left(), self.counts
        return ApiStatus(
            self.breaker.state,
            left.tokens,
            left.closed,
            self.budget.waiting,
            left.shared,
            dict(counts.sent),
            dict(counts.short_circuited),
            counts.retries,
        )


@dataclass(frozen=True, slots=True)
class TransportDependencies:
    """What time it is, how to wait, and where the tokens are kept; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    sleep: Sleep = asyncio.sleep
    tokens: MakeBucket | None = None


class ResilientTransport:
    """Sends as the transport inside does, within the policy.

    Raises, beyond what an HttpTransport does: UpstreamRateLimited for a 429 and until the time that dbt named in it has
    passed, UpstreamBudgetExhausted, UpstreamCircuitOpen, and UpstreamCallsExceeded.
    """

    def __init__(
        self,
        transport: HttpTransport,
        policy: ResiliencePolicy,
        limits: TransportLimits,
        around: TransportDependencies | None = None,
    ) -> None:
        self._transport = transport
        self._policy = policy
        self._limits = limits
        self._around = around or TransportDependencies()
        budgets: Mapping[Api, BudgetPolicy] = {"discovery": policy.discovery, "admin": policy.admin}
        self._lines: dict[Api, _Api] = {api: self._line(api, budget) for api, budget in budgets.items()}

    async def send(self, request: TransportRequest) -> TransportResponse:
        """The answer, whatever its status."""
        line = self._lines[request.api]
        line.retries.count_call()
        retry = 0
        while True:
            failure: UpstreamUnavailable | None = None
            response: TransportResponse | None = None
            try:
                response = await self._attempt(line, request)
            except UpstreamUnavailable as unavailable:
                failure = unavailable
            retry += 1
            pause = self._pause(line, response, failure, retry)
            if pause is None:
                break
            line.counts.retries += 1
            await self._around.sleep(pause)
        if response is None:
            raise failure or RuntimeError("an attempt ends with an answer or a failure")
        return response

    async def close(self) -> None:
        for line in self._lines.values():
            line.budget.close()
        await self._transport.close()

    def status(self) -> UpstreamStatus:
        """How both APIs stand now."""
        return UpstreamStatus(self._lines["discovery"].status(), self._lines["admin"].status())

    def _line(self, api: Api, budget: BudgetPolicy) -> _Api:
        clock = self._around.clock
        tokens = self._around.tokens(api, budget) if self._around.tokens else LocalTokenBucket(budget, clock)
        return _Api(
            FairBudget(tokens, api.capitalize(), self._around.sleep),
            Breaker(self._policy.breaker, api.capitalize(), clock),
            RetryBudget(self._policy.retries, clock),
            TokenClosures(clock),
            budget.cooldown,
        )

    def _pause(
        self, line: _Api, response: TransportResponse | None, failure: UpstreamUnavailable | None, retry: int
    ) -> float | None:
        """Seconds to the next try; None when there is to be none."""
        if response is not None and not is_transient(response):
            return None
        # What the gateway itself refused to send is not worth another try: nothing has changed.
        if failure is not None and type(failure) is not UpstreamUnavailable:
            return None
        return line.retries.pause_before(retry, seconds_left(self._limits.seconds) - self._policy.margin)

    async def _attempt(self, line: _Api, request: TransportRequest) -> TransportResponse:
        try:
            time_left, attempt = await self._let_out(line, request)
        except UpstreamError as refusal:
            line.counts.short_circuited[refusal.code] += 1
            raise
        began = self._around.clock()
        try:
            with deadline_in(time_left):
                response = await self._transport.send(request)
        except UpstreamError as failure:
            line.counts.lost(failure)
            lives = line.counts.answered_at > began
            self._conclude(attempt, failure, lives or time_left < min(self._policy.patience, self._limits.seconds))
            raise
        except BaseException:
            line.counts.sent["abandoned"] += 1
            attempt.abandoned()
            raise
        line.counts.answered(response)
        if response.status < 500:
            line.counts.answered_at = self._around.clock()
        await self._take_in(line, attempt, request, response)
        return response

    async def _let_out(self, line: _Api, request: TransportRequest) -> tuple[float, Attempt]:
        """The seconds that a call has, and how to report its end to the breaker. Raises the reason why it must not be
        made."""
        self._check_calls()
        if request.token is not None:
            line.closures.check(_hash(request.token))
        line.breaker.check()
        await line.budget.take(_caller(), self._time_left())
        return self._time_left(), line.breaker.admit()

    def _conclude(self, attempt: Attempt, failure: UpstreamError, says_nothing: bool) -> None:
        """`says_nothing`: a timeout is no sign of trouble when the call had little time, or when dbt answered others
        meanwhile: then it is this question that is slow."""
        if isinstance(failure, UpstreamTimeout) and says_nothing:
            attempt.abandoned()
        elif isinstance(failure, UpstreamTimeout | UpstreamUnavailable):
            attempt.failed()
        else:
            attempt.answered()

    async def _take_in(
        self, line: _Api, attempt: Attempt, request: TransportRequest, response: TransportResponse
    ) -> None:
        if response.status >= 500:
            attempt.failed()
        else:
            attempt.answered()
        limited = rate_limit_seconds(response, line.cooldown)
        exhausted = exhausted_seconds(response.headers) if limited is None else None
        if exhausted and request.token is None:
            # What was asked is answered; the next call would meet a 429, and a longer pause.
            await line.budget.close_for(exhausted)
        if limited is not None:
            if request.token is None or line.closures.close_for(_hash(request.token), limited, proven=request.proven):
                await line.budget.close_for(limited)
            # As those are told who come after: for how long, be it dbt that says so or the gateway.
            raise closed_for(limited)

    def _time_left(self) -> float:
        """Seconds that a call may take now. Raises UpstreamTimeout when there are none."""
        left = seconds_left(self._limits.seconds + self._policy.margin) - self._policy.margin
        if left <= 0:
            raise UpstreamTimeout(
                "The time of this request was over before dbt had answered everything. Ask for less at once."
            )
        return left

    def _check_calls(self) -> None:
        most = self._policy.calls_per_operation
        usage = current_usage()
        if most is not None and usage.discovery_requests + usage.admin_requests >= most:
            raise UpstreamCallsExceeded(
                f"This operation needs more than {most} requests to dbt. Ask for fewer projects, models or runs at "
                "once; the operator may raise GATEWAY_CALLS_PER_OPERATION.",
                most=most,
            )


def _hash(token: SecretStr) -> str:
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()


def _caller() -> Hashable:
    """Who waits for a token: a caller we know by name, else each operation for itself."""
    usage = current_usage()
    return usage.caller or id(usage)

"""The numbers of the resilience policy, and why they are what they are."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """Requests a minute to one API; None: as many as anybody likes. `cooldown` is how many seconds nothing is sent
    after a 429 that does not say when to come again: dbt locks a client out for five minutes.

    A tenth of a minute's requests may go at once. So no minute sees more than 110 % of the rate: 495 for the default
    of 450, of the 500 that dbt allows.
    """

    per_minute: float | None = None
    cooldown: float = 300.0

    @property
    def burst(self) -> float:
        """Requests that may go at once after a pause."""
        return max(1.0, (self.per_minute or 0.0) / 10)

    @property
    def start(self) -> float:
        """Requests allowed at once after a start, when the requests of the last minute are unknown: few enough that,
        with rate and burst, one minute has at most 500."""
        return max(1.0, (self.per_minute or 0.0) / 90)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Opens when at least `calls` were made within `window` seconds and `share` of them failed; stays open for
    `open_seconds`, then lets one call through as a probe."""

    window: float = 30.0
    calls: int = 20
    share: float = 0.5
    open_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most so many retries of a call, after a random part of `pause` seconds, which doubles each time.

    All retries of the last `window` seconds are at most `share` of its calls, but three are always allowed: a dbt in
    trouble is not asked three times as much.
    """

    most: int = 2
    pause: float = 0.2
    window: float = 30.0
    share: float = 0.1
    always: int = 3


@dataclass(frozen=True, slots=True)
class ResiliencePolicy:
    """How dbt's two APIs are asked. Each has a budget, a breaker and a retry budget of its own.

    `margin`: seconds of a request's time that no call may use, so that there is time to say what happened.
    `patience`: a call that had fewer seconds than this and was not answered says nothing about dbt's health.
    `calls_per_operation`: calls to dbt that one operation may cause; None: any number.
    """

    discovery: BudgetPolicy = field(default_factory=BudgetPolicy)
    admin: BudgetPolicy = field(default_factory=BudgetPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    margin: float = 0.25
    patience: float = 5.0
    calls_per_operation: int | None = None

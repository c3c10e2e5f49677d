"""The estimated cost of requests: told to the caller, refused beyond a limit, or only counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gateway.execution.request import Answer
from gateway.http.errors import LimitExceeded
from gateway.http.limits.caller_budgets import CallerBudgets, ThrottleStatus
from gateway.http.limits.cost import Estimator
from gateway.http.limits.cost_model import CostModel
from gateway.http.request.documents import Document
from gateway.identity.caller import ANYBODY, Caller

COST = "cost"
THROTTLE = "throttleStatus"
MODELS_OF_A_COST = 100
"""So many models that are looked at cost 1."""
_REMEMBERED_PRICES = 16
_MISSING = object()


def _no_models(_: Caller) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class CostPolicy:
    """What an operation may cost. `measure` estimates without refusing; without a model, or `off`, nothing is done.
    `models` returns how many models that a caller may see are known: who has all of them looked at pays for those.
    `per_minute` is what the requests of one caller may cost together in a minute; None: anything."""

    model: CostModel | None = None
    most: int = 100_000
    mode: Literal["enforce", "measure", "off"] = "enforce"
    models: Callable[[Caller], int] = _no_models
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class OperationCost:
    """What an operation is estimated to cost, and what it may."""

    cost: int
    most: int
    is_enforced: bool = True
    throttle: ThrottleStatus | None = None

    @property
    def is_exceeded(self) -> bool:
        return self.cost > self.most

    @property
    def refusal(self) -> LimitExceeded | None:
        """What is answered instead of running the operation; None where it may run."""
        if not (self.is_exceeded and self.is_enforced):
            return None
        return LimitExceeded(
            f"The query is estimated to cost {self.cost}, and at most {self.most} is answered at once. Ask for fewer "
            "items in lists, or fewer lists within lists.",
            limit=COST,
            most=self.most,
            cost=self.cost,
        )

    def as_extension(self) -> dict[str, Any]:
        """What an answer reports under `extensions.cost`."""
        own: dict[str, Any] = {"requestedQueryCost": self.cost, "maximumAvailable": self.most}
        return own if self.throttle is None else {**own, THROTTLE: self.throttle.as_extension()}


def priced(answer: Answer, price: OperationCost | None) -> Answer:
    """The answer with what it cost, where costs are estimated."""
    if price is None or not answer.executed:
        return answer
    extensions = {**answer.extensions, COST: price.as_extension()}
    return Answer(answer.data, answer.errors, extensions, answer.executed, answer.lasting, answer.way)


def without_throttle(cost: Mapping[str, Any]) -> dict[str, Any]:
    """`extensions.cost` as it is the same for every caller."""
    return {name: value for name, value in cost.items() if name != THROTTLE}


def cost_of(answer: Answer) -> int:
    """What an answer says that it cost; 0 where costs are not estimated."""
    cost: int = answer.extensions.get(COST, {}).get("requestedQueryCost", 0)
    return cost


class Pricing:
    """Prices requests. An estimate is remembered with its document, by the variables that lists take their length
    from, so a question that is asked again costs a look-up."""

    def __init__(self, policy: CostPolicy) -> None:
        self._policy = policy
        is_on = policy.model is not None and policy.mode != "off"
        self._estimator = Estimator(policy.model) if is_on and policy.model else None
        self._budgets = CallerBudgets(policy.per_minute) if policy.per_minute else None

    @property
    def has_budgets(self) -> bool:
        """Whether what callers ask in a minute is limited."""
        return self._budgets is not None

    def charged(self, price: OperationCost | None, caller: Caller) -> OperationCost | None:
        """The price, once it is taken from the caller's budget. Raises RateLimited when less is left."""
        if self._budgets is None or price is None:
            return price
        return replace(price, throttle=self._budgets.spend(caller.name, price.cost))

    def price(
        self, document: Document, operation_name: str | None, variables: Mapping[str, Any], caller: Caller = ANYBODY
    ) -> OperationCost | None:
        """The price of one operation for a caller; None when costs are off. Trusted documents have no limit."""
        if self._estimator is None:
            return None
        cost, surveys = self._cost(self._estimator, document, operation_name, variables)
        if surveys:
            cost += surveys * (self._policy.models(caller) // MODELS_OF_A_COST)
        return OperationCost(cost, self._policy.most, self._policy.mode == "enforce" and not document.is_trusted)

    @staticmethod
    def _cost(
        estimator: Estimator, document: Document, operation_name: str | None, variables: Mapping[str, Any]
    ) -> tuple[int, int]:
        """What the schema's directives say, and how often all models are looked at."""
        depends_on, known = document.prices.get(operation_name, ((), {}))
        key = _key_of(depends_on, variables)
        price = known.get(key) if key is not None else None
        if price is not None:
            return price
        estimate = estimator.estimate(document.operation(operation_name), document.inner_first, variables)
        depends_on = tuple(sorted(estimate.variables))
        key = _key_of(depends_on, variables)
        if key is not None and len(known) < _REMEMBERED_PRICES:
            document.prices[operation_name] = (depends_on, {**known, key: (estimate.cost, estimate.surveys)})
        return estimate.cost, estimate.surveys


def _key_of(names: tuple[str, ...], variables: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The values of these variables, if they can be a key. A float is none: 1.0 would pass for true."""
    values = tuple(variables.get(name, _MISSING) for name in names)
    return values if all(value is _MISSING or type(value) is int for value in values) else None

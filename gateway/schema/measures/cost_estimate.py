"""Money, estimated at the rates of the settings."""

from __future__ import annotations

import strawberry

from gateway.schema.vocabulary.contracts import COSTS


@strawberry.type(description="Money, estimated.", directives=[COSTS])
class CostEstimate:
    amount: float = strawberry.field(description="The amount.")
    currency: str = strawberry.field(description="ISO 4217 code of the currency.")

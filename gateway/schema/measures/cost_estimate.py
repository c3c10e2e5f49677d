"""Money, estimated at the rates of the settings."""

from __future__ import annotations

import strawberry


@strawberry.type(description="Money, estimated.")
class CostEstimate:
    amount: float = strawberry.field(description="The amount.")
    currency: str = strawberry.field(description="ISO 4217 code of the currency.")

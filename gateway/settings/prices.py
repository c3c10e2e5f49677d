"""The settings that say what time and bytes cost."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class PriceSettings(BaseSettings):
    """For estimates of cost; without a price there are none."""

    cost_per_hour: float | None = Field(
        default=None, ge=0, description="Price of an hour in which a run is busy, for estimates of cost."
    )
    cost_per_tebibyte: float | None = Field(
        default=None, ge=0, description="Price of a tebibyte billed by the warehouse, for estimates of cost."
    )
    cost_currency: str = Field(
        default="USD", pattern="^[A-Z]{3}$", description="Currency of both prices, as its ISO 4217 code."
    )

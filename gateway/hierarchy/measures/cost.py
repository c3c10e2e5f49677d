"""What time and bytes cost, as an estimate at rates of the settings."""

from __future__ import annotations

from dataclasses import dataclass

_HOUR = 3600.0
_TEBIBYTE = 2.0**40


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """An amount in a currency, by its ISO 4217 code."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class CostRate:
    """What an hour in which a run is busy costs, and a tebibyte that the warehouse bills; None where no rate is set."""

    currency: str
    per_hour: float | None = None
    per_tebibyte: float | None = None

    def estimate(self, seconds: float, bytes_billed: float = 0) -> CostEstimate:
        """amount = seconds / 3600 * rate of an hour + bytes / 2^40 * price of a tebibyte."""
        amount = seconds / _HOUR * (self.per_hour or 0.0) + bytes_billed / _TEBIBYTE * (self.per_tebibyte or 0.0)
        return CostEstimate(amount, self.currency)

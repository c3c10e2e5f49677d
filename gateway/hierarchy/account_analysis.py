"""What the runs of an account tell together: builds that changed nothing, queues and overlaps, where time went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from gateway.errors import BadUserInput
from gateway.hierarchy.basis import Basis
from gateway.hierarchy.cost import CostEstimate
from gateway.hierarchy.filters import ensure_times


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `since` on and before `until` (UTC); until now where that is None. Raises BadUserInput for one that holds no
    moment, or begins in the future."""

    since: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        ensure_times("since", self.since, "until", self.until)
        if self.since >= datetime.now(UTC):
            raise BadUserInput(
                f"since ({self.since.isoformat()}) is in the future, where nothing has run yet.", argument="since"
            )

    @property
    def end(self) -> datetime:
        """Where it ends: at `until`, and never after now."""
        now = datetime.now(UTC)
        return now if self.until is None else min(self.until, now)

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.since) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WastedBuild:
    """The builds of one model that changed nothing, of one certainty, a WasteCertainty of gateway.analysis."""

    environment_id: int
    unique_id: str
    certainty: StrEnum
    build_count: int
    weighted_seconds: float


@dataclass(frozen=True, slots=True)
class ReuseReport:
    """What dbt reused instead of building it, and the seconds that the last builds of the same took."""

    result_count: int
    saved_seconds: float


@dataclass(frozen=True, slots=True)
class WastedBuilds:
    """Builds that changed nothing in a window; `models` by weighted seconds, the most first. The figures a day are
    of all models, and None where no checksums of code are known."""

    models: tuple[WastedBuild, ...]
    builds_per_day: float | None
    weighted_seconds_per_day: float | None
    cost_per_day: CostEstimate | None
    reuse: ReuseReport
    basis: Basis

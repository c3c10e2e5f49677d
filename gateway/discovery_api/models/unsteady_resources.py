"""Flaky resources and incidents as plain records."""

from __future__ import annotations

from datetime import datetime

from gateway.discovery_api.models.reports import Report
from gateway.hierarchy import attempts as facts
from gateway.queries.unsteady_resources import FoundIncidents


class Flaky(Report):
    """A resource that fails and passes without a change of code: `rate` = flips / (attempts - 1). `unstable_data`: a
    source upstream of a data test had new data before a flip, which only an archive tells."""

    unique_id: str
    rate: float
    flips: int
    attempts: int
    unstable_data: bool
    last_flip_run_id: str

    @classmethod
    def of(cls, found: facts.Flaky) -> Flaky:
        return cls(
            unique_id=found.unique_id,
            rate=found.rate,
            flips=found.flips,
            attempts=found.attempts,
            unstable_data=found.unstable_data,
            last_flip_run_id=str(found.last_flip_run_id),
        )


class Incident(Report):
    """A resource that was broken by a run, from the end of a failure to that of the next success (UTC), None while it
    is; `broken_seconds`: from the one to the other, None while it is open."""

    id: str
    unique_id: str
    run_id: str
    broken_at: datetime
    repaired_at: datetime | None
    broken_seconds: float | None

    @classmethod
    def of(cls, found: facts.Incident) -> Incident:
        return cls(
            id=found.id,
            unique_id=found.unique_id,
            run_id=str(found.run_id),
            broken_at=found.broken_at,
            repaired_at=found.repaired_at,
            broken_seconds=found.broken_seconds,
        )


class IncidentList(Report):
    """Incidents, open ones first, then the newest first; and the median seconds to repair of those that are over, None
    without any."""

    incidents: list[Incident]
    median_repair_seconds: float | None

    @classmethod
    def of(cls, found: FoundIncidents) -> IncidentList:
        return cls(
            incidents=[Incident.of(one) for one in found.incidents],
            median_repair_seconds=found.median_repair_seconds,
        )

"""Flaky resources and incidents as plain records."""

from __future__ import annotations

from datetime import datetime

from gateway.discovery_api.models.reports import Report
from gateway.hierarchy.runs import attempts as facts
from gateway.queries.changes.unsteady_resources import FoundIncidents


class Flaky(Report):
    """A resource that fails and passes without a change of code: `rate` = flips / (attempts - 1). `unstable_data`: a
    source upstream of a data test had new data before a flip, which only an archive has."""

    unique_id: str
    rate: float
    flips: int
    attempts: int
    unstable_data: bool
    last_flip_run_id: str

    @classmethod
    def of(cls, flaky: facts.Flaky) -> Flaky:
        return cls(
            unique_id=flaky.unique_id,
            rate=flaky.rate,
            flips=flaky.flips,
            attempts=flaky.attempts,
            unstable_data=flaky.unstable_data,
            last_flip_run_id=str(flaky.last_flip_run_id),
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
    def of(cls, incident: facts.Incident) -> Incident:
        return cls(
            id=incident.id,
            unique_id=incident.unique_id,
            run_id=str(incident.run_id),
            broken_at=incident.broken_at,
            repaired_at=incident.repaired_at,
            broken_seconds=incident.broken_seconds,
        )


class IncidentList(Report):
    """Incidents, open ones first, then the newest first; and the median seconds to repair of those that are over, None
    without any."""

    incidents: list[Incident]
    median_repair_seconds: float | None

    @classmethod
    def of(cls, incidents: FoundIncidents) -> IncidentList:
        return cls(
            incidents=[Incident.of(incident) for incident in incidents.incidents],
            median_repair_seconds=incidents.median_repair_seconds,
        )

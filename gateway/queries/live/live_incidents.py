"""Incidents as they open and close."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence

from gateway.hierarchy.objects.project import DeploymentEnvironment, Project
from gateway.hierarchy.runs.attempts import Incident
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.regressions import window_since
from gateway.queries.changes.unsteady_resources import incidents_of_account
from gateway.queries.live.live_findings import findings
from gateway.queries.live.live_queries import Live


def changed_incidents(
    live: Live, deployment: DeploymentEnvironment, project_ids: Collection[str] | None
) -> AsyncGenerator[Incident, None]:
    """Incidents of some projects, or all the caller may see, that open or close from now on, the oldest first. One that
    opens and closes between two looks is sent closed, once."""
    known: dict[tuple[int, str], bool] | None = None

    async def look(context: FieldContext, projects: Sequence[Project]) -> list[Incident] | None:
        nonlocal known
        incidents = await incidents_of_account(context, projects, window_since(None), open_only=False)
        if context.failures:
            return None
        before = known
        known = {(incident.environment_id, incident.id): incident.is_open for incident in incidents.incidents}
        if before is None:
            return []
        changed = [
            incident
            for incident in incidents.incidents
            if before.get((incident.environment_id, incident.id)) is not incident.is_open
        ]
        return sorted(changed, key=lambda incident: (incident.broken_at, incident.id))

    return findings(live, deployment, project_ids, look)

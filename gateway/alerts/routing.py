"""To whom an alert goes, and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.alerts.alert import Finding
from gateway.alerts.destination import Destination
from gateway.alerts.rule import AlertRule, Route


@dataclass(frozen=True, slots=True)
class Router:
    """All destinations by name, and the routes in the order in which they are tried."""

    destinations: Mapping[str, Destination]
    routes: Sequence[Route] = ()

    def route(self, rule: AlertRule, finding: Finding) -> tuple[str, ...]:
        """The destinations of the first route that fits; the rule's own where none does."""
        return next((route.to for route in self.routes if _fits(route, finding)), rule.to)

    def due_at(self, destination: Destination, now: datetime | None = None) -> datetime:
        """When a message may be sent: now, or when the quiet hours end."""
        moment = now or datetime.now(UTC)
        quiet = destination.quiet_hours
        return (quiet.until(moment) if quiet else None) or moment


def _fits(route: Route, finding: Finding) -> bool:
    return (
        _meets(route.projects, [finding.project])
        and _meets(route.groups, [finding.group])
        and _meets(route.tags, finding.tags)
        and _meets(route.owners, [finding.owner_name, finding.owner_email])
    )


def _meets(names: Sequence[str], values: Collection[str | None]) -> bool:
    if not names:
        return True
    return not {name.casefold() for name in names}.isdisjoint(value.casefold() for value in values if value)

"""What every message says, in the words of all channels."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.alerts.alert import Alert, Finding


def headline(alert: Alert) -> str:
    """The first line of a message."""
    state = "Resolved: " if alert.is_resolved else ""
    return f"{state}{alert.finding.title}"


def facts(alert: Alert) -> list[tuple[str, str]]:
    """What stands below the first line: labels and values, in order."""
    finding = alert.finding
    rows = [("Since", _moment(finding.since)), ("Cause", finding.cause)]
    if alert.is_resolved:
        ended = _moment(alert.resolved_at)
        rows = [("Since", _moment(finding.since)), ("Until", ended), ("How", alert.resolution)]
    rows += [("Project", finding.project), ("Job", finding.job), ("Owner", owner(finding)), ("Rule", alert.rule)]
    return [(label, value) for label, value in rows if value]


def owner(finding: Finding) -> str | None:
    """Who owns what the alert is about."""
    named = [text for text in (finding.owner_name, finding.owner_email) if text]
    return f"{named[0]} <{named[1]}>" if len(named) > 1 else next(iter(named), None)


def link(alert: Alert, base: str | None) -> str | None:
    """Where the gateway shows it; None where no address of the gateway is configured."""
    if base is None:
        return None
    return f"{base.rstrip('/')}/" + (f"?{alert.finding.link}" if alert.finding.link else "")


def moment_text(moment: datetime | None) -> str | None:
    """A time for programs: RFC 3339 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

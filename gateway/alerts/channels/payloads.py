"""The JSON that each service takes."""

from __future__ import annotations

from typing import Any

from gateway.alerts.alert import Alert
from gateway.alerts.channels.message_text import facts, headline, link, moment_text

_SLACK_CHARACTERS = 2_900
_PAGERDUTY_CHARACTERS = 1_024


def webhook(alert: Alert, base: str | None) -> dict[str, Any]:
    """Our own format: docs/alerts.md names each field."""
    finding = alert.finding
    return {
        "version": 1,
        "status": "resolved" if alert.is_resolved else "firing",
        "dedupKey": alert.dedup_key,
        "rule": alert.rule,
        "condition": alert.condition,
        "severity": alert.severity,
        "title": finding.title,
        "since": moment_text(finding.since),
        "resolvedAt": moment_text(alert.resolved_at),
        "resolution": alert.resolution,
        "cause": finding.cause,
        "kind": finding.kind,
        "name": finding.name,
        "uniqueId": finding.unique_id,
        "project": finding.project,
        "job": finding.job,
        "owner": {"name": finding.owner_name, "email": finding.owner_email},
        "group": finding.group,
        "tags": list(finding.tags),
        "link": link(alert, base),
    }


def slack(alert: Alert, base: str | None) -> dict[str, Any]:
    """Block Kit, with a plain text for notifications."""
    rows = "\n".join(f"*{label}:* {_escaped(value)}" for label, value in facts(alert))
    mark = ":white_check_mark:" if alert.is_resolved else ":red_circle:"
    body = f"{mark} *{_escaped(headline(alert))}*\n{rows}"[:_SLACK_CHARACTERS]
    address = link(alert, base)
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": body}}]
    if address:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{_escaped(address)}|Open>"}]})
    return {"text": _escaped(headline(alert)), "blocks": blocks}


def teams(alert: Alert, base: str | None) -> dict[str, Any]:
    """An Adaptive Card, as the webhooks of Teams' workflows take it."""
    address = link(alert, base)
    colour = "Good" if alert.is_resolved else "Attention"
    title = {"type": "TextBlock", "text": headline(alert), "weight": "Bolder", "wrap": True, "color": colour}
    rows = [{"title": label, "value": value} for label, value in facts(alert)]
    card: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [title, {"type": "FactSet", "facts": rows}],
    }
    if address:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": address}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def pagerduty(alert: Alert, base: str | None, routing_key: str) -> dict[str, Any]:
    """An event of PagerDuty's Events API v2."""
    finding = alert.finding
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if alert.is_resolved else "trigger",
        "dedup_key": alert.dedup_key,
    }
    if alert.is_resolved:
        return event
    address = link(alert, base)
    event["client"] = "dbt gateway"
    event["payload"] = {
        "summary": headline(alert)[:_PAGERDUTY_CHARACTERS],
        "source": finding.project or "dbt",
        "severity": alert.severity,
        "timestamp": moment_text(finding.since),
        "component": finding.unique_id or finding.name,
        "group": finding.group or finding.job,
        "class": alert.condition,
        "custom_details": {label.lower(): value for label, value in facts(alert)},
    }
    if address:
        event["client_url"] = address
        event["links"] = [{"href": address, "text": "Open"}]
    return event


def _escaped(text: str) -> str:
    """Text as Slack takes it: these three characters are all that mean something."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

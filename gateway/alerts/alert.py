"""An alert, as it is kept and as messages are made of it."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rule has found. `title` and `cause` are one line each; `kind` is job, model, source, test or account.

    `link` is the query of the gateway's page about it; `since` is UTC. `model`: the id of the model, or of the one that
    a test tests. `tags` are of the resource, or of those that failed in the job.
    """

    kind: str
    name: str
    title: str
    since: datetime | None = None
    cause: str | None = None
    project: str | None = None
    job: str | None = None
    model: str | None = None
    unique_id: str | None = None
    owner_name: str | None = None
    owner_email: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    link: str = ""


class Alert(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding under the key that names its incident in every message; how it ended, once it has."""

    dedup_key: str
    rule: str
    condition: str
    severity: str
    finding: Finding
    resolved_at: datetime | None = None
    resolution: str | None = None

    @property
    def is_resolved(self) -> bool:
        return self.resolved_at is not None


def dedup_key(rule: str, subject: str, episode: str) -> str:
    """Names an incident: the same for the same rule, subject and episode, at most 255 characters."""
    digest = hashlib.sha256(f"{rule}\0{subject}\0{episode}".encode()).hexdigest()[:20]
    plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in rule.lower())
    return f"{plain[:80]}-{digest}"


def encode(alert: Alert) -> str:
    """An alert as JSON."""
    return msgspec.json.encode(alert).decode()


def decode(body: str) -> Alert:
    """The alert that was encoded."""
    return msgspec.json.decode(body, type=Alert)

"""What an examination found: for people in plain lines, for programs as JSON. Holds no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.telemetry.upstream_note import UpstreamNote


class State(StrEnum):
    """How a check ended: `ok`, it works with something missing (`partly`), it does not (`failed`), or it could not be
    made because of another one (`skipped`)."""

    OK = "ok"
    PARTLY = "partly"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `requests` and `seconds` are what it cost."""

    name: str
    state: State
    text: str
    code: str | None = None
    requests: int = 0
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": self.name, "state": self.state.value, "text": self.text}
        if self.code:
            shown["code"] = self.code
        return shown | {"requests": self.requests, "seconds": round(self.seconds, 3), **self.details}


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All checks, in the order they were made, and what answers would lack."""

    version: str
    checks: Sequence[Check]
    notes: Sequence[UpstreamNote]

    @property
    def works(self) -> bool:
        """Whether nothing is missing."""
        return not self.notes and all(check.state is State.OK for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "works": self.works,
            "checks": [check.as_json() for check in self.checks],
            "notes": [note.as_extension() for note in self.notes],
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"gateway {self.version}"]
        for check in self.checks:
            noun = "request" if check.requests == 1 else "requests"
            cost = f" [{check.requests} {noun}, {check.seconds:.1f} s]" if check.requests else ""
            lines.append(f"{check.state.value:8}{check.name:{width}}  {check.text}{cost}")
        lines += [f"note    {note.code}: {note.message}" for note in self.notes]
        lines.append("Everything works." if self.works else "Something is missing; see the lines above.")
        return lines

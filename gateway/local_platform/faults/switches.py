"""Switches that make the platform misbehave on purpose, for tests of clients.

They are given by a header of one request, or for every request by `Faults` at creation; both only where faults are
enabled. Several are separated by commas: `latency=0.2, rate-limited=30`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

FAULT_HEADER = "x-platform-fault"

# Name, what it does, and the value it takes when none is given; None for switches without a value.
SWITCHES: dict[str, tuple[str, float | None]] = {
    "latency": ("wait so many seconds before answering", 1.0),
    "unauthenticated": ("refuse the token with 401", None),
    "unauthenticated-200": ("refuse the token with 200 and an error, as the Discovery API sometimes does", None),
    "forbidden": ("answer 403", None),
    "rate-limited": ("answer 429, with Retry-After where a number of seconds is given", 0.0),
    "server-error": ("answer this 5xx status with an HTML page", 502.0),
    "truncated": ("send the first half of the body only", None),
    "oversized": ("pad the body with so many bytes", 50_000_000.0),
    "slow-drip": ("send the body in ten parts, so many seconds apart", 0.1),
    "wrong-types": ("turn every number of the body into a list", None),
    "partial-errors": ("null the first root field and add an error for it", None),
    "complexity": ("refuse documents of more fields than this with COMPLEXITY_EXCEEDED", 50.0),
    "big-int-text": ("write BigInt values as text", None),
    "metadata-lag": ("answer Discovery as before the newest so many runs of each environment", 1.0),
    "capped-job-lists": ("give at most 100 rows of a job's list when no `first` is asked for", None),
}

_MOST = 1_000_000_000
_BOUNDS = {"server-error": (500, 599), "latency": (0, 3_600), "slow-drip": (0, 3_600)}

Switches: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Faults:
    """The switches that are on, with their values (0 for those without one)."""

    on: Switches = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.on

    def value(self, name: str) -> float | None:
        """The switch's value; None when it is off."""
        return self.on.get(name)

    def joined(self, other: Faults) -> Faults:
        """Both sets of switches; the other's values win."""
        return Faults({**self.on, **other.on})


def parse_faults(text: str) -> Faults:
    """Reads `latency=0.2, rate-limited`. Raises ValueError that names what is wrong and what there is."""
    switches: Switches = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = part.partition("=")
        if name not in SWITCHES:
            raise ValueError(f"There is no fault {name!r}; there are: {', '.join(SWITCHES)}.")
        switches[name] = _number(name, value) if separator else (SWITCHES[name][1] or 0.0)
    return Faults(switches)


def _number(name: str, value: str) -> float:
    least, most = _BOUNDS.get(name, (0, _MOST))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not least <= number <= most:  # not for what is no number either
        raise ValueError(f"The fault {name} takes a number from {least:,} to {most:,}, not {value!r}.")
    return number

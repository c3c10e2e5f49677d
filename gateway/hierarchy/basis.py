"""What an analysis is based on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FactSource(StrEnum):
    """Where facts of finished runs come from."""

    ARCHIVE = "ARCHIVE"
    DISCOVERY = "DISCOVERY"


@dataclass(frozen=True, slots=True)
class Basis:
    """How many runs were looked at, and when the oldest of them began (UTC); None where there are none, or none tells.

    `missing`: what is missing, in plain words.
    """

    source: FactSource
    run_count: int
    since: datetime | None
    missing: tuple[str, ...] = ()

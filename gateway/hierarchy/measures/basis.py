"""What an analysis is based on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FactSource(StrEnum):
    """Where facts of finished runs come from."""

    ARCHIVE = "ARCHIVE"
    DISCOVERY = "DISCOVERY"


def only_source(sources: Iterable[str]) -> FactSource:
    """ARCHIVE where all of these are; else DISCOVERY, by which some were read."""
    return FactSource.ARCHIVE if set(sources) == {FactSource.ARCHIVE} else FactSource.DISCOVERY


@dataclass(frozen=True, slots=True)
class Basis:
    """How many runs were looked at, and when the oldest of them began (UTC); None where there are none, or none says.

    `missing`: what is missing, in plain words.
    """

    source: FactSource
    run_count: int
    since: datetime | None
    missing: tuple[str, ...] = ()

"""Metrics of the rooms below the edge: their names, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SampleKind:
    """A name, what it means, its labels. `workers` says how those of several processes make one: counts are added up;
    of what is so at a moment the sum, the largest or the smallest is reported, of the living."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    workers: Literal["counted", "livesum", "livemax", "livemin"] = "counted"


@dataclass(frozen=True, slots=True)
class Sample:
    """A kind's value under the values of its labels. What is counted never falls while the process lives."""

    kind: SampleKind
    value: float
    labels: tuple[str, ...] = ()


ReadSamples = Callable[[], Iterable[Sample]]

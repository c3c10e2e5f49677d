"""Figures over several runs."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean, exactly rounded: fsum(values) / len(values); None of nothing."""
    return math.fsum(values) / len(values) if values else None

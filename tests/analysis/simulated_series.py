"""Series of runtimes as teams have them: noise of the logarithm, some of it correlated, outliers, weekends, steps."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.analysis.series import TimedRuntime

BEGIN = datetime(2026, 1, 5, 4, tzinfo=UTC)
"""A Monday."""


@dataclass(frozen=True, slots=True)
class Noise:
    """`sigma` of the logarithm, its lag-1 correlation, and what weekends are multiplied by. 3 % are outliers, 2 to 5
    times as long."""

    sigma: float = 0.25
    correlation: float = 0.0
    weekend: float = 1.0


NOISES = {
    "quiet": Noise(0.10),
    "usual": Noise(),
    "correlated .3": Noise(correlation=0.3),
    "noisy": Noise(0.5),
    "weekend x .6": Noise(weekend=0.6),
    "correlated .6": Noise(correlation=0.6),
}
"""The columns of the table that the rules were chosen by."""


def simulated(
    chance: random.Random, noise: Noise, runs: int = 100, *, step_at: int | None = None, factor: float = 1.0
) -> list[TimedRuntime]:
    """Daily runs of about a minute; from the run `step_at` on (from 0) they take `factor` times as long."""
    fresh = math.sqrt(1 - noise.correlation**2)
    error = chance.gauss(0, noise.sigma)
    samples = []
    for run in range(runs):
        error = noise.correlation * error + fresh * chance.gauss(0, noise.sigma)
        seconds = 60 * math.exp(error)
        if chance.random() < 0.03:
            seconds *= chance.uniform(2, 5)
        if run % 7 in (5, 6):
            seconds *= noise.weekend
        if step_at is not None and run >= step_at:
            seconds *= factor
        samples.append(TimedRuntime(BEGIN + timedelta(days=run), seconds))
    return samples

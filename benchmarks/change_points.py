"""How often unchanged series show a change, and real changes are found: `python -m benchmarks.change_points [SERIES]`.

Prints, for each kind of noise, the share of series of 100 daily runs that have a false alarm when they are looked at
once; alarms a series and year when they are looked at after every run, as the gateway does; how many steps are found
within 3 runs, and whether the range of a change holds the true run. The seeds are fixed.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

from gateway.analysis.change_points import CONFIRMED, MOST_RUNS, SUSPECTED, ChangePoint
from gateway.analysis.known_changes import SAME_WITHIN
from gateway.analysis.season import buckets_of
from gateway.analysis.series import TimedRuntime, lasting_changes, seasonless
from tests.analysis.simulated_series import NOISES, Noise, simulated

DAYS = 365
STEP = 60


def looked_at(samples: Sequence[TimedRuntime], alpha: float) -> list[ChangePoint]:
    """The changes of at least this certainty."""
    runtimes = [sample.seconds for sample in samples]
    level, _ = seasonless(runtimes, buckets_of([sample.ended_at for sample in samples]))
    return [point for point in lasting_changes(runtimes, level) if point.p <= alpha]


def false_alarms(chance: random.Random, noise: Noise, series: int, alpha: float) -> float:
    """The share of unchanged series with a change."""
    return sum(bool(looked_at(simulated(chance, noise), alpha)) for _ in range(series)) / series


def alarms_a_year(chance: random.Random, noise: Noise, series: int, alpha: float) -> float:
    """Alarms of an unchanged series in a year of daily runs, looked at after each with the 100 last."""
    alarms = 0
    for _ in range(series):
        samples = simulated(chance, noise, MOST_RUNS + DAYS)
        known: list[int] = []
        for end in range(MOST_RUNS, len(samples) + 1):
            for one in looked_at(samples[end - MOST_RUNS : end], alpha):
                place = end - MOST_RUNS + one.place
                if all(abs(place - other) > SAME_WITHIN for other in known):
                    known.append(place)
                    alarms += end > MOST_RUNS
    return alarms / series


def found(chance: random.Random, noise: Noise, series: int, factor: float) -> tuple[float, float]:
    """The share of steps found within 3 runs, and of the changes found whose range holds the true run."""
    near = held = changes = 0
    for _ in range(series):
        points = looked_at(simulated(chance, noise, step_at=STEP, factor=factor), CONFIRMED)
        near += any(abs(one.place - STEP) <= SAME_WITHIN for one in points)
        changes += len(points)
        held += sum(one.earliest <= STEP <= one.latest for one in points)
    return near / series, held / max(1, changes)


def runs_until_known(chance: random.Random, noise: Noise, series: int, factor: float) -> int:
    """The median number of slow runs after which a step is confirmed; 40 where half of them are not by then."""
    waits = []
    for _ in range(series):
        samples = simulated(chance, noise, step_at=STEP, factor=factor)
        known = (n for n in range(5, 41) if looked_at(samples[: STEP + n], CONFIRMED))
        waits.append(next(known, 40))
    return sorted(waits)[series // 2]


def main() -> None:
    """Prints the tables."""
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{series} series of each kind, {max(20, series // 10)} for years; per cent\n")
    print(
        f"{'noise':14} {'false .001':>10} {'false .01':>10} {'a year .001':>12} {'a year .01':>11}"
        f" {'x1.5':>5} {'x2':>5} {'range':>6} {'known after':>12} {'ms':>6}"
    )
    for kind, noise in NOISES.items():
        chance = random.Random(f"benchmark {kind}")
        began = time.process_time()
        rare = false_alarms(chance, noise, series, CONFIRMED)
        milliseconds = (time.process_time() - began) * 1000 / series
        likely = false_alarms(chance, noise, series, SUSPECTED)
        years = [alarms_a_year(chance, noise, max(20, series // 10), alpha) for alpha in (CONFIRMED, SUSPECTED)]
        half, _ = found(chance, noise, series // 4, 1.5)
        double, held = found(chance, noise, series // 4, 2.0)
        wait = runs_until_known(chance, noise, 60, 1.5)
        print(
            f"{kind:14} {rare:10.2%} {likely:10.2%} {years[0]:12.3f} {years[1]:11.3f}"
            f" {half:5.0%} {double:5.0%} {held:6.0%} {wait:12} {milliseconds:6.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

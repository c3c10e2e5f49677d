"""What the last runs of every model of an environment come to, without an object for each model or run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import NamedTuple

from gateway.hierarchy.history.counted_runs import LeftOutReason

LeftOut = Mapping[LeftOutReason, int]

_PRECISION = 1e-9
"""What sums in a database's order may differ from exact ones, with much to spare."""


class MeanRuntime(NamedTuple):
    """The mean runtime of a model's last runs in seconds, to a relative 1e-9."""

    environment_id: int
    unique_id: str
    seconds: float


@dataclass(frozen=True)
class MeanRuntimes:
    """Means over the last runs that count, for the models of one environment.

    `timed` are the models that have a mean, the greatest first, and `seconds` those means; `untimed` are the others.
    `left_out` says of each model how many of its runs did not count, by reason; models without any are not in it.
    `left_out_in_all` are the sums of all models.
    """

    environment_id: int
    timed: Sequence[str]
    seconds: Sequence[float]
    untimed: Sequence[str]
    left_out: Mapping[str, LeftOut]
    left_out_in_all: LeftOut

    def __len__(self) -> int:
        return len(self.timed) + len(self.untimed)

    def __iter__(self) -> Iterator[MeanRuntime]:
        """The models that have a mean, the greatest first."""
        return (
            MeanRuntime(self.environment_id, unique_id, mean)
            for unique_id, mean in zip(self.timed, self.seconds, strict=True)
        )

    def only(self, unique_ids: frozenset[str]) -> MeanRuntimes:
        """The same for some of the models."""
        kept = [
            (unique_id, mean)
            for unique_id, mean in zip(self.timed, self.seconds, strict=True)
            if unique_id in unique_ids
        ]
        left_out = {unique_id: counts for unique_id, counts in self.left_out.items() if unique_id in unique_ids}
        return MeanRuntimes(
            self.environment_id,
            [unique_id for unique_id, _ in kept],
            [mean for _, mean in kept],
            [unique_id for unique_id in self.untimed if unique_id in unique_ids],
            left_out,
            added_up(left_out.values()),
        )


def added_up(counts: Iterable[LeftOut]) -> dict[LeftOutReason, int]:
    """The sums by reason."""
    summed: dict[LeftOutReason, int] = {}
    for some in counts:
        for reason, count in some.items():
            summed[reason] = summed.get(reason, 0) + count
    return summed


def candidates(environments: Sequence[MeanRuntimes], first: int) -> list[MeanRuntime]:
    """At least the models with the `first` greatest means: also those whose exact means may be as great."""
    in_order = merge(*environments, key=lambda mean: -mean.seconds)
    slowest = list(islice(in_order, first))
    if slowest:
        least = slowest[-1].seconds * (1 - _PRECISION)
        for mean in in_order:
            if mean.seconds < least:
                break
            slowest.append(mean)
    return slowest

"""What the outcomes of a resource over time show: where it flips without a change of code, and when it was broken."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Outage(NamedTuple):
    """A stretch of failures among attempts, counted from 0: the first one, and the success that ended it; None while
    there is none."""

    first: int
    repaired: int | None


def flips(failed: Sequence[bool], codes: Sequence[Hashable | None]) -> list[int]:
    """The attempts that ended otherwise than the one before although the code (own and of the parents) was the same.
    Code that is not known (None) is never the same."""
    return [
        place
        for place in range(1, len(failed))
        if failed[place] != failed[place - 1] and codes[place] is not None and codes[place] == codes[place - 1]
    ]


def outages(failed: Sequence[bool]) -> list[Outage]:
    """Every stretch of failures, oldest first."""
    outages: list[Outage] = []
    first: int | None = None
    for place, has_failed in enumerate(failed):
        if has_failed and first is None:
            first = place
        elif not has_failed and first is not None:
            outages.append(Outage(first, place))
            first = None
    return outages if first is None else [*outages, Outage(first, None)]

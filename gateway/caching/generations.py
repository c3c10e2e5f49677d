"""Counts how often the facts of each environment changed, so that an answer kept from before can be found outdated."""

from __future__ import annotations

from collections.abc import Collection, Iterable

ACCOUNT = 0
"""Stands among environment ids for what belongs to none: the account's lists of projects, jobs and runs."""


class Generations:
    """One process's counts. An answer is as good as new while `of(its environments)` is what it was before the answer
    was made; while `total` is the same, every answer is. When they have `ended` none is: nobody notes changes."""

    def __init__(self) -> None:
        self.total = 0
        self.ended = False
        self._counts: dict[int, int] = {}

    def of(self, environment_ids: Collection[int]) -> tuple[int, ...]:
        """The counts of these environments, in the order of their ids."""
        return tuple(self._counts.get(environment_id, 0) for environment_id in sorted(environment_ids))

    def advance(self, environment_ids: Iterable[int]) -> None:
        """Notes that facts of these environments changed."""
        for environment_id in set(environment_ids):
            self._counts[environment_id] = self._counts.get(environment_id, 0) + 1
        self.total += 1

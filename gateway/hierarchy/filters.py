"""Filters as predicates. A missing field is no constraint; an empty list matches nothing; bounds are inclusive."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from gateway.errors import BadUserInput
from gateway.hierarchy.status import RunStatus


class TagsMatch(StrEnum):
    """Whether one of the given tags is enough, or all are needed."""

    ANY = "any"
    ALL = "all"


class Inclusion(StrEnum):
    """Whether a project filter keeps the projects it names, or drops them."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class Filterable(Protocol):
    """What a filter looks at: a model's latest state, or one model in one run."""

    @property
    def unique_id(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def materialization(self) -> str | None: ...
    @property
    def runtime(self) -> float | None: ...
    @property
    def outcome(self) -> RunStatus | None: ...


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Criteria a model must meet, all of them. Runtimes are seconds; a model without a runtime meets no bound.

    Raises BadUserInput when a bound is negative, not a number, or the lower one exceeds the upper one.
    """

    tags: tuple[str, ...] | None = None
    tags_match: TagsMatch = TagsMatch.ANY
    materialization: str | None = None
    min_runtime: float | None = None
    max_runtime: float | None = None

    def __post_init__(self) -> None:
        for name, bound in (("minRuntime", self.min_runtime), ("maxRuntime", self.max_runtime)):
            if bound is not None and not (math.isfinite(bound) and bound >= 0):
                raise BadUserInput(f"{name} must be a number of seconds, zero or more; it is {bound}.", argument=name)
        if self.min_runtime is not None and self.max_runtime is not None and self.min_runtime > self.max_runtime:
            raise BadUserInput(
                f"minRuntime ({self.min_runtime}) is greater than maxRuntime ({self.max_runtime}): "
                "no model can meet both. Swap them or leave one out.",
                argument="minRuntime",
            )

    @property
    def is_empty(self) -> bool:
        """True when nothing is asked for, so everything matches."""
        return self._asks_nothing()

    def _asks_nothing(self) -> bool:
        return (self.tags, self.materialization, self.min_runtime, self.max_runtime) == (None, None, None, None)

    def matches(self, model: Filterable) -> bool:
        """Whether one model meets every criterion."""
        return self._tags_match(model.tags) and self._materialized_as(model.materialization) and self._within(model)

    def _tags_match(self, tags: tuple[str, ...]) -> bool:
        if self.tags is None:
            return True
        if not self.tags:
            return False
        present = (tag in tags for tag in self.tags)
        return all(present) if self.tags_match is TagsMatch.ALL else any(present)

    def _materialized_as(self, materialization: str | None) -> bool:
        if self.materialization is None:
            return True
        return materialization is not None and materialization.casefold() == self.materialization.casefold()

    def _within(self, model: Filterable) -> bool:
        if self.min_runtime is None and self.max_runtime is None:
            return True
        if model.runtime is None:
            return False
        lower = self.min_runtime if self.min_runtime is not None else 0.0
        upper = self.max_runtime if self.max_runtime is not None else math.inf
        return lower <= model.runtime <= upper


@dataclass(frozen=True, slots=True)
class ModelFilter(SearchFilter):
    """A SearchFilter that may also name models, by `project.model` or by unique id, packages, and outcomes.

    The outcome of a model is that of its last attempt; of a model in a run, how it ended there.
    """

    model_ids: tuple[str, ...] | None = None
    packages: tuple[str, ...] | None = None
    statuses: tuple[RunStatus, ...] | None = None

    @property
    def criteria(self) -> ModelFilter:
        """The same filter without its model ids."""
        return replace(self, model_ids=None)

    @property
    def is_empty(self) -> bool:
        return (self.model_ids, self.packages, self.statuses) == (None, None, None) and self._asks_nothing()

    def matches(self, model: Filterable) -> bool:
        """Whether one model meets every criterion but the ids, which have to be looked up."""
        if self.packages is not None and model.unique_id.split(".")[1] not in self.packages:
            return False
        if self.statuses is not None and model.outcome not in self.statuses:
            return False
        return SearchFilter.matches(self, model)


@dataclass(frozen=True, slots=True)
class ProjectFilter(SearchFilter):
    """A SearchFilter that may also name projects, to keep only them or to leave them out.

    `models` asks for another model that a project must contain; it may name models by id.
    """

    project_ids: tuple[str, ...] | None = None
    inclusion: Inclusion = Inclusion.INCLUDE
    models: ModelFilter | None = None

    @property
    def criteria(self) -> SearchFilter:
        """The same filter without its project ids."""
        return SearchFilter(self.tags, self.tags_match, self.materialization, self.min_runtime, self.max_runtime)

    def admits(self, names: Collection[str]) -> bool:
        """Whether a project passes by its ids alone: these are the spellings of its id."""
        if self.project_ids is None:
            return True
        return (not set(names).isdisjoint(self.project_ids)) is (self.inclusion is Inclusion.INCLUDE)


def contains_match(criteria: SearchFilter, models: Iterable[Filterable]) -> bool:
    """Whether a job, run or project that holds `models` is kept: one of them meets every criterion."""
    return any(criteria.matches(model) for model in models)

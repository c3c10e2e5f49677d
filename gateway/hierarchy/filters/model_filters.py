"""Filters as predicates. A missing field is no constraint; an empty list matches nothing; bounds are inclusive."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from gateway.errors import BadUserInput
from gateway.hierarchy.objects.model import Owner, owner_of
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.unique_ids import local_name, package_of


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


class FilterableState(Filterable, Protocol):
    """A model's latest state, as far as filters look at it."""

    @property
    def file_path(self) -> str | None: ...
    @property
    def group(self) -> str | None: ...
    @property
    def access(self) -> str | None: ...
    @property
    def meta(self) -> Mapping[str, Any] | None: ...
    @property
    def last_run_time(self) -> datetime | None: ...


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
        if len(self.tags) < 2:
            return bool(self.tags) and self.tags[0] in tags
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
    """A SearchFilter that may also name models, by `project.model` or by unique id, packages, parts of names, outcomes,
    and what is known of a model's latest state.

    Of a model in a run most criteria look at what it was and how it ended there; `model_ids`, `folder`, `groups`,
    `owners`, `access` and the times of the last attempt look at the model as its environment knows it now.
    `name_contains` and `owners` are compared without case. Raises BadUserInput for an empty text, and for a window of
    time that holds no moment.
    """

    model_ids: tuple[str, ...] | None = None
    packages: tuple[str, ...] | None = None
    statuses: tuple[RunStatus, ...] | None = None
    name_contains: str | None = None
    folder: str | None = None
    groups: tuple[str, ...] | None = None
    owners: tuple[str, ...] | None = None
    access: tuple[str, ...] | None = None
    last_run_since: datetime | None = None
    last_run_until: datetime | None = None

    def __post_init__(self) -> None:
        SearchFilter.__post_init__(self)
        ensure_text("nameContains", self.name_contains)
        ensure_text("folder", self.folder and self.folder.strip("./\\"))
        ensure_times("lastRunSince", self.last_run_since, "lastRunUntil", self.last_run_until)

    @property
    def without_ids(self) -> ModelFilter:
        """The same filter without its model ids."""
        return replace(self, model_ids=None)

    @property
    def in_run(self) -> ModelFilter:
        """What of it looks at a model as it was in a run."""
        return ModelFilter(
            self.tags,
            self.tags_match,
            self.materialization,
            self.min_runtime,
            self.max_runtime,
            packages=self.packages,
            statuses=self.statuses,
            name_contains=self.name_contains,
        )

    @property
    def of_state(self) -> ModelFilter | None:
        """What of it looks at models as their environment knows them now, ids included; None when nothing does."""
        state = ModelFilter(
            model_ids=self.model_ids,
            folder=self.folder,
            groups=self.groups,
            owners=self.owners,
            access=self.access,
            last_run_since=self.last_run_since,
            last_run_until=self.last_run_until,
        )
        return None if state.is_empty else state

    @property
    def is_empty(self) -> bool:
        return self == ModelFilter(tags_match=self.tags_match)

    def matches(self, model: Filterable) -> bool:
        """Whether one model meets what of the filter a run can say; ids and state have to be looked up."""
        if self.packages is not None and package_of(model.unique_id) not in self.packages:
            return False
        if self.statuses is not None and model.outcome not in self.statuses:
            return False
        if self.name_contains is not None and not contains_text(local_name(model.unique_id), self.name_contains):
            return False
        return SearchFilter.matches(self, model)

    def admits(self, model: FilterableState, owners: Mapping[str, Owner]) -> bool:
        """Whether a model's latest state meets every criterion but the ids; `owners` own the groups of its project."""
        if not (self.matches(model) and self._state_admits(model)):
            return False
        return self.owners is None or self._owned_by_one(owner_of(model, owners))

    def _state_admits(self, model: FilterableState) -> bool:
        if self.folder is not None and not _is_within(model.file_path, self.folder):
            return False
        if self.groups is not None and model.group not in self.groups:
            return False
        if self.access is not None and model.access not in self.access:
            return False
        return self._attempted_within(model.last_run_time)

    def _attempted_within(self, ended: datetime | None) -> bool:
        if self.last_run_since is not None and (ended is None or ended < self.last_run_since):
            return False
        return self.last_run_until is None or ended is None or ended < self.last_run_until

    def _owned_by_one(self, owner: Owner | None) -> bool:
        known = {text.casefold() for text in (owner.name, owner.email) if text} if owner else set()
        return not known.isdisjoint(text.casefold() for text in self.owners or ())


def _is_within(path: str | None, folder: str) -> bool:
    """Whether a file lies in a folder or below it. Manifests that were written on Windows have backslashes."""
    if path is None:
        return False
    place = folder.replace("\\", "/").removeprefix("./").strip("/")
    return path.replace("\\", "/").startswith(f"{place}/")


def contains_text(text: str, part: str) -> bool:
    """Whether a name contains a text, compared without case."""
    return part.casefold() in text.casefold()


def ensure_text(name: str, text: str | None) -> None:
    """Raises BadUserInput for a text without any character but spaces."""
    if text is not None and not text.strip():
        raise BadUserInput(
            f"{name} is empty, so everything would match. Give some text or leave it out.", argument=name
        )


def ensure_times(since_name: str, since: datetime | None, until_name: str, until: datetime | None) -> None:
    """Raises BadUserInput for a window of time that holds no moment."""
    if since is not None and until is not None and since >= until:
        raise BadUserInput(
            f"{since_name} ({since.isoformat()}) is not before {until_name} ({until.isoformat()}): nothing can match "
            "both. Swap them or leave one out.",
            argument=since_name,
        )


@dataclass(frozen=True, slots=True)
class ProjectFilter(SearchFilter):
    """A SearchFilter that may also name projects, to keep only them or to leave them out.

    `models` asks for another model that a project must contain; it may name models by id.
    """

    project_ids: tuple[str, ...] | None = None
    inclusion: Inclusion = Inclusion.INCLUDE
    models: ModelFilter | None = None

    @property
    def search(self) -> SearchFilter:
        """The same filter without its project ids."""
        return SearchFilter(self.tags, self.tags_match, self.materialization, self.min_runtime, self.max_runtime)

    def admits(self, names: Collection[str]) -> bool:
        """Whether a project passes by its ids alone: these are the spellings of its id."""
        if self.project_ids is None:
            return True
        return (not set(names).isdisjoint(self.project_ids)) is (self.inclusion is Inclusion.INCLUDE)


def contains_match(filter: SearchFilter, models: Iterable[Filterable]) -> bool:
    """Whether a job, run or project that holds `models` is kept: one of them meets every criterion."""
    return any(filter.matches(model) for model in models)

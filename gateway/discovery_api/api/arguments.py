"""What the methods' arguments may be, and how filters become the hierarchy's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypedDict, TypeVar

from gateway.analysis.schedule import RunChange, ScheduleOrder
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.models.filters import (
    Criteria,
    HistoryScope,
    JobFilter,
    ModelFilter,
    ProjectCriteria,
    ProjectFilter,
    RunFilter,
    SearchFilter,
    ensure_filter,
    models_chosen,
    projects_chosen,
)
from gateway.discovery_api.models.reports import RunStatus
from gateway.errors import BadUserInput
from gateway.hierarchy.filters import list_filters
from gateway.hierarchy.filters import model_filters as hierarchy
from gateway.hierarchy.history import counted_runs
from gateway.hierarchy.history.runtime_series import Certainty
from gateway.hierarchy.objects import node_result
from gateway.hierarchy.resources.resource import LineageDirection
from gateway.hierarchy.vocabulary import status
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS, Variant
from gateway.queries.analysis.run_what_if import changed

E = TypeVar("E", bound=StrEnum)

MOST_RANKED = 1_000
MOST_LAST_RUNS = 100
MOST_RUNS = 500
MOST_POINTS = 1_000
MOST_BARS = 20_000
LEAST_POINTS = 10


def ensure_count(name: str, value: int, most: int, least: int = 1) -> int:
    """The value itself. Raises InvalidArgumentError unless it is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgumentError(f"{name} is a whole number from {least} to {most}; it is {value!r}.")
    return value


class WhatIfChange(TypedDict, total=False):
    """What would be different in a run: the number of threads (1 to 1000); new runtimes by unique id, as `factors` of
    the old ones or in `seconds`; unique ids to `drop`; whether the longest remaining chain starts first."""

    threads: int | None
    factors: Mapping[str, float]
    seconds: Mapping[str, float]
    drop: Sequence[str]
    longest_tail_first: bool


def change_wanted(change: WhatIfChange) -> RunChange:
    """The change of a run. Raises InvalidArgumentError for nothing, and for what no run can have."""
    unknown = sorted(change.keys() - WhatIfChange.__annotations__.keys())
    if unknown:
        raise InvalidArgumentError(f"A change has {', '.join(WhatIfChange.__annotations__)}; not {unknown[0]}.")
    speed_ups: list[tuple[str, float | None, float | None]] = [
        *((unique_id, factor, None) for unique_id, factor in change.get("factors", {}).items()),
        *((unique_id, None, seconds) for unique_id, seconds in change.get("seconds", {}).items()),
    ]
    order = ScheduleOrder.LONGEST_TAIL_FIRST if change.get("longest_tail_first") else ScheduleOrder.AS_DBT
    try:
        return changed(change.get("threads"), speed_ups, list(change.get("drop", ())), order)
    except BadUserInput as error:
        raise InvalidArgumentError(error.message) from error


def word_of(kind: type[E], name: str, word: str) -> E:
    """The value that a word stands for. Raises InvalidArgumentError for one that is none."""
    known = {member.value.lower(): member for member in kind}
    if word not in known:
        raise InvalidArgumentError(f"{name} is {', '.join(known)}; {word!r} is not one of them.")
    return known[word]


def certainty_wanted(word: str) -> Certainty:
    """The hierarchy's certainty. Raises InvalidArgumentError for a word that is none."""
    known = {member.value.lower(): member for member in Certainty}
    if word not in known:
        raise InvalidArgumentError(f"certainty is {' or '.join(known)}; it is {word!r}.")
    return known[word]


def models_filter(filter: SearchFilter | None, filters: Criteria) -> hierarchy.ModelFilter | None:
    """The filter for a question about models. Raises InvalidArgumentError for criteria given twice."""
    chosen = models_chosen(filter, filters)
    return chosen.to_hierarchy() if chosen else None


def projects_filter(filter: ProjectFilter | None, filters: ProjectCriteria) -> hierarchy.ProjectFilter | None:
    """The filter for a question about projects. Raises InvalidArgumentError for criteria given twice."""
    chosen = projects_chosen(filter, filters)
    return chosen.to_project_filter() if chosen else None


def statuses_wanted(words: Sequence[RunStatus | str] | None) -> tuple[status.RunStatus, ...] | None:
    """The hierarchy's statuses; None is no constraint. Raises InvalidArgumentError for a word that is none."""
    if words is None:
        return None
    known = {member.value: member for member in status.RunStatus}
    wrong = [word for word in words if word not in known] if not isinstance(words, str) else [words]
    if wrong:
        raise InvalidArgumentError(f"statuses is a list of {', '.join(known)}; {wrong[0]!r} is not one of them.")
    return tuple(known[word] for word in words)


def result_filter(
    resource_types: Iterable[str] | None, statuses: Iterable[RunStatus | str] | None
) -> node_result.NodeResultFilter:
    """The filter for a question about results. Raises InvalidArgumentError for words that nobody knows."""
    types = None if resource_types is None else tuple(map(_resource_type, _words("resource_types", resource_types)))
    words = None if statuses is None else _words("statuses", statuses)
    return node_result.NodeResultFilter(types, statuses_wanted(words))


def _words(name: str, words: Iterable[str]) -> list[str]:
    if isinstance(words, str):
        raise InvalidArgumentError(f"{name} is a list of words, not one: [{words!r}].")
    return list(words)


def _resource_type(word: str) -> ResourceType:
    known = {resource_type.value: resource_type for resource_type in sorted(node_result.RESULT_TYPES)}
    if word not in known:
        raise InvalidArgumentError(f"resource_types is a list of {', '.join(known)}; {word!r} has no results.")
    return known[word]


def types_wanted(resource_types: Iterable[str] | None) -> tuple[ResourceType, ...] | None:
    """What dbt calls types of resources. Raises InvalidArgumentError for words that nobody knows."""
    if resource_types is None:
        return None
    known = {resource_type.value: resource_type for resource_type in ResourceType}
    words = _words("resource_types", resource_types)
    unknown = [word for word in words if word not in known]
    if unknown:
        raise InvalidArgumentError(f"resource_types is a list of {', '.join(known)}; {unknown[0]!r} is none of them.")
    return tuple(known[word] for word in words)


def direction_wanted(direction: str) -> LineageDirection:
    """Which way to walk. Raises InvalidArgumentError for a word that is none."""
    known = [direction.value for direction in LineageDirection]
    if direction not in known:
        raise InvalidArgumentError(f"direction is one of {', '.join(known)}; {direction!r} is none of them.")
    return LineageDirection(direction)


def history_wanted(scope: HistoryScope | None) -> counted_runs.HistoryScope | None:
    """The hierarchy's scope. Raises InvalidArgumentError for what is no HistoryScope."""
    checked = ensure_filter("history", scope, HistoryScope)
    return checked.to_hierarchy() if checked else None


def two_filters(
    filter: SearchFilter | None, model_filter: ModelFilter | None
) -> tuple[hierarchy.SearchFilter | None, hierarchy.ModelFilter | None]:
    """Both filters of a question about jobs or runs; models may be named in one of them."""
    search, named = (
        ensure_filter("filter", filter, SearchFilter),
        ensure_filter("model_filter", model_filter, ModelFilter),
    )
    first = search.to_hierarchy() if search else None
    second = named.to_hierarchy() if named else None
    if first is None or first.of_state is None:
        return first, second
    if second is not None:
        raise InvalidArgumentError(
            "Name models, folders, groups, owners, access and times in model_filter, not in filter, when you give both."
        )
    return None, first


def runs_where(run_filter: RunFilter | None, models: hierarchy.ModelFilter | None) -> list_filters.RunFilter | None:
    """The hierarchy's filter for runs in which a model met `models`. Raises InvalidArgumentError for what is no
    RunFilter."""
    checked = ensure_filter("where", run_filter, RunFilter)
    if checked is None and models is None:
        return None
    return replace(checked.to_hierarchy() if checked else list_filters.RunFilter(), models=models)


def jobs_where(job_filter: JobFilter | None) -> list_filters.JobFilter | None:
    """The same for jobs."""
    checked = ensure_filter("where", job_filter, JobFilter)
    return checked.to_hierarchy() if checked else None


def variants_left_out(include_full_refresh: bool) -> frozenset[Variant]:
    """Which runs of a job are left out of its averages."""
    return ALL_VARIANTS - {Variant.FULL_REFRESH} if include_full_refresh else ALL_VARIANTS

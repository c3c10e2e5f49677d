"""Filter inputs. Bad values are refused with BAD_USER_INPUT when they become the hierarchy's filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

import strawberry

from gateway.errors import BadUserInput
from gateway.hierarchy.filters import list_filters, model_filters
from gateway.hierarchy.history import counted_runs
from gateway.hierarchy.objects import node_result
from gateway.hierarchy.resources import resource
from gateway.hierarchy.vocabulary.triggers import TriggerCategory
from gateway.queries.jobs.jobs import number_of
from gateway.schema.vocabulary.contracts import PEOPLE
from gateway.schema.vocabulary.enums import Inclusion, ResourceType, RunStatus, TagsMatch
from gateway.schema.vocabulary.words import FreshnessStatus, JobKind, ModelAccess, statuses_of_freshness

T = TypeVar("T")

_TAGS = "Tags to look for; tagsMatch says whether one is enough. Leave out for no constraint; [] matches nothing."
_TAGS_MATCH = "Whether one of the tags is enough (ANY) or all are needed (ALL)."
_MATERIALIZATION = "Materialization, compared without case: table, view, incremental, ephemeral or a custom one."
_MIN_RUNTIME = "Least runtime in seconds, inclusive. Models without a runtime do not match."
_MAX_RUNTIME = "Greatest runtime in seconds, inclusive. Models without a runtime do not match."

# More values than a list may hold; longer ones are refused, not cut.
_LONGEST_LIST = 1_000


@strawberry.input(description="Criteria a model must meet, all of them.")
class SearchFilter:
    tags: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_TAGS)
    tags_match: TagsMatch = strawberry.field(default=model_filters.TagsMatch.ANY, description=_TAGS_MATCH)
    materialization: str | None = strawberry.field(default=strawberry.UNSET, description=_MATERIALIZATION)
    min_runtime: float | None = strawberry.field(default=strawberry.UNSET, description=_MIN_RUNTIME)
    max_runtime: float | None = strawberry.field(default=strawberry.UNSET, description=_MAX_RUNTIME)

    def to_filter(self) -> model_filters.SearchFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        return model_filters.SearchFilter(
            _values(self.tags, "tags"),
            self.tags_match,
            _value(self.materialization),
            _value(self.min_runtime),
            _value(self.max_runtime),
        )


@strawberry.input(description="Criteria a model must meet, all of them, and models named by id.")
class ModelFilter:
    tags: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_TAGS)
    tags_match: TagsMatch = strawberry.field(default=model_filters.TagsMatch.ANY, description=_TAGS_MATCH)
    materialization: str | None = strawberry.field(default=strawberry.UNSET, description=_MATERIALIZATION)
    min_runtime: float | None = strawberry.field(default=strawberry.UNSET, description=_MIN_RUNTIME)
    max_runtime: float | None = strawberry.field(default=strawberry.UNSET, description=_MAX_RUNTIME)
    model_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only these models: project.model, project.package.model or unique ids. Case counts.",
    )

    packages: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only models that one of these dbt packages defines."
    )
    statuses: list[RunStatus] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only models whose last attempt has one of these statuses. On a run: whose result in that run "
        "has one.",
    )
    name_contains: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only models whose name contains this text, compared without case."
    )
    folder: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only models whose file lies in this folder of the project or below it, such as models/marts.",
    )
    groups: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only models of one of these dbt groups. Case counts."
    )
    owners: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only models of one of these owners, by name or address, compared without case.",
        directives=[PEOPLE],
    )
    access: list[ModelAccess] | None = strawberry.field(
        default=strawberry.UNSET, description="Only models with one of these access levels."
    )
    last_run_since: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only models whose last attempt ended at this time or later."
    )
    last_run_until: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only models whose last attempt ended before this time, or that were never attempted.",
    )

    def to_filter(self) -> model_filters.ModelFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        return model_filters.ModelFilter(
            _values(self.tags, "tags"),
            self.tags_match,
            _value(self.materialization),
            _value(self.min_runtime),
            _value(self.max_runtime),
            _values(self.model_ids, "modelIds"),
            _values(self.packages, "packages"),
            _values(self.statuses, "statuses"),
            name_contains=_value(self.name_contains),
            folder=_value(self.folder),
            groups=_values(self.groups, "groups"),
            owners=_values(self.owners, "owners"),
            access=_words(self.access, "access"),
            last_run_since=_moment(self.last_run_since),
            last_run_until=_moment(self.last_run_until),
        )


_USE_MODELS = "Use models. Removed in 1.2."


@strawberry.input(
    description="Projects named by id, to keep or to leave out, and criteria a model of theirs must meet."
)
class ProjectFilter:
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description=_TAGS, deprecation_reason=_USE_MODELS
    )
    tags_match: TagsMatch = strawberry.field(
        default=model_filters.TagsMatch.ANY, description=_TAGS_MATCH, deprecation_reason=_USE_MODELS
    )
    materialization: str | None = strawberry.field(
        default=strawberry.UNSET, description=_MATERIALIZATION, deprecation_reason=_USE_MODELS
    )
    min_runtime: float | None = strawberry.field(
        default=strawberry.UNSET, description=_MIN_RUNTIME, deprecation_reason=_USE_MODELS
    )
    max_runtime: float | None = strawberry.field(
        default=strawberry.UNSET, description=_MAX_RUNTIME, deprecation_reason=_USE_MODELS
    )
    project_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Projects to keep or to leave out, by id or dbt project name. Unknown ones are refused.",
    )
    include_or_exclude: Inclusion = strawberry.field(
        default=model_filters.Inclusion.INCLUDE, description="Whether projectIds are kept or left out."
    )
    models: ModelFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Only projects that contain a matching model."
    )

    def to_filter(self) -> model_filters.ProjectFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        return model_filters.ProjectFilter(
            _values(self.tags, "tags"),
            self.tags_match,
            _value(self.materialization),
            _value(self.min_runtime),
            _value(self.max_runtime),
            _values(self.project_ids, "projectIds"),
            self.include_or_exclude,
            model_filter(self.models),
        )


@strawberry.input(description="Criteria for a source. All of them must match.")
class SourceFilter:
    statuses: list[FreshnessStatus] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only sources with one of these statuses. Leave out for no constraint; [] matches nothing.",
    )

    name_contains: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only sources whose name, as `source.table`, contains this text, compared without case.",
    )

    def to_filter(self) -> list_filters.SourceFilter:
        """The filter in the hierarchy's words. Raises BadUserInput."""
        statuses = _values(self.statuses, "statuses")
        outcomes = None if statuses is None else frozenset().union(*map(statuses_of_freshness, statuses))
        return list_filters.SourceFilter(outcomes, _value(self.name_contains))


@strawberry.input(
    description="Which runs averages include in addition to ordinary successful runs. Only a full refresh of an "
    "incremental model counts as a full refresh."
)
class HistoryScope:
    include_full_refresh: bool = strawberry.field(
        default=False, description="Include full refreshes of incremental models."
    )
    include_ci: bool = strawberry.field(default=False, description="Include runs of CI and merge jobs.")
    include_failed: bool = strawberry.field(default=False, description="Include runs in which the model failed.")

    def to_scope(self) -> counted_runs.HistoryScope:
        return counted_runs.HistoryScope(self.include_full_refresh, self.include_ci, self.include_failed)


@strawberry.input(description="Criteria for a run. All of them must match.")
class RunFilter:
    statuses: list[RunStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Only runs with one of these statuses."
    )
    job_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only runs of these jobs."
    )
    triggers: list[TriggerCategory] | None = strawberry.field(
        default=strawberry.UNSET, description="Only runs that were started for one of these reasons."
    )
    git_branches: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only runs of one of these branches."
    )
    started_since: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only runs that started at this time or later. Runs that waited more than seven days before they "
        "started are missing.",
    )
    started_until: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only runs that started before this time."
    )
    min_seconds: float | None = strawberry.field(
        default=strawberry.UNSET, description="Least duration of the run in seconds, inclusive."
    )
    max_seconds: float | None = strawberry.field(
        default=strawberry.UNSET, description="Greatest duration of the run in seconds, inclusive."
    )
    models: ModelFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Only runs in which a model matched, as it was in that run."
    )

    def to_filter(self) -> list_filters.RunFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        job_ids = _values(self.job_ids, "jobIds")
        return list_filters.RunFilter(
            _values(self.statuses, "statuses"),
            None if job_ids is None else tuple(number_of(job_id, "job", "jobIds") for job_id in job_ids),
            _values(self.triggers, "triggers"),
            _values(self.git_branches, "gitBranches"),
            _moment(self.started_since),
            _moment(self.started_until),
            _value(self.min_seconds),
            _value(self.max_seconds),
            model_filter(self.models),
        )


@strawberry.input(description="Criteria for a job. All of them must match.")
class JobFilter:
    name_contains: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only jobs whose name contains this text, compared without case."
    )
    kinds: list[JobKind] | None = strawberry.field(default=strawberry.UNSET, description="Only jobs of these kinds.")
    last_run_statuses: list[RunStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Only jobs whose newest run has one of these statuses."
    )
    min_seconds: float | None = strawberry.field(
        default=strawberry.UNSET, description="Least duration of the job's last finished run in seconds, inclusive."
    )
    max_seconds: float | None = strawberry.field(
        default=strawberry.UNSET, description="Greatest duration of the job's last finished run in seconds, inclusive."
    )
    models: ModelFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Only jobs that build a matching model."
    )

    def to_filter(self) -> list_filters.JobFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        return list_filters.JobFilter(
            _value(self.name_contains),
            _words(self.kinds, "kinds"),
            _values(self.last_run_statuses, "lastRunStatuses"),
            _value(self.min_seconds),
            _value(self.max_seconds),
            model_filter(self.models),
        )


@strawberry.input(description="Criteria for a result. All of them must match.")
class NodeResultFilter:
    resource_types: list[ResourceType] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only results of these types. Leave out for no constraint; [] matches nothing. Types that never "
        "have results, such as macros, are refused.",
    )
    statuses: list[RunStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Only results with one of these statuses; [] matches nothing."
    )
    step: int | None = strawberry.field(
        default=strawberry.UNSET, description="Only results of this step, from 1. Refused where no archive has it."
    )

    def to_filter(self) -> node_result.NodeResultFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        return node_result.NodeResultFilter(
            _values(self.resource_types, "resourceTypes"), _values(self.statuses, "statuses"), _value(self.step)
        )


@strawberry.input(description="Criteria for a resource. All of them must match.")
class ResourceFilter:
    resource_types: list[ResourceType] | None = strawberry.field(
        default=strawberry.UNSET, description="Only resources of these types; [] matches nothing."
    )
    name_contains: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only resources whose name contains this text, compared without case."
    )
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only resources with one of these tags; [] matches nothing."
    )

    def to_filter(self) -> resource.ResourceFilter:
        """The hierarchy's filter. Raises BadUserInput."""
        return resource.ResourceFilter(
            _values(self.resource_types, "resourceTypes"), _value(self.name_contains), _values(self.tags, "tags")
        )


def _moment(moment: datetime | None) -> datetime | None:
    """A time; one without an offset is UTC."""
    moment = _value(moment)
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _value(value: T | None) -> T | None:
    return None if value is strawberry.UNSET else value


def _values(values: Sequence[T] | None, argument: str) -> tuple[T, ...] | None:
    if values is None or values is strawberry.UNSET:
        return None
    if len(values) > _LONGEST_LIST:
        raise BadUserInput(
            f"{argument} has {len(values)} values; at most {_LONGEST_LIST} are allowed.", argument=argument
        )
    return tuple(values)


def _words(words: Sequence[Enum] | None, argument: str) -> tuple[str, ...] | None:
    """dbt's words that members of an enum stand for."""
    members = _values(words, argument)
    return None if members is None else tuple(str(word.value) for word in members)


def search_filter(argument: SearchFilter | None) -> model_filters.SearchFilter | None:
    return argument.to_filter() if argument else None


def model_filter(argument: ModelFilter | None) -> model_filters.ModelFilter | None:
    return argument.to_filter() if argument else None


def project_filter(argument: ProjectFilter | None) -> model_filters.ProjectFilter | None:
    return argument.to_filter() if argument else None


def run_filter(argument: RunFilter | None) -> list_filters.RunFilter | None:
    return argument.to_filter() if argument else None


def job_filter(argument: JobFilter | None) -> list_filters.JobFilter | None:
    return argument.to_filter() if argument else None


def node_result_filter(argument: NodeResultFilter | None) -> node_result.NodeResultFilter | None:
    return argument.to_filter() if argument else None


def resource_filter(argument: ResourceFilter | None) -> resource.ResourceFilter | None:
    return argument.to_filter() if argument else None


def source_filter(argument: SourceFilter | None) -> list_filters.SourceFilter | None:
    return argument.to_filter() if argument else None


def history_scope(scope: HistoryScope | None) -> counted_runs.HistoryScope | None:
    return scope.to_scope() if scope else None

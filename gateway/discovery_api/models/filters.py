"""Filters as a caller writes them: checked when they are made, and turned into the hierarchy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Protocol, TypedDict, TypeVar, runtime_checkable

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.models.reports import RunStatus
from gateway.hierarchy.filters import list_filters
from gateway.hierarchy.filters import model_filters as hierarchy
from gateway.hierarchy.history import counted_runs
from gateway.hierarchy.vocabulary import status
from gateway.hierarchy.vocabulary.triggers import TriggerCategory


@runtime_checkable
class NamesModel(Protocol):
    """Anything with a model id, such as `api.Model`."""

    @property
    def model_id(self) -> str: ...


@runtime_checkable
class NamesProject(Protocol):
    """Anything with a project id, such as `api.Project`."""

    @property
    def project_id(self) -> str: ...


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty, so everything would match. Give some text or leave it out")
    return text


def _utc(moment: datetime) -> datetime:
    """A time; one without an offset is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _numbers(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


Texts = Annotated[list[str], BeforeValidator(_listed)]
Text = Annotated[str, AfterValidator(_filled)]
Moment = Annotated[datetime, AfterValidator(_utc)]
Statuses = Annotated[list[RunStatus], BeforeValidator(_listed)]
Access = Literal["private", "protected", "public", "other"]
JobKind = Literal["scheduled", "ci", "merge", "other"]
Trigger = Literal["schedule", "ci", "merge", "job", "api", "ui", "rerun", "other"]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

F = TypeVar("F", bound=BaseModel)
V = TypeVar("V")


class Criteria(TypedDict, total=False):
    """The criteria that methods take as keywords in place of a filter."""

    tags: Sequence[str] | str | None
    tags_match: Literal["any", "all"]
    materialization: str | None
    min_runtime: float | None
    max_runtime: float | None
    model_ids: Sequence[str] | str | None
    packages: Sequence[str] | str | None
    statuses: Sequence[str] | str | None
    name_contains: str | None
    folder: str | None
    groups: Sequence[str] | str | None
    owners: Sequence[str] | str | None
    access: Sequence[str] | str | None
    last_run_since: datetime | None
    last_run_until: datetime | None


class ProjectCriteria(TypedDict, total=False):
    """The criteria that questions for projects take as keywords in place of a filter."""

    tags: Sequence[str] | str | None
    tags_match: Literal["any", "all"]
    materialization: str | None
    min_runtime: float | None
    max_runtime: float | None
    project_ids: Sequence[str] | str | None
    include_or_exclude: Literal["include", "exclude"]


class Checked(BaseModel):
    """What a caller fills in. Raises InvalidArgumentError that names what is wrong and what would do."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as invalid:
            raise InvalidArgumentError(_told(type(self), invalid)) from None


class SearchFilter(Checked):
    """Criteria a model must meet, all of them. What is left out is no constraint; an empty list matches nothing.

    On jobs, runs and projects a filter keeps what contains a model that meets every criterion. `tags`: one of them is
    enough, or all are needed with `tags_match="all"`. `materialization` is compared without case. The runtimes are
    seconds, bounds included; a model without a runtime meets no bound. Raises InvalidArgumentError, a ValueError.
    """

    tags: Texts | None = None
    tags_match: Literal["any", "all"] = "any"
    materialization: str | None = None
    min_runtime: Seconds | None = None
    max_runtime: Seconds | None = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> SearchFilter:
        if self.min_runtime is not None and self.max_runtime is not None and self.min_runtime > self.max_runtime:
            raise ValueError(
                f"min_runtime ({self.min_runtime}) is greater than max_runtime ({self.max_runtime}): no model can meet "
                "both. Swap them or leave one out."
            )
        return self

    @property
    def named_models(self) -> tuple[str, ...] | None:
        """Ids of the models it is limited to; None when it names none."""
        return None

    def to_hierarchy(self) -> hierarchy.ModelFilter:
        """The hierarchy's filter for models."""
        return hierarchy.ModelFilter(
            None if self.tags is None else tuple(self.tags),
            hierarchy.TagsMatch(self.tags_match),
            self.materialization,
            self.min_runtime,
            self.max_runtime,
            self.named_models,
        )


class ModelFilter(SearchFilter):
    """A SearchFilter that may also name models, packages, outcomes, parts of names, folders, groups, owners and access.

    Models as objects or by id (`project.model` or dbt's unique id). The outcome of a model is that of its last attempt,
    of a model in a run how it ended there. `name_contains` and `owners` (names or addresses) are compared without case;
    `folder` holds the model's file, directly or below it. `last_run_since` is met by models whose last attempt ended
    then or later, `last_run_until` by those whose last attempt ended before it, or that were never attempted; times
    without an offset are UTC. On jobs and runs folder, groups, owners, access and times look at the model as it is now.
    """

    models: list[NamesModel] | None = None
    model_ids: Texts | None = None
    packages: Texts | None = None
    statuses: Statuses | None = None
    name_contains: Text | None = None
    folder: Text | None = None
    groups: Texts | None = None
    owners: Texts | None = None
    access: Annotated[list[Access], BeforeValidator(_listed)] | None = None
    last_run_since: Moment | None = None
    last_run_until: Moment | None = None

    @model_validator(mode="after")
    def _times_in_order(self) -> ModelFilter:
        _ensure_order("last_run_since", self.last_run_since, "last_run_until", self.last_run_until)
        return self

    @property
    def named_models(self) -> tuple[str, ...] | None:
        """Ids of the models it is limited to; None when it names none."""
        if self.models is None and self.model_ids is None:
            return None
        return (*(model.model_id for model in self.models or ()), *(self.model_ids or ()))

    def to_hierarchy(self) -> hierarchy.ModelFilter:
        """The hierarchy's filter for models."""
        return replace(
            super().to_hierarchy(),
            packages=_tuple(self.packages),
            statuses=_statuses(self.statuses),
            name_contains=self.name_contains,
            folder=self.folder,
            groups=_tuple(self.groups),
            owners=_tuple(self.owners),
            access=_tuple(self.access),
            last_run_since=self.last_run_since,
            last_run_until=self.last_run_until,
        )


class ProjectFilter(SearchFilter):
    """A SearchFilter that may also name projects, as objects or by id, to keep only them or to leave them out."""

    projects: list[NamesProject] | None = None
    project_ids: Texts | None = None
    include_or_exclude: Literal["include", "exclude"] = "include"

    @property
    def named_projects(self) -> tuple[str, ...] | None:
        """Ids of the projects it names; None when it names none."""
        if self.projects is None and self.project_ids is None:
            return None
        return (*(project.project_id for project in self.projects or ()), *(self.project_ids or ()))

    def to_project_filter(self, *, ids_only: bool = False) -> hierarchy.ProjectFilter:
        """The hierarchy's filter for projects; `ids_only`: without what describes models."""
        inclusion = hierarchy.Inclusion(self.include_or_exclude)
        if ids_only:
            return hierarchy.ProjectFilter(project_ids=self.named_projects, inclusion=inclusion)
        search = self.to_hierarchy().without_ids
        return hierarchy.ProjectFilter(
            search.tags,
            search.tags_match,
            search.materialization,
            search.min_runtime,
            search.max_runtime,
            self.named_projects,
            inclusion,
        )


class RunFilter(Checked):
    """Criteria of a run itself, all of which must match. What is left out is no constraint, [] matches nothing.

    `started_since` and `started_until` bound when it started, the latter exclusively; times without an offset are UTC.
    The bounds of its duration are seconds, inclusive. A run without what is asked for does not match.
    """

    statuses: Statuses | None = None
    job_ids: Annotated[list[int], BeforeValidator(_numbers)] | None = None
    triggers: Annotated[list[Trigger], BeforeValidator(_listed)] | None = None
    git_branches: Texts | None = None
    started_since: Moment | None = None
    started_until: Moment | None = None
    min_seconds: Seconds | None = None
    max_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> RunFilter:
        _ensure_order("started_since", self.started_since, "started_until", self.started_until)
        _ensure_bounds(self.min_seconds, self.max_seconds)
        return self

    def to_hierarchy(self) -> list_filters.RunFilter:
        """The hierarchy's filter for runs."""
        return list_filters.RunFilter(
            _statuses(self.statuses),
            _tuple(self.job_ids),
            None if self.triggers is None else tuple(TriggerCategory(trigger) for trigger in self.triggers),
            _tuple(self.git_branches),
            self.started_since,
            self.started_until,
            self.min_seconds,
            self.max_seconds,
        )


class JobFilter(Checked):
    """Criteria of a job itself, all of which must match. What is left out is no constraint, [] matches nothing.

    `name_contains` is compared without case. `last_run_statuses` are of its newest run, the bounds, in seconds and
    inclusive, of its last finished one.
    """

    name_contains: Text | None = None
    kinds: Annotated[list[JobKind], BeforeValidator(_listed)] | None = None
    last_run_statuses: Statuses | None = None
    min_seconds: Seconds | None = None
    max_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> JobFilter:
        _ensure_bounds(self.min_seconds, self.max_seconds)
        return self

    def to_hierarchy(self) -> list_filters.JobFilter:
        """The hierarchy's filter for jobs."""
        return list_filters.JobFilter(
            self.name_contains,
            _tuple(self.kinds),
            _statuses(self.last_run_statuses),
            self.min_seconds,
            self.max_seconds,
        )


def _tuple(values: Sequence[V] | None) -> tuple[V, ...] | None:
    return None if values is None else tuple(values)


def _statuses(values: Sequence[RunStatus] | None) -> tuple[status.RunStatus, ...] | None:
    return None if values is None else tuple(status.RunStatus(status_word.value) for status_word in values)


def _ensure_bounds(least: float | None, most: float | None) -> None:
    if least is not None and most is not None and least > most:
        raise ValueError(
            f"min_seconds ({least}) is greater than max_seconds ({most}): nothing can match both. Swap them or leave "
            "one out."
        )


def _ensure_order(since_name: str, since: datetime | None, until_name: str, until: datetime | None) -> None:
    if since is not None and until is not None and since >= until:
        raise ValueError(
            f"{since_name} ({since.isoformat()}) is not before {until_name} ({until.isoformat()}): nothing can match "
            "both. Swap them or leave one out."
        )


class HistoryScope(Checked):
    """Which runs stand behind means over several runs, beside ordinary successful ones.

    A full refresh counts as one only for incremental models, which it builds in another way than their other runs do.
    """

    include_full_refresh: bool = False
    include_ci: bool = False
    include_failed: bool = False

    def to_hierarchy(self) -> counted_runs.HistoryScope:
        """The hierarchy's scope."""
        return counted_runs.HistoryScope(self.include_full_refresh, self.include_ci, self.include_failed)


def models_chosen(filter: SearchFilter | None, filters: Criteria) -> SearchFilter | None:
    """One filter for models from the two ways of giving it. Raises InvalidArgumentError when both are used."""
    return ModelFilter(**_alone(filter, filters)) if filters else ensure_filter("filter", filter, SearchFilter)


def projects_chosen(filter: ProjectFilter | None, filters: ProjectCriteria) -> ProjectFilter | None:
    """The same for projects."""
    return ProjectFilter(**_alone(filter, filters)) if filters else ensure_filter("filter", filter, ProjectFilter)


def ensure_filter(name: str, value: Any, kind: type[F]) -> F | None:
    """The filter itself. Raises InvalidArgumentError for anything that is no filter of the wanted kind."""
    if value is None or isinstance(value, kind):
        return value
    how = f"{kind.__name__}(**{name})" if isinstance(value, Mapping) else f"{kind.__name__}(…)"
    raise InvalidArgumentError(
        f"{name} is a {kind.__name__} or None; it is a {type(value).__name__}. Write {name}={how}."
    )


def _told(cls: type[BaseModel], invalid: ValidationError) -> str:
    """What is wrong with each field, what was given, and which fields there are."""
    problems = []
    for problem in invalid.errors(include_url=False):
        name = ".".join(map(str, problem["loc"])) or "filter"
        if problem["type"] == "extra_forbidden":
            close = get_close_matches(name, cls.model_fields, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(cls.model_fields)}."
            problems.append(f"{cls.__name__} has no criterion {name}. {hint}")
        elif problem["type"] == "value_error" and not problem["loc"]:
            problems.append(problem["msg"].removeprefix("Value error, "))
        else:
            problems.append(f"{name} is {problem['input']!r:.100}: {problem['msg']}.")
    return " ".join(problems)


def _alone(filter: SearchFilter | None, filters: Mapping[str, Any]) -> dict[str, Any]:
    if filter is not None:
        raise InvalidArgumentError(f"Give either filter= or {', '.join(sorted(filters))}, not both.")
    return dict(filters)

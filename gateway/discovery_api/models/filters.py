"""Filters as a caller writes them: checked when they are made, and turned into the hierarchy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Protocol, TypedDict, TypeVar, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.models.reports import RunStatus
from gateway.hierarchy import filters as hierarchy
from gateway.hierarchy import history, status


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


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


Texts = Annotated[list[str], BeforeValidator(_listed)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

F = TypeVar("F", bound=BaseModel)


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

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
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
    """A SearchFilter that may also name models, packages and outcomes.

    Models as objects or by id (`project.model` or dbt's unique id). The outcome of a model is that of its last attempt,
    of a model in a run how it ended there.
    """

    models: list[NamesModel] | None = None
    model_ids: Texts | None = None
    packages: Texts | None = None
    statuses: Annotated[list[RunStatus], BeforeValidator(_listed)] | None = None

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
            packages=None if self.packages is None else tuple(self.packages),
            statuses=None if self.statuses is None else tuple(status.RunStatus(one.value) for one in self.statuses),
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
        """The hierarchy's filter for projects; `ids_only`: without the criteria for models."""
        inclusion = hierarchy.Inclusion(self.include_or_exclude)
        if ids_only:
            return hierarchy.ProjectFilter(project_ids=self.named_projects, inclusion=inclusion)
        found = self.to_hierarchy().criteria
        return hierarchy.ProjectFilter(
            found.tags,
            found.tags_match,
            found.materialization,
            found.min_runtime,
            found.max_runtime,
            self.named_projects,
            inclusion,
        )


class HistoryScope(Checked):
    """Which runs stand behind means over several runs, beside ordinary successful ones.

    A full refresh counts as one only for incremental models, which it builds in another way than their other runs do.
    """

    include_full_refresh: bool = False
    include_ci: bool = False
    include_failed: bool = False

    def to_hierarchy(self) -> history.HistoryScope:
        """The hierarchy's scope."""
        return history.HistoryScope(self.include_full_refresh, self.include_ci, self.include_failed)


def models_chosen(filter: SearchFilter | None, criteria: Criteria) -> SearchFilter | None:
    """One filter for models from the two ways of giving it. Raises InvalidArgumentError when both are used."""
    return ModelFilter(**_alone(filter, criteria)) if criteria else ensure_filter("filter", filter, SearchFilter)


def projects_chosen(filter: ProjectFilter | None, criteria: ProjectCriteria) -> ProjectFilter | None:
    """The same for projects."""
    return ProjectFilter(**_alone(filter, criteria)) if criteria else ensure_filter("filter", filter, ProjectFilter)


def ensure_filter(name: str, given: Any, wanted: type[F]) -> F | None:
    """The filter itself. Raises InvalidArgumentError for anything that is no filter of the wanted kind."""
    if given is None or isinstance(given, wanted):
        return given
    how = f"{wanted.__name__}(**{name})" if isinstance(given, Mapping) else f"{wanted.__name__}(…)"
    raise InvalidArgumentError(
        f"{name} is a {wanted.__name__} or None; it is a {type(given).__name__}. Write {name}={how}."
    )


def _told(cls: type[BaseModel], invalid: ValidationError) -> str:
    """What is wrong with each field, what was given, and which fields there are."""
    told = []
    for problem in invalid.errors(include_url=False):
        name = ".".join(map(str, problem["loc"])) or "filter"
        if problem["type"] == "extra_forbidden":
            close = get_close_matches(name, cls.model_fields, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(cls.model_fields)}."
            told.append(f"{cls.__name__} has no criterion {name}. {hint}")
        elif problem["type"] == "value_error" and not problem["loc"]:
            told.append(problem["msg"].removeprefix("Value error, "))
        else:
            told.append(f"{name} is {problem['input']!r:.100}: {problem['msg']}.")
    return " ".join(told)


def _alone(filter: SearchFilter | None, criteria: Mapping[str, Any]) -> dict[str, Any]:
    if filter is not None:
        raise InvalidArgumentError(f"Give either filter= or {', '.join(sorted(criteria))}, not both.")
    return dict(criteria)

"""Filters, orders and pages as the documentation of the schema words them, over plain lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.account import Job, Model, Project
from tests.oracle.artifacts import FAILED, Result, Run
from tests.oracle.interpreter import Refused

Criteria = Mapping[str, Any] | None
RUN_STATUSES = {10: "SUCCESS", 20: "FAILURE", 30: "CANCELLED"}
DEFAULT_PAGE = 100


def status_of(word: str) -> str:
    """Our word for dbt's word about a model, a test or a check."""
    if word in FAILED:
        return "FAILURE"
    return {"pass": "SUCCESS"}.get(word, word.upper())


def asks_nothing(criteria: Criteria) -> bool:
    """Whether a filter has no criterion: how tags are matched, or which projects it names, is none."""
    about_models = set(criteria or ()) - {"tagsMatch", "includeOrExclude", "projectIds"}
    return all((criteria or {})[name] is None for name in about_models)


def meets(thing: Model | Result, criteria: Criteria) -> bool:
    """Whether a model, or a model in a run, meets every criterion but the ids."""
    wanted = criteria or {}
    node = thing.node
    if (tags := wanted.get("tags")) is not None:
        carried = [tag in node.tags for tag in tags]
        if not carried or not (all(carried) if wanted.get("tagsMatch") == "ALL" else any(carried)):
            return False
    kind, low, high = (wanted.get(name) for name in ("materialization", "minRuntime", "maxRuntime"))
    if kind is not None and node.materialization.lower() != kind.lower():
        return False
    if (low, high) != (None, None) and (
        thing.runtime is None or not (low or 0) <= thing.runtime <= (float("inf") if high is None else high)
    ):
        return False
    if (packages := wanted.get("packages")) is not None and node.package not in packages:
        return False
    return (statuses := wanted.get("statuses")) is None or outcome(thing) in statuses


def outcome(thing: Model | Result) -> str | None:
    if isinstance(thing, Result):
        return status_of(thing.status)
    return status_of(thing.last.result.status) if thing.last else None


def named(projects: Iterable[Project], criteria: Criteria) -> set[tuple[str, str]] | None:
    """The (project, unique id) that a filter's ids name; None when it has none. An id must name one model."""
    ids = (criteria or {}).get("modelIds")
    if ids is None:
        return None
    everything = [model for project in projects for model in project.models]
    found = set()
    for one in ids:
        matches = {(model.project, model.unique_id) for model in everything if one in (model.id, model.unique_id)}
        if len(matches) != 1:
            raise Refused("AMBIGUOUS_ID" if matches else "BAD_USER_INPUT")
        found |= matches
    return found


def models_of(projects: Sequence[Project], criteria: Criteria) -> list[Model]:
    """The models of projects that meet a filter, ordered by id."""
    chosen = named(projects, criteria)
    return sorted(
        (
            model
            for project in projects
            for model in project.models
            if (chosen is None or (model.project, model.unique_id) in chosen) and meets(model, criteria)
        ),
        key=lambda model: model.id,
    )


def projects_of(projects: Sequence[Project], criteria: Criteria) -> list[Project]:
    """The projects that a filter names, then those with a model that meets its criteria."""
    wanted = criteria or {}
    ids = wanted.get("projectIds")
    if ids and set(ids) - {project.id for project in projects}:
        raise Refused("BAD_USER_INPUT")
    if ids is not None:
        kept = wanted.get("includeOrExclude", "INCLUDE") == "INCLUDE"
        projects = [project for project in projects if (project.id in ids) is kept]
    if asks_nothing(criteria):
        return list(projects)
    return [project for project in projects if any(meets(model, criteria) for model in project.models)]


MODEL_ORDERS: dict[str, Callable[[Model], Any]] = {
    "ID": lambda model: model.id,
    "NAME": lambda model: model.node.name,
    "RUNTIME": lambda model: model.runtime,
    "LAST_RUN_TIME": lambda model: model.last and model.last.result.generated_at,
    "STATUS": lambda model: outcome(model),
}


def _finished(job: Job) -> float | None:
    return next((run.runtime for run in job.runs if run.record["status"] in RUN_STATUSES), None)


JOB_ORDERS: dict[str, Callable[[Job], Any]] = {
    "ID": lambda job: job.id,
    "NAME": lambda job: job.record["name"],
    "RUNTIME": _finished,
    "LAST_RUN_TIME": lambda job: job.runs[0].start,
    "STATUS": lambda job: RUN_STATUSES[job.runs[0].record["status"]],
}
RUN_ORDERS: dict[str, Callable[[Run], Any]] = {
    "ID": lambda run: run.id,
    "RUNTIME": lambda run: run.runtime,
    "START_TIME": lambda run: run.start,
    "STATUS": lambda run: RUN_STATUSES[run.record["status"]],
}

SOURCE_ORDERS: dict[str, Callable[[Any], Any]] = {"ID": lambda one: one.id, "AGE": lambda one: one.facts["ageSeconds"]}


def ordered(items: Sequence[Any], order: Criteria, values: Mapping[str, Callable[[Any], Any]], usual: str) -> list[Any]:
    """In the order asked for: what has no value last, ties by id. `usual` is the direction that is not said."""
    if order is None:
        order = {"field": "ID", "direction": usual}
    value = values[order["field"]]
    known = sorted((item for item in items if value(item) is not None), key=lambda item: item.id)
    known.sort(key=value, reverse=order["direction"] == "DESC")
    return known + sorted((item for item in items if value(item) is None), key=lambda item: item.id)


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    nodes: Sequence[Any]
    total: int
    has_next: bool
    has_previous: bool


def page(items: Sequence[Any], arguments: Mapping[str, Any], default: int = DEFAULT_PAGE) -> Page:
    """The first or the last few."""
    first, last = arguments.get("first"), arguments.get("last")
    start, end = 0, len(items)
    if last is not None:
        start = max(0, end - last)
    else:
        end = min(end, default if first is None else first)
    return Page(items[start:end], len(items), end < len(items), start > 0)

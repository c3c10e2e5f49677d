"""Filters, orders and pages as the documentation of the schema words them, over plain lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.account import Job, Model, Project
from tests.oracle.artifacts import FAILED, Result, Run, moment
from tests.oracle.interpreter import Refused

Criteria = Mapping[str, Any] | None
RUN_STATUSES = {10: "SUCCESS", 20: "FAILURE", 30: "CANCELLED"}
TRIGGERS = {"scheduled": "SCHEDULE", "github_pull_request": "CI", "retry": "RERUN"}
DEFAULT_PAGE = 100
# From what asks for no attention to what asks for most, as the schema words it.
SEVERITIES = ["SUCCESS", "REUSED", "SKIPPED", "QUEUED", "RUNNING", "UNKNOWN", "WARN", "CANCELLED", "FAILURE"]


def severity(status: str | None) -> int | None:
    return None if status is None else SEVERITIES.index(status)


def status_of(word: str) -> str:
    """Our word for dbt's word about a model, a test or a check."""
    if word in FAILED:
        return "FAILURE"
    return {"pass": "SUCCESS"}.get(word, word.upper())


def asks_nothing(criteria: Criteria) -> bool:
    """Whether a filter has no criterion: how tags are matched, or which projects it names, is none."""
    about_models = set(criteria or ()) - {"tagsMatch", "includeOrExclude", "projectIds", "models"}
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
    if (part := wanted.get("nameContains")) is not None and part.lower() not in thing.unique_id.split(".", 2)[2]:
        return False
    return (statuses := wanted.get("statuses")) is None or outcome(thing) in statuses


def outcome(thing: Model | Result) -> str | None:
    if isinstance(thing, Result):
        return status_of(thing.status)
    return status_of(thing.last.result.status) if thing.last else None


STATE = ("folder", "groups", "owners", "access", "lastRunSince", "lastRunUntil")


def state_meets(model: Model, criteria: Criteria) -> bool:
    """Whether what is known of a model now meets a filter."""
    wanted, node = criteria or {}, model.node
    folder, groups, owners, access, since, until = (wanted.get(name) for name in STATE)
    ended = model.last.result.generated_at if model.last else None
    return (
        (folder is None or node.path.startswith(folder.rstrip("/") + "/"))
        and (groups is None or node.group in groups)
        # Of owners only [] is drawn, which matches nothing.
        and owners is None
        and (access is None or (node.access or "").upper() in access)
        and (since is None or (ended is not None and ended >= moment(since)))
        and (until is None or ended is None or ended < moment(until))
    )


def named(projects: Iterable[Project], criteria: Criteria) -> set[tuple[str, str]] | None:
    """The (project, unique id) of models that a filter's ids name and whose state it admits; None when it asks for
    neither. An id must name one model."""
    ids = (criteria or {}).get("modelIds")
    everything = [model for project in projects for model in project.models]
    met = {(model.project, model.unique_id) for model in everything if state_meets(model, criteria)}
    if ids is None:
        return met if any((criteria or {}).get(name) is not None for name in STATE) else None
    found = set()
    for one in ids:
        matches = {
            (model.project, model.unique_id)
            for model in everything
            if one in (model.id, model.unique_id, _without_environment(model))
        }
        if len(matches) != 1:
            raise Refused("AMBIGUOUS_ID" if matches else "BAD_USER_INPUT")
        found |= matches
    return found & met


def _without_environment(model: Model) -> str:
    return model.project.split("@")[0] + model.id.removeprefix(model.project)


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


def spellings(project: Project) -> set[str]:
    return {project.id, project.id.split("@")[0]}


def projects_of(projects: Sequence[Project], criteria: Criteria) -> list[Project]:
    """The projects that a filter names, then those with a model that meets its criteria."""
    wanted = criteria or {}
    ids = wanted.get("projectIds")
    if ids and set(ids) - {name for project in projects for name in spellings(project)}:
        raise Refused("BAD_USER_INPUT")
    if ids is not None:
        keeps = wanted.get("includeOrExclude", "INCLUDE") == "INCLUDE"
        projects = [project for project in projects if bool(spellings(project) & set(ids)) is keeps]
    kept = [one for one in projects if asks_nothing(criteria) or any(meets(model, criteria) for model in one.models)]
    models = wanted.get("models")
    if models is None or asks_nothing(models):
        return kept
    chosen = named(projects, models)
    return [
        project
        for project in kept
        if any(
            (chosen is None or (one.project, one.unique_id) in chosen) and meets(one, models) for one in project.models
        )
    ]


MODEL_ORDERS: dict[str, Callable[[Model], Any]] = {
    "ID": lambda model: model.id,
    "NAME": lambda model: model.node.name,
    "RUNTIME": lambda model: model.runtime,
    "LAST_RUN_TIME": lambda model: model.last and model.last.result.generated_at,
    "SEVERITY": lambda model: severity(outcome(model)),
}


def _finished(job: Job) -> float | None:
    return next((run.runtime for run in job.runs if run.record["status"] in RUN_STATUSES), None)


JOB_ORDERS: dict[str, Callable[[Job], Any]] = {
    "ID": lambda job: job.id,
    "NAME": lambda job: job.record["name"],
    "RUNTIME": _finished,
    "LAST_RUN_TIME": lambda job: job.runs[0].start,
    "SEVERITY": lambda job: severity(RUN_STATUSES[job.runs[0].record["status"]]),
}
RUN_ORDERS: dict[str, Callable[[Run], Any]] = {
    "ID": lambda run: (run.created, run.id),
    "RUNTIME": lambda run: run.runtime,
    "START_TIME": lambda run: run.start,
    "SEVERITY": lambda run: severity(RUN_STATUSES[run.record["status"]]),
}


def _between(seconds: float | None, wanted: Mapping[str, Any]) -> bool:
    low, high = wanted.get("minSeconds"), wanted.get("maxSeconds")
    if (low, high) == (None, None):
        return True
    return seconds is not None and (low or 0) <= seconds <= (float("inf") if high is None else high)


def _one_of(value: Any, values: Sequence[Any] | None) -> bool:
    return values is None or value in values


def admits_job(job: Job, criteria: Criteria) -> bool:
    """Whether a job meets what a filter asks of it, its models aside."""
    wanted = criteria or {}
    return (
        (wanted.get("nameContains") or "").lower() in job.record["name"].lower()
        and _one_of(job.record["job_type"].upper(), wanted.get("kinds"))
        and _one_of(RUN_STATUSES[job.runs[0].record["status"]], wanted.get("lastRunStatuses"))
        and _between(_finished(job), wanted)
    )


def admits_run(run: Run, criteria: Criteria) -> bool:
    """Whether a run meets what a filter asks of it, its models aside."""
    wanted = criteria or {}
    since, until = wanted.get("startedSince"), wanted.get("startedUntil")
    return (
        _one_of(RUN_STATUSES[run.record["status"]], wanted.get("statuses"))
        and _one_of(str(run.job_id), wanted.get("jobIds"))
        and _one_of(TRIGGERS[run.record["trigger"]["cause_category"]], wanted.get("triggers"))
        and _one_of(run.record["git_branch"], wanted.get("gitBranches"))
        and (since is None or run.start >= moment(since))
        and (until is None or run.start < moment(until))
        and _between(run.runtime, wanted)
    )


SOURCE_ORDERS: dict[str, Callable[[Any], Any]] = {"ID": lambda one: one.id, "AGE": lambda one: one.facts["ageSeconds"]}


def said(order: Criteria) -> tuple[str, str] | None:
    """Field and direction of an order; without a word ids and names ascend, all else descends."""
    if order is None:
        return None
    return order["field"], order.get("direction") or ("ASC" if order["field"] in ("ID", "NAME") else "DESC")


def ordered(items: Sequence[Any], order: Criteria, values: Mapping[str, Callable[[Any], Any]], usual: str) -> list[Any]:
    """In the order asked for: what has no value last, ties by id. `usual` is the direction without an order."""
    field, direction = said(order) or ("ID", usual)
    value = values[field]
    known = sorted((item for item in items if value(item) is not None), key=lambda item: item.id)
    known.sort(key=value, reverse=direction == "DESC")
    return known + sorted((item for item in items if value(item) is None), key=lambda item: item.id)


@dataclass(frozen=True)
class Listing:
    """The items of a list that is paged through, and its order: how some are put into it, and what says where one
    stands. `default` is how many there are without a word."""

    items: Sequence[Any]
    sort: Callable[[Sequence[Any]], Sequence[Any]]
    position: Callable[[Any], Any]
    default: int = DEFAULT_PAGE

    def behind(self, one: Any) -> list[Any]:
        return [item for item in self.items if self._differ(item, one) and self.sort([one, item])[0] is one]

    def before(self, one: Any) -> list[Any]:
        return [item for item in self.items if self._differ(item, one) and self.sort([one, item])[0] is item]

    def _differ(self, item: Any, one: Any) -> bool:
        return bool(self.position(item) != self.position(one))


def listing(
    items: Sequence[Any],
    order: Criteria,
    values: Mapping[str, Callable[[Any], Any]],
    usual: str,
    default: int = DEFAULT_PAGE,
) -> Listing:
    """A list in the order asked for."""
    value = values[order["field"] if order else "ID"]
    return Listing(
        items, lambda some: ordered(some, order, values, usual), lambda one: (value(one), one.id), default=default
    )


ListName = tuple[str, tuple[str, str] | None]
"""A field's coordinate and the order asked of it: what a cursor is good for."""


def name_of_list(coordinate: str, arguments: Mapping[str, Any]) -> ListName:
    return coordinate, said(arguments.get("orderBy"))


@dataclass(frozen=True, eq=False)
class Cursor:
    """Stands for a cursor, which is opaque: it is that of an item in a list."""

    of: ListName
    item: Any
    position: Any


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    nodes: Sequence[Any]
    total: int
    has_next: bool
    has_previous: bool
    of: ListName
    position: Callable[[Any], Any]

    def cursor(self, item: Any) -> Cursor:
        return Cursor(self.of, item, self.position(item))


def page(asked: Listing, of: ListName, arguments: Mapping[str, Any], cursors: Mapping[str, Cursor]) -> Page:
    """The first or the last few of those behind `after` and before `before`, texts that `cursors` knows."""
    first, last, after, before = (arguments.get(name) for name in ("first", "last", "after", "before"))
    kept = asked.sort(asked.items)
    skipped = 0
    if after is not None:
        behind = asked.behind(cursors[after].item)
        skipped = len(kept) - len(behind)
        kept = [item for item in kept if item in behind]
    if before is not None:
        above = asked.before(cursors[before].item)
        kept = [item for item in kept if item in above]
        # Where the cursors leave nothing between them, the page stands behind `after`.
    start, end = 0, len(kept)
    if last is not None:
        start = max(0, end - last)
    else:
        end = min(end, asked.default if first is None else first)
    total = len(asked.items)
    return Page(kept[start:end], total, skipped + end < total, skipped + start > 0, of, asked.position)

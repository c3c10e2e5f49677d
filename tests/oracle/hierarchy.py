"""Every field of the schema over the artifacts, for the naive interpreter: what docs/hierarchy.md says, spelt out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import fmean
from typing import Any
from urllib.parse import quote

from tests.oracle.account import Attempt, Job, Model, Oracle, Project, Scope
from tests.oracle.artifacts import FAILED, Result, Run, moment
from tests.oracle.criteria import (
    JOB_ORDERS,
    MODEL_ORDERS,
    RUN_ORDERS,
    RUN_STATUSES,
    SOURCE_ORDERS,
    Criteria,
    Cursor,
    Listing,
    admits_job,
    admits_run,
    asks_nothing,
    listing,
    meets,
    models_of,
    name_of_list,
    named,
    outcome,
    page,
    projects_of,
    status_of,
)
from tests.oracle.graph import Graph
from tests.oracle.interpreter import Refused

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    deployment: str
    projects: Sequence[Project]
    filter: str = ""


@dataclass(frozen=True)
class Ranked:
    rank: int
    item: Any
    runtimes: Sequence[float]


@dataclass(frozen=True)
class ModelAverage:
    means: Sequence[float]
    runs: int
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Source:
    project: Project
    facts: Mapping[str, Any]

    @property
    def id(self) -> tuple[str, str]:
        return self.project.id, self.facts["uniqueId"]


@dataclass(frozen=True)
class Timed:
    """One runtime of a job or of a model in it."""

    run: Run
    model_id: str | None = None
    result: Result | None = None


def iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def percentile(ordered_values: Sequence[float], fraction: float) -> float | None:
    if not ordered_values:
        return None
    place = fraction * (len(ordered_values) - 1)
    below, above = int(place), min(int(place) + 1, len(ordered_values) - 1)
    return ordered_values[below] * (1 - place % 1) + ordered_values[above] * (place % 1)


def counts(result: Result) -> bool:
    """Whether a result counts within its own job or run."""
    return result.runtime is not None and result.status not in FAILED


def rank(items: Iterable[tuple[Any, Any, Sequence[float]]], first: int) -> list[Ranked]:
    """(item, id, runtimes): greatest mean first, ties by id, without runtimes left out."""
    rows = sorted((-fmean(times), key, item, times) for item, key, times in items if times)
    return [Ranked(place, item, times) for place, (_, _, item, times) in enumerate(rows[:first], 1)]


def ranks(items: Iterable[tuple[Any, Any, Sequence[float]]], asked: Arguments) -> list[Ranked]:
    """The part of a ranking that is asked for."""
    return rank(items, asked["first"] + asked["offset"])[asked["offset"] :]


def window(job: Job, wanted: int) -> tuple[list[Run], Mapping[str, int]]:
    """The newest runs that ended by themselves, and how many others lie among and above them, by reason."""
    ended = [place for place, run in enumerate(job.runs) if run.is_completed][:wanted]
    looked_at = ended[-1] + 1 if len(ended) == wanted else len(job.runs)
    others = (job.runs[place] for place in range(looked_at) if place not in ended)
    reasons = Counter("CANCELLED" if run.record["status"] == 30 else "UNFINISHED" for run in others)
    return [job.runs[place] for place in ended], reasons


class Hierarchy:
    """Resolvers over the demo account."""

    def __init__(self, oracle: Oracle, sdl: str) -> None:
        self._oracle = oracle
        self._sdl = sdl.rstrip("\n")
        self._staging = [_through_its_environment(project) for project in oracle.staging]
        self._projects = {project.environment_id: project for project in (*oracle.production, *self._staging)}
        self.cursors: dict[str, Cursor] = {}
        """The cursors of earlier answers, by their text: whoever asks with one says here which it is."""
        self._graphs = {place: Graph(project) for place, project in self._projects.items()}

    def resolve(self, kind: str, name: str, parent: Any, arguments: Arguments) -> Any:
        for prefix in _PREFIXES.get(kind, ()):
            method = getattr(self, f"{prefix}_{name}", None)
            if method is not None:
                found = method(parent, arguments)
                if isinstance(found, Listing):
                    return page(found, name_of_list(f"{kind}.{name}", arguments), arguments, self.cursors)
                return found
        return FIELDS[kind][name](parent)

    def type_of(self, value: Any) -> str:
        return type(value).__name__

    # Roots

    def query_account(self, _: None, asked: Arguments) -> Account:
        deployment = asked.get("environment") or "PRODUCTION"
        everything = self._oracle.production if deployment == "PRODUCTION" else self._staging
        criteria = asked.get("filter")
        return Account(deployment, projects_of(everything, criteria), text_of(criteria))

    def query_project(self, _: None, asked: Arguments) -> Project:
        return self._one(self._oracle.production, asked["id"])

    def query_model(self, _: None, asked: Arguments) -> Model:
        return self._one(self._oracle.models, asked["id"])

    def query_job(self, _: None, asked: Arguments) -> Job:
        key, name, project = (asked.get(one) for one in ("id", "name", "project"))
        if bool(key) is bool(name) or (project and not name):
            raise Refused("BAD_USER_INPUT")
        if key:
            return self._one(self._oracle.jobs, key)
        place = self._one(self._oracle.production, project).environment_id if project else None
        here = [job for job in self._oracle.jobs if place in (None, job.environment_id)]
        return self._one([job for job in here if job.record["name"].lower() == name.lower()], None)

    def query_run(self, _: None, asked: Arguments) -> Run:
        return self._one(self._oracle.runs, asked["id"])

    def query__service(self, _: None, __: Arguments) -> str:
        return self._sdl

    def query__entities(self, _: None, asked: Arguments) -> list[Any]:
        return [self._entity(one["__typename"], one["id"]) for one in asked["representations"]]

    def _entity(self, kind: str, key: str) -> Any:
        if kind == "Account":
            return Account("PRODUCTION", self._oracle.production)
        oracle = self._oracle
        lists: dict[str, Iterable[Any]] = {"Model": oracle.models, "Job": oracle.jobs, "Run": oracle.runs}
        return self._one(lists.get(kind, oracle.production), key)

    @staticmethod
    def _one(things: Iterable[Any], key: str | None) -> Any:
        """The thing with this id, or the first where no id is asked for."""
        found = next((one for one in things if key is None or str(one.id) == key), None)
        if found is None:
            raise Refused("NOT_FOUND")
        return found

    # Lists of the account and of a project

    def place_projects(self, account: Account, asked: Arguments) -> Listing:
        projects = projects_of(account.projects, asked.get("filter"))
        return Listing(projects, lambda some: sorted(some, key=lambda one: one.id), lambda one: one.id, default=25)

    def place_models(self, place: Account | Project, asked: Arguments) -> Listing:
        models = models_of(projects_in(place), asked.get("filter"))
        return listing(models, asked.get("orderBy"), MODEL_ORDERS, "ASC")

    def place_jobs(self, place: Account | Project, asked: Arguments) -> Listing:
        jobs = self._jobs_building(projects_in(place), asked.get("filter"))
        return listing(jobs, asked.get("orderBy"), JOB_ORDERS, "ASC")

    def place_runs(self, place: Account | Project, asked: Arguments) -> Listing:
        criteria, projects = asked.get("filter"), projects_in(place)
        models = (criteria or {}).get("models")
        chosen, places = named(projects, models), {project.environment_id for project in projects}
        runs = [
            run
            for run in self._oracle.runs
            if run.environment_id in places
            and admits_run(run, criteria)
            and (asks_nothing(models) or bool(self._meeting(run.results, run.environment_id, models, chosen)))
        ]
        return listing(runs, asked.get("orderBy"), RUN_ORDERS, "DESC", default=10)

    def place_sources(self, place: Account | Project, asked: Arguments) -> Listing:
        statuses = (asked.get("filter") or {}).get("statuses")
        found = [
            Source(project, facts)
            for project in projects_in(place)
            for facts in self._graphs[project.environment_id].sources()
            if statuses is None or facts["status"] in statuses
        ]
        return listing(found, asked.get("orderBy"), SOURCE_ORDERS, "ASC")

    def source_project(self, source: Source, _: Arguments) -> Project:
        return source.project

    def source_models(self, source: Source, asked: Arguments) -> Listing:
        graph, name = self._graphs[source.project.environment_id], source.facts["uniqueId"]
        built = [one for one in source.project.models if name in graph.sources_behind(one.unique_id)]
        return listing(built, None, MODEL_ORDERS, "ASC")

    def place_slowestModels(self, place: Account | Project, asked: Arguments) -> list[Ranked]:
        given = asked.get("history")
        scope = given and Scope(given["includeFullRefresh"], given["includeCi"], given["includeFailed"])
        models = models_of(projects_in(place), asked.get("filter"))
        measured = [(model, model.id, model_times(model, asked["lastRuns"], scope)) for model in models]
        return ranks(measured, asked)

    def place_longestRunningJobs(self, place: Account | Project, asked: Arguments) -> list[Ranked]:
        jobs = self._jobs_building(projects_in(place), asked.get("filter"))
        measured = [(job, job.id, [run.runtime for run in window(job, asked["lastRuns"])[0]]) for job in jobs]
        return ranks(measured, asked)

    def _jobs_building(self, projects: Sequence[Project], criteria: Criteria) -> list[Job]:
        models = (criteria or {}).get("models")
        chosen = named(projects, models)
        places = {project.environment_id for project in projects}
        return [
            job
            for job in self._oracle.jobs
            if job.environment_id in places and admits_job(job, criteria) and self._builds(job, models, chosen)
        ]

    def _builds(self, job: Job, models: Criteria, chosen: set[tuple[str, str]] | None) -> bool:
        return asks_nothing(models) or bool(self._meeting(job.built, job.environment_id, models, chosen))

    def _meeting(
        self, results: Mapping[str, Result], place: int, models: Criteria, chosen: set[tuple[str, str]] | None
    ) -> list[Result]:
        project = self._projects[place].id
        return [
            results[name]
            for name in sorted(results)
            if (chosen is None or (project, name) in chosen) and meets(results[name], models)
        ]

    def project_modelCount(self, project: Project, _: Arguments) -> int:
        return len(project.models)

    def project_jobCount(self, project: Project, _: Arguments) -> int:
        return sum(job.environment_id == project.environment_id for job in self._oracle.jobs)

    def project_name(self, project: Project, _: Arguments) -> str:
        record = self._oracle.record
        number = next(one["project_id"] for one in record["environments"] if one["id"] == project.environment_id)
        return str(next(one["name"] for one in record["projects"] if one["id"] == number))

    def project_environment(self, project: Project, _: Arguments) -> str:
        return "PRODUCTION" if project in self._oracle.production else "STAGING"

    def account_id(self, account: Account, _: Arguments) -> str:
        staging = "" if account.deployment == "PRODUCTION" else "@staging"
        return f"{self._oracle.record['account']['id']}{staging}{account.filter and '?'}{account.filter}"

    def account_name(self, _: Account, __: Arguments) -> str:
        return str(self._oracle.record["account"]["name"])

    # A model

    def any_project(self, thing: Model | Job, _: Arguments) -> Project:
        return self._projects[thing.environment_id]

    def model_runs(self, model: Model, asked: Arguments) -> Listing:
        found = [one for one in model.history if meets(one.result, asked.get("filter"))]
        return Listing(found, lambda some: sorted(some, key=_ended, reverse=True), _ended, default=10)

    def model_jobs(self, model: Model, asked: Arguments) -> Listing:
        return listing(self._oracle.jobs_building(model), asked.get("orderBy"), JOB_ORDERS, "ASC", default=10)

    def model_tests(self, model: Model, _: Arguments) -> list[dict[str, Any]]:
        graph = self._graphs[model.environment_id]
        project = self._projects[model.environment_id].id
        return [
            {**test, **graph.test_node(test["uniqueId"]), "id": f"{project}/{test['uniqueId']}"}
            for test in graph.tests(model.unique_id)
        ]

    def model_upstream(self, model: Model, _: Arguments) -> list[Model]:
        return self._here(model, self._graphs[model.environment_id].upstream(model.unique_id))

    def model_downstream(self, model: Model, _: Arguments) -> list[Model]:
        return self._here(model, self._graphs[model.environment_id].downstream(model.unique_id))

    def _here(self, model: Model, names: Sequence[str]) -> list[Model]:
        by_name = {one.unique_id: one for one in self._projects[model.environment_id].models}
        return [by_name[name] for name in names]

    def model_owner(self, model: Model, _: Arguments) -> dict[str, Any] | None:
        return self._graphs[model.environment_id].owner(model.unique_id)

    def model_freshness(self, model: Model, _: Arguments) -> list[Source]:
        graph, project = self._graphs[model.environment_id], self._projects[model.environment_id]
        return [Source(project, graph.source(name)) for name in graph.sources_behind(model.unique_id)]

    # A model in a run

    def modelrun_model(self, attempt: Attempt, _: Arguments) -> Model | None:
        models = self._projects[attempt.run.environment_id].models
        return next((model for model in models if model.unique_id == attempt.result.unique_id), None)

    # A run

    def run_job(self, run: Run, _: Arguments) -> Job:
        return self._oracle.job(run.job_id)

    def run_modelRuns(self, run: Run, asked: Arguments) -> Listing:
        def name(one: Attempt) -> str:
            return one.result.unique_id

        touched = [run.results[name] for name in sorted(run.results)]
        found = [attempt(run, one) for one in touched if meets(one, asked.get("filter"))]
        return Listing(found, lambda some: sorted(some, key=name), name)

    def run_models(self, run: Run, asked: Arguments) -> Listing:
        names = {result.unique_id for result in self._results(run, None, asked.get("filter"))}
        models = [model for model in self._projects[run.environment_id].models if model.unique_id in names]
        return listing(models, asked.get("orderBy"), MODEL_ORDERS, "ASC")

    def run_slowestModels(self, run: Run, asked: Arguments) -> list[Ranked]:
        results = [result for result in self._results(run, None, asked.get("filter")) if counts(result)]
        return ranks([(attempt(run, one), one.unique_id, [one.execution_time]) for one in results], asked)

    def run_averageModelRuntime(self, run: Run, asked: Arguments) -> ModelAverage:
        results = self._results(run, None, asked.get("filter"))
        return average({one.unique_id: [one] for one in results}, 1, asked["first"])

    def _results(self, run: Run, criteria: Criteria, models: Criteria) -> list[Result]:
        chosen = named([self._projects[run.environment_id]], models)
        found = self._meeting(run.results, run.environment_id, models, chosen)
        return [result for result in found if meets(result, criteria)]

    # A job

    def job_runs(self, job: Job, asked: Arguments) -> Listing:
        return listing(job.runs, asked.get("orderBy"), RUN_ORDERS, "DESC", default=10)

    def job_models(self, job: Job, asked: Arguments) -> Listing:
        return listing(self._built(job, asked.get("filter")), asked.get("orderBy"), MODEL_ORDERS, "ASC")

    def _built(self, job: Job, criteria: Criteria) -> list[Model]:
        place = self._projects[job.environment_id]
        met = self._meeting(job.built, job.environment_id, criteria, named([place], criteria))
        names = {result.unique_id for result in met}
        return [model for model in models_of([place], None) if model.unique_id in names]

    def job_slowestModels(self, job: Job, asked: Arguments) -> list[Ranked]:
        return self.run_slowestModels(job.deciding_run, asked) if job.deciding_run else []

    def job_runtimes(self, job: Job, asked: Arguments) -> list[Timed]:
        runs, _ = window(job, asked["lastRuns"])
        if not asked["byModel"]:
            return [Timed(run) for run in runs]
        project = self._projects[job.environment_id]
        ids = {model.unique_id: model.id for model in project.models}
        timed = [
            [
                Timed(run, ids.get(name) or f"{project.id}.{name.split('.', 2)[2]}", result)
                for name, result in run.results.items()
                if counts(result)
            ]
            for run in runs
        ]
        return [one for of_run in timed for one in sorted(of_run, key=lambda one: one.model_id or "")]

    def job_averageRuntime(self, job: Job, asked: Arguments) -> tuple[list[float], Mapping[str, int]]:
        criteria = asked.get("filter")
        models = (criteria or {}).get("models")
        if not admits_job(job, criteria):
            return [], {}
        if not self._builds(job, models, named([self._projects[job.environment_id]], models)):
            return [], {}
        runs, left_out = window(job, asked["lastRuns"])
        return [run.runtime for run in runs], left_out

    def job_averageModelRuntime(self, job: Job, asked: Arguments) -> ModelAverage:
        models = self._built(job, asked.get("filter"))
        runs, _ = window(job, asked["lastRuns"])
        results = {
            model.unique_id: [run.results[model.unique_id] for run in runs if model.unique_id in run.results]
            for model in models
        }
        return average(results, len(runs), asked["first"])


_PREFIXES = {
    "Query": ("query",),
    "Account": ("account", "place"),
    "Project": ("project", "place"),
    "Source": ("source",),
    "Model": ("model", "any"),
    "Job": ("job", "any"),
    "Run": ("run",),
    "ModelRun": ("modelrun",),
}


def _through_its_environment(project: Project) -> Project:
    """The project as its id, and those of its models, name it beside the one in production."""
    place = f"{project.id}@{project.environment_id}"
    models = tuple(
        replace(model, id=place + model.id.removeprefix(project.id), project=place) for model in project.models
    )
    return replace(project, id=place, models=models)


def text_of(criteria: Criteria) -> str:
    """A project filter in an account's id."""
    told = _told(criteria)
    wanted = criteria or {}
    if wanted.get("projectIds") is not None:
        told["projectIds"] = wanted["projectIds"]
        if wanted.get("includeOrExclude") == "EXCLUDE":
            told["includeOrExclude"] = "EXCLUDE"
    told |= {f"models.{name}": value for name, value in _told(wanted.get("models")).items()}
    texts = {
        name: ",".join(sorted({quote(one, safe="") for one in value})) if isinstance(value, list) else str(value)
        for name, value in told.items()
    }
    return "&".join(f"{name}={quote(texts[name], safe='')}" for name in sorted(texts))


def _told(criteria: Criteria) -> dict[str, Any]:
    """What a filter says of models."""
    wanted = criteria or {}
    names = ("tags", "minRuntime", "maxRuntime", "modelIds", "packages", "groups", "owners", "folder")
    told = {name: wanted[name] for name in names if wanted.get(name) is not None}
    told |= {name: f"{wanted[name]:g}" for name in ("minRuntime", "maxRuntime") if name in told}
    if wanted.get("materialization") is not None:
        told["materialization"] = wanted["materialization"].lower()
    for name in ("statuses", "access"):
        if wanted.get(name) is not None:
            told[name] = [one.lower() for one in wanted[name]]
    if wanted.get("nameContains") is not None:
        told["nameContains"] = wanted["nameContains"].lower()
    for name in ("lastRunSince", "lastRunUntil"):
        if wanted.get(name) is not None:
            told[name] = moment(wanted[name]).astimezone(UTC).isoformat()
    if "tags" in told and wanted.get("tagsMatch") == "ALL":
        told["tagsMatch"] = "ALL"
    return told


def _ended(attempt: Attempt) -> tuple[Any, int]:
    return attempt.result.generated_at, attempt.run.id


def projects_in(place: Account | Project) -> Sequence[Project]:
    return place.projects if isinstance(place, Account) else [place]


def attempt(run: Run, result: Result) -> Attempt:
    return Attempt(run, result, {})


def model_times(model: Model, runs: int, scope: Scope | None) -> list[float]:
    if runs == 1 and scope is None:
        return [] if model.runtime is None else [model.runtime]
    return [one.result.execution_time for one in model.history if (scope or Scope()).counts(one)][:runs]


def average(results: Mapping[str, Sequence[Result]], runs: int, slowest: int) -> ModelAverage:
    """The mean over the slowest models of each one's mean over its results that count."""
    times = {name: [one.execution_time for one in found if counts(one)] for name, found in results.items()}
    ranked = rank([(name, name, found) for name, found in times.items()], slowest)
    dropped = [one for found in results.values() for one in found if not counts(one)]
    reasons = Counter("NOT_EXECUTED" if one.runtime is None else "FAILED" for one in dropped)
    return ModelAverage([fmean(one.runtimes) for one in ranked], runs, reasons)


def summary(times: Sequence[float]) -> list[float]:
    return sorted(times)


def seconds(start: str | None, end: str | None) -> float | None:
    return (moment(end) - moment(start)).total_seconds() if start and end else None


def worst(sources: Sequence[Source]) -> str:
    statuses = [source.facts["status"] for source in sources]
    return next((one for one in ("STALE", "WARN", "FRESH") if one in statuses), "NEVER_CHECKED")


CATEGORIES = {
    "scheduled": "SCHEDULE",
    "github_pull_request": "CI",
    "retry": "RERUN",
    "ui": "UI",
    "api": "API",
    "merge": "MERGE",
}

Getter = Callable[[Any], Any]


def _plain(*names: str) -> dict[str, Getter]:
    """Fields of a dictionary."""
    return {name: (lambda one, name=name: one[name]) for name in names}  # type: ignore[misc]


def _connection() -> dict[str, dict[str, Getter]]:
    return {
        "Connection": {
            "nodes": lambda one: one.nodes,
            "edges": lambda one: [(item, one.cursor(item)) for item in one.nodes],
            "pageInfo": lambda one: one,
            "totalCount": lambda one: one.total,
        },
        "Edge": {"node": lambda one: one[0], "cursor": lambda one: one[1]},
    }


FIELDS: dict[str, dict[str, Getter]] = {
    **{
        f"{kind}{end}": fields
        for kind in ("Project", "Model", "Job", "Run", "ModelRun", "Source")
        for end, fields in _connection().items()
    },
    "PageInfo": {
        "hasNextPage": lambda one: one.has_next,
        "hasPreviousPage": lambda one: one.has_previous,
        "startCursor": lambda one: one.cursor(one.nodes[0]) if one.nodes else None,
        "endCursor": lambda one: one.cursor(one.nodes[-1]) if one.nodes else None,
    },
    "Account": {"environment": lambda one: one.deployment},
    "Project": {
        "id": lambda one: one.id,
        "adapterType": lambda one: "duckdb",
        "environmentId": lambda one: str(one.environment_id),
    },
    "Model": {
        "id": lambda one: one.id,
        "resourceType": lambda one: "MODEL",
        "uniqueId": lambda one: one.unique_id,
        "name": lambda one: one.node.name,
        "packageName": lambda one: one.node.package,
        "tags": lambda one: list(one.node.tags),
        "materialization": lambda one: one.node.materialization,
        "runtime": lambda one: one.runtime,
        "startTime": lambda one: one.success and iso(one.success.result.start),
        "endTime": lambda one: one.success and iso(one.success.result.end),
        "lastRunStatus": outcome,
        "lastRunError": lambda one: one.last and one.last.result.error,
        "description": lambda one: one.node.description,
        "database": lambda one: one.node.database,
        "schema": lambda one: one.node.schema,
        "alias": lambda one: one.node.alias,
        "relationName": lambda one: one.node.relation,
        "access": lambda one: one.node.access and one.node.access.upper(),
        "group": lambda one: one.node.group,
        "language": lambda one: one.node.language and one.node.language.upper(),
        "version": lambda one: one.node.version,
        "filePath": lambda one: one.node.path,
        "contractEnforced": lambda one: one.node.contract_enforced,
        "meta": lambda one: one.node.meta,
        "rawCode": lambda one: one.node.raw_code,
        "compiledCode": lambda one: one.compiled_code,
        # The oracle lists what the newest manifests define.
        "removed": lambda _: False,
        "lastSeenRun": lambda one: one.last.run if one.last else None,
        "lastRun": lambda one: one.last,
        "lastSuccess": lambda one: one.success,
    },
    "Owner": _plain("name", "email"),
    "Test": _plain(
        *(
            "id",
            "uniqueId",
            "name",
            "columnName",
            "kind",
            "statusText",
            "error",
            "failingRows",
            "lastRunTime",
            "runtime",
        )
    )
    | {"status": lambda one: one["statusText"] and status_of(one["statusText"])},
    "ModelFreshness": {"status": worst, "sources": lambda one: one},
    "Source": {
        **{name: (lambda one, name=name: one.facts[name]) for name in ("uniqueId", "sourceName", "name")},  # type: ignore[misc]
        "freshness": lambda one: one.facts,
        "resourceType": lambda one: "SOURCE",
        "id": lambda one: "/".join(one.id),
    },
    "SourceFreshness": _plain(
        *("uniqueId", "sourceName", "name", "status", "statusText", "maxLoadedAt", "ageSeconds", "checkedAt"),
        *("warnAfterSeconds", "errorAfterSeconds"),
    ),
    "ModelRun": {
        "id": lambda one: f"{one.run.id}/{one.result.unique_id}",
        "uniqueId": lambda one: one.result.unique_id,
        "name": lambda one: one.result.node.name,
        "status": lambda one: status_of(one.result.status),
        "statusText": lambda one: one.result.status,
        "runtime": lambda one: one.result.runtime,
        "startTime": lambda one: iso(one.result.start),
        "endTime": lambda one: iso(one.result.end),
        "error": lambda one: one.result.error,
        "message": lambda one: one.result.error,
        "resourceType": lambda one: "MODEL",
        "thread": lambda one: one.result.thread,
        "runId": lambda one: str(one.run.id),
        "jobId": lambda one: str(one.run.job_id),
        "tags": lambda one: list(one.result.node.tags),
        "materialization": lambda one: one.result.node.materialization,
        "run": lambda one: one.run,
    },
    "Run": {
        "id": lambda one: str(one.id),
        "status": lambda one: RUN_STATUSES[one.record["status"]],
        "statusText": lambda one: one.record["status_humanized"],
        "runtime": lambda one: one.runtime,
        "queueSeconds": lambda one: (one.start - moment(one.record["created_at"])).total_seconds(),
        "queuedAt": lambda one: iso(moment(one.record["created_at"])),
        "startTime": lambda one: iso(one.start),
        "endTime": lambda one: iso(one.end),
        "error": lambda one: one.record.get("status_message"),
        "gitSha": lambda one: one.record["git_sha"],
        "gitBranch": lambda one: one.record["git_branch"],
        "dbtVersion": lambda one: one.record["dbt_version"],
        "url": lambda one: one.record.get("href"),
        "jobId": lambda one: str(one.job_id),
        "inferred": lambda one: False,
        "trigger": lambda one: one.record["trigger"],
        "steps": lambda one: one.record["run_steps"],
        "modelCount": lambda one: len(one.results),
    },
    "RunTrigger": {"category": lambda one: CATEGORIES[one["cause_category"]], "cause": lambda one: one["cause"]},
    "RunStep": {
        "index": lambda one: one["index"],
        "name": lambda one: one["name"],
        "status": lambda one: RUN_STATUSES.get(one["status"], "SKIPPED"),
        "statusText": lambda one: one["status_humanized"],
        "runtime": lambda one: seconds(one["started_at"], one["finished_at"]),
        "startTime": lambda one: iso(one["started_at"] and moment(one["started_at"])),
        "endTime": lambda one: iso(one["finished_at"] and moment(one["finished_at"])),
    },
    "Job": {
        "id": lambda one: str(one.id),
        "name": lambda one: one.record["name"],
        "description": lambda one: one.record.get("description") or "",
        "kind": lambda one: one.record["job_type"].upper(),
        "schedule": lambda one: (one.record["schedule"] or {}).get("cron"),
        "steps": lambda one: one.record["execute_steps"],
        "lastRun": lambda one: one.runs[0],
        "inferred": lambda one: False,
    },
    **{
        kind: {
            "rank": lambda one: one.rank,
            "runtime": lambda one: fmean(one.runtimes),
            "runtimes": lambda one: summary(one.runtimes),
            "runCount": lambda one: len(one.runtimes),
            item: lambda one: one.item,
        }
        for kind, item in (("RankedModel", "model"), ("RankedJob", "job"), ("RankedModelRun", "modelRun"))
    },
    "RuntimeSummary": {
        "count": len,
        "mean": lambda one: fmean(one) if one else None,
        "minimum": lambda one: min(one, default=None),
        "p50": lambda one: percentile(one, 0.5),
        "p95": lambda one: percentile(one, 0.95),
        "maximum": lambda one: max(one, default=None),
    },
    "JobAverage": {
        "runtimes": lambda one: summary(one[0]) or None,
        "runtime": lambda one: fmean(one[0]) if one[0] else None,
        "leftOut": lambda one: sorted(one[1].items()),
    },
    "ModelAverage": {
        "runtime": lambda one: fmean(one.means) if one.means else None,
        "runCount": lambda one: one.runs,
        "runtimes": lambda one: summary(one.means) or None,
        "modelCount": lambda one: len(one.means),
        "leftOut": lambda one: sorted(one.left_out.items()),
    },
    "LeftOutRuns": {"reason": lambda one: one[0], "count": lambda one: one[1]},
    "RuntimeReport": {
        "jobId": lambda one: str(one.run.job_id),
        "runId": lambda one: str(one.run.id),
        "modelId": lambda one: one.model_id,
        "runtime": lambda one: one.result.execution_time if one.result else one.run.runtime,
        "startTime": lambda one: iso(one.result.start if one.result else one.run.start),
        "endTime": lambda one: iso(one.result.end if one.result else one.run.end),
        "status": lambda one: status_of(one.result.status) if one.result else RUN_STATUSES[one.run.record["status"]],
    },
    "_Service": {"sdl": lambda one: one},
}

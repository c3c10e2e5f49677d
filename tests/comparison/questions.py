"""The questions of docs/hierarchy.md in GraphQL, and the answers that the definitions give to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.comparison.definitions import (
    Attempt,
    Definitions,
    Job,
    Model,
    Project,
    Scope,
    averaged,
    mean,
    top,
)  # fmt: skip
from tests.comparison.reading import EXECUTING, Result, Run, to_milliseconds

LAST_RUNS = (1, 2, 3, 5, 8)
DETAILS = "uniqueId name status statusText runtime startTime endTime error runId jobId tags materialization"
TIMED = "runId runtime startTime endTime status"
RUN = "id jobId status runtime startTime endTime"
_BOUNDS = [{"minRuntime": 6.0}, {"minRuntime": 5.0, "maxRuntime": 40.0}]
FILTERS: list[dict[str, Any]] = [
    {"tags": ["daily"]}, {"tags": ["daily", "core"], "tagsMatch": "ALL"}, {"tags": []},
    {"materialization": "INCREMENTAL"}, *_BOUNDS, {"packages": ["lib"]}, {"statuses": ["FAILURE", "REUSED"]},
    {"tags": ["core", "late"], "minRuntime": 2.0},
]  # fmt: skip
SCOPES = [Scope(full_refresh=True), Scope(ci=True), Scope(failed=True), Scope(True, True, True)]
ORDERS = [(one, way) for one in ("ID", "NAME", "RUNTIME", "LAST_RUN_TIME", "SEVERITY") for way in ("ASC", "DESC")]
RUN_ORDERS = [(one, way) for one in ("ID", "RUNTIME", "START_TIME", "SEVERITY") for way in ("ASC", "DESC")]
SEVERITIES = ["SUCCESS", "REUSED", "SKIPPED", "QUEUED", "RUNNING", "UNKNOWN", "WARN", "CANCELLED", "FAILURE"]


@dataclass(frozen=True)
class Question:
    """A selection below one root field, and the answer to it."""

    selection: str
    answer: Any


def literal(value: Any) -> str:
    """A value as GraphQL writes it; words in capitals are enum values, as no tag here is one."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {literal(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value in (*SEVERITIES, "ALL", "ANY") else f'"{value}"'
    return str(value)


def meets(thing: Model | Attempt | Result, criteria: Mapping[str, Any]) -> bool:
    """Whether a model, or a model in a run, meets every criterion."""
    result = thing.result if isinstance(thing, Attempt) else thing
    node = result.node
    tags, kind = set(node.tags) if node else set(), node.materialization if node else None
    package = result.unique_id.split(".")[1]
    outcome = result.outcome if isinstance(result, Model) else result.status
    if (wanted := criteria.get("tags")) is not None:
        enough = set(wanted) <= tags if criteria.get("tagsMatch") == "ALL" else bool(set(wanted) & tags)
        if not wanted or not enough:
            return False
    if (wanted := criteria.get("materialization")) is not None and (kind or "").lower() != wanted.lower():
        return False
    if "minRuntime" in criteria or "maxRuntime" in criteria:
        low, high = criteria.get("minRuntime", 0.0), criteria.get("maxRuntime", float("inf"))
        if result.runtime is None or not low <= result.runtime <= high:
            return False
    return package in criteria.get("packages", [package]) and outcome in criteria.get("statuses", [outcome])


def ordered(items: Sequence[Any], value: Callable[[Any], Any], way: str, number: Callable[[Any], Any]) -> list[Any]:
    """By a value, what has none last, ties by ascending id."""
    placed = sorted(items, key=number)
    known = [one for one in placed if value(one) is not None]
    known.sort(key=value, reverse=way == "DESC")
    return known + [one for one in placed if value(one) is None]


def details(one: Attempt | None) -> dict[str, Any] | None:
    if one is None:
        return None
    result, node = one.result, one.result.node
    told = {"FAILURE": result.message, "WARN": result.message}
    local = result.unique_id.split(".")[2]
    return {
        "uniqueId": result.unique_id, "name": node.name if node else local, "status": result.status,
        "statusText": result.word, "runtime": result.runtime, "startTime": result.start, "endTime": result.end,
        "error": told.get(result.status), "runId": str(one.run.id), "jobId": str(one.run.job_id),
        "tags": list(node.tags) if node else [], "materialization": node.materialization if node else None,
    }  # fmt: skip


def run_facts(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "id": str(run.id), "jobId": str(run.job_id), "status": run.status, "runtime": run.runtime,
        "startTime": run.started, "endTime": run.ended,
    }  # fmt: skip


def derived_facts(run: Run) -> dict[str, Any]:
    """What Discovery reports about a run: from the start of its first command that executed a model to the end of its
    last, in milliseconds; a failure where a model failed last."""
    commands = [one for one in run.invocations if one.results and one.arguments.get("which") in EXECUTING]
    starts = [to_milliseconds(one.ended) - one.elapsed for one in commands if one.elapsed is not None]
    start, end = min(starts, default=None), max(to_milliseconds(one.ended) for one in commands)
    failed = any(one.status == "FAILURE" for one in run.results.values())
    return {
        "id": str(run.id), "jobId": str(run.job_id), "status": "FAILURE" if failed else "SUCCESS",
        "runtime": None if start is None else (end - start).total_seconds(), "startTime": start, "endTime": end,
    }  # fmt: skip


class Questions:
    """Every question about one environment. Without the Admin API, what Discovery alone cannot say is not asked."""

    def __init__(self, definitions: Definitions, kind: str, admin: bool = True) -> None:
        self.definitions, self.kind, self.admin = definitions, kind, admin
        self.models = definitions.models(kind)
        self.jobs = definitions.jobs_of(kind)
        self.runs = definitions.runs_of(kind)

    def account(self) -> dict[str, Question]:
        asked = self.model_lists() | self.model_rankings() | self.projects()
        return asked | (self.job_lists() | self.run_lists() if self.admin else self.derived_runs())

    def scope(self) -> Scope:
        """Kinds of jobs are known to the Admin API alone."""
        return Scope(ci=not self.admin)

    def derived_runs(self) -> dict[str, Question]:
        """The run of each model's last attempt, as its commands report it."""
        runs = [one.last.run if one.last else None for one in self.models]
        nodes = [{"lastRun": run and {"run": derived_facts(run)}} for run in runs]
        selection = f"models(first: 5000) {{ nodes {{ lastRun {{ run {{ {RUN} }} }} }} }}"
        return {"derivedRuns": Question(selection, {"nodes": nodes})}

    def projects(self) -> dict[str, Question]:
        found = [
            {"modelCount": len(one.models)} | ({"models": {"totalCount": len(one.models)}} if self.admin else {})
            for one in self.definitions.projects[self.kind]
        ]
        inside = "modelCount models { totalCount }" if self.admin else "modelCount"
        return {"projects": Question("projects(first: 100) { nodes { " + inside + " } }", {"nodes": found})}

    def model_lists(self) -> dict[str, Question]:
        selection = (
            "id uniqueId name packageName tags materialization runtime lastRunStatus rawCode "
            f"lastRun {{ {DETAILS} }} lastSuccess {{ {DETAILS} }} project {{ environmentId }} "
            f"runs(first: 100) {{ nodes {{ {DETAILS} }} }} "
        )
        if self.admin:
            selection += "jobs(first: 100) { nodes { id } }"
        whole = {"totalCount": len(self.models), "nodes": [self.model(one) for one in self.models]}
        asked = {"models": Question(f"models(first: 500) {{ totalCount nodes {{ {selection} }} }}", whole)}
        for number, criteria in enumerate(FILTERS):
            kept = [{"uniqueId": one.unique_id} for one in self.models if meets(one, criteria)]
            text = f"models(first: 500, filter: {literal(criteria)}) {{ totalCount nodes {{ uniqueId }} }}"
            asked[f"filtered{number}"] = Question(text, {"totalCount": len(kept), "nodes": kept})
        values: dict[str, Callable[[Model], Any]] = {
            "ID": lambda one: one.id,
            "NAME": lambda one: one.node.name,
            "RUNTIME": lambda one: one.runtime,
            "LAST_RUN_TIME": lambda one: one.last and one.last.result.ended,
            "SEVERITY": lambda one: one.outcome and SEVERITIES.index(one.outcome),
        }
        for field, way in ORDERS:
            found = ordered(self.models, values[field], way, lambda one: one.id)
            text = f"models(first: 500, orderBy: {{field: {field}, direction: {way}}}) {{ nodes {{ uniqueId }} }}"
            asked[f"ordered{field}{way}"] = Question(text, {"nodes": [{"uniqueId": one.unique_id} for one in found]})
        return asked

    def model(self, one: Model) -> dict[str, Any]:
        node = one.node
        place = next(each for each in self.definitions.projects[self.kind] if one in each.models)
        told = {
            "id": self.seen(place, {one.unique_id: one.id})[one.unique_id],
            "uniqueId": one.unique_id, "name": node.name, "packageName": node.package, "tags": list(node.tags),
            "materialization": node.materialization, "runtime": one.runtime, "lastRunStatus": one.outcome,
            "rawCode": node.code, "lastRun": details(one.last), "lastSuccess": details(one.success),
            "project": {"environmentId": str(place.environment_id)},
            "runs": {"nodes": [details(each) for each in one.history]},
        }  # fmt: skip
        if self.admin:
            building = self.definitions.jobs_building(one, self.kind)
            told["jobs"] = {"nodes": [{"id": str(job.id)} for job in building]}
        return told

    def model_rankings(self) -> dict[str, Question]:
        asked = {}
        for runs in LAST_RUNS:
            asked[f"slowest{runs}"] = self.ranking(
                f"lastRuns: {runs}", self.models, runs, None if runs == 1 else self.scope()
            )
        for number, criteria in enumerate(FILTERS):
            models = [one for one in self.models if meets(one, criteria)]
            for runs in (1, 3):
                scope = None if runs == 1 else self.scope()
                text = f"lastRuns: {runs}, filter: {literal(criteria)}"
                asked[f"slowest{runs}Filtered{number}"] = self.ranking(text, models, runs, scope)
        for number, scope in enumerate(SCOPES):
            given = {"includeFullRefresh": scope.full_refresh, "includeCi": scope.ci, "includeFailed": scope.failed}
            taken = Scope(scope.full_refresh, scope.ci or not self.admin, scope.failed)
            asked[f"slowestScope{number}"] = self.ranking(
                f"lastRuns: 4, history: {literal(given)}", self.models, 4, taken
            )
        return asked

    def ranking(self, arguments: str, models: Sequence[Model], runs: int, scope: Scope | None) -> Question:
        ranked = top([((one.id, one.unique_id), one.times(runs, scope)) for one in models], 100)
        answer = [
            {"rank": rank, "runtime": value, "runCount": count, "model": {"uniqueId": one[1]}}
            for rank, (one, value, count) in enumerate(ranked, start=1)
        ]
        return Question(
            f"slowestModels(first: 100, {arguments}) {{ rank runtime runCount model {{ uniqueId }} }}", answer
        )

    def job_lists(self) -> dict[str, Question]:
        averages = " ".join(
            f"average{runs}: averageRuntime(lastRuns: {runs}) {{ runtime runtimes {{ count minimum maximum }} }} "
            f"models{runs}: averageModelRuntime(first: 3, lastRuns: {runs}) {{ runtime runCount }} "
            for runs in LAST_RUNS
        )
        refreshed = "refreshed: averageRuntime(lastRuns: 3, includeFullRefresh: true) { runtime }"
        selection = (
            f"id name lastRun {{ {RUN} }} runs(first: 100) {{ totalCount nodes {{ {RUN} }} }} "
            "models(first: 500) { totalCount nodes { uniqueId } } slowestModels(first: 3) { rank runtime modelRun "
            f"{{ uniqueId }} }} runtimes(lastRuns: 4) {{ {TIMED} }} "
            f"byModel: runtimes(lastRuns: 4, byModel: true) {{ modelId {TIMED} }} {averages} {refreshed}"
        )
        known = sorted(self.jobs, key=lambda one: one.id)
        asked = {
            "jobs": Question(f"jobs(first: 100) {{ totalCount nodes {{ {selection} }} }}",
                             {"totalCount": len(known), "nodes": [self.job(one) for one in known]}),
        }  # fmt: skip
        for runs in LAST_RUNS:
            ranked = top([(one.id, [run.runtime or 0.0 for run in one.window(runs)]) for one in known], 100)
            answer = [
                {"rank": rank, "runtime": value, "runCount": count, "job": {"id": str(one)}}
                for rank, (one, value, count) in enumerate(ranked, start=1)
            ]
            text = f"longestRunningJobs(first: 100, lastRuns: {runs}) {{ rank runtime runCount job {{ id }} }}"
            asked[f"longest{runs}"] = Question(text, answer)
        for number, criteria in enumerate(FILTERS):
            kept = [{"id": str(one.id)} for one in known if any(meets(each, criteria) for each in one.built.values())]
            text = f"jobs(first: 100, filter: {{models: {literal(criteria)}}}) {{ nodes {{ id }} }}"
            asked[f"jobsFiltered{number}"] = Question(text, {"nodes": kept})
        return asked | self.job_orders(known)

    def job_orders(self, known: Sequence[Job]) -> dict[str, Question]:
        def finished(one: Job) -> Run | None:
            return next((run for run in one.runs if run.status in ("SUCCESS", "FAILURE", "CANCELLED")), None)

        values: dict[str, Callable[[Job], Any]] = {
            "ID": lambda one: one.id,
            "NAME": lambda one: one.record["name"],
            "LAST_RUN_TIME": lambda one: one.runs[0].started if one.runs else None,
            "RUNTIME": lambda one: (run := finished(one)) and run.runtime,
            "SEVERITY": lambda one: SEVERITIES.index(one.runs[0].status) if one.runs else None,
        }
        asked = {}
        for field, way in ORDERS:
            found = ordered(known, values[field], way, lambda one: one.id)
            text = f"jobs(first: 100, orderBy: {{field: {field}, direction: {way}}}) {{ nodes {{ id }} }}"
            asked[f"jobsOrdered{field}{way}"] = Question(text, {"nodes": [{"id": str(one.id)} for one in found]})
        return asked

    def job(self, one: Job) -> dict[str, Any]:
        project = self.definitions.project_at(one.record["environment_id"])
        assert project is not None
        built = [model for model in project.models if model.unique_id in one.built]
        told: dict[str, Any] = {
            "id": str(one.id), "name": one.record["name"], "lastRun": run_facts(one.runs[0] if one.runs else None),
            "runs": {"totalCount": len(one.runs), "nodes": [run_facts(run) for run in one.runs]},
            "models": {"totalCount": len(built), "nodes": [{"uniqueId": model.unique_id} for model in built]},
            "slowestModels": slowest(one.built.values(), 3),
            "runtimes": [timed(run) for run in one.ended(4)],
            "byModel": self.by_model(one, project),
        }  # fmt: skip
        for runs in LAST_RUNS:
            window = one.window(runs)
            times = [run.runtime for run in window if run.runtime is not None]
            spread = {"count": len(times), "minimum": min(times), "maximum": max(times)} if times else None
            told[f"average{runs}"] = {"runtime": mean(times), "runtimes": spread}
            results = {
                model.unique_id: [found for run in window if (found := run.results.get(model.unique_id))]
                for model in built
            }
            told[f"models{runs}"] = {"runtime": averaged(results, 3), "runCount": len(window)}
        told["refreshed"] = {"runtime": mean([run.runtime or 0.0 for run in one.window(3, full_refresh=True)])}
        return told

    def by_model(self, job: Job, project: Project) -> list[dict[str, Any]]:
        """What models took in the job's last runs: newest run first, by model id within a run."""
        runs = job.ended(4)
        names = self.seen(project, project.names({name for run in runs for name in run.results}))
        found = []
        for run in runs:
            counted = [one for one in run.results.values() if one.succeeded and one.runtime is not None]
            for one in sorted(counted, key=lambda one: names[one.unique_id]):
                told = {"runtime": one.runtime, "startTime": one.start, "endTime": one.end, "status": one.status}
                found.append({"modelId": names[one.unique_id], "runId": str(run.id), **told})
        return found

    def seen(self, project: Project, names: Mapping[str, str]) -> Mapping[str, str]:
        """Ids as this environment shows them: those of staging name it."""
        if self.kind == "production":
            return names
        place = f"{project.id}@{project.environment_id}"
        return {name: place + one.removeprefix(project.id) for name, one in names.items()}

    def run_lists(self) -> dict[str, Question]:
        asked = {}
        selection = (
            f"{RUN} modelCount modelRuns(first: 100) {{ nodes {{ {DETAILS} }} }} slowestModels(first: 3) "
            "{ rank runtime modelRun { uniqueId } } averageModelRuntime(first: 2) { runtime }"
        )
        answer = [self.run(one) for one in self.runs]
        asked["runs"] = Question(f"runs(first: 200) {{ totalCount nodes {{ {selection} }} }}",
                                 {"totalCount": len(answer), "nodes": answer})  # fmt: skip
        for number, criteria in enumerate(FILTERS):
            kept = [
                {"id": str(run.id)} for run in self.runs if any(meets(one, criteria) for one in run.results.values())
            ]
            text = f"runs(first: 200, filter: {{models: {literal(criteria)}}}) {{ nodes {{ id }} }}"
            asked[f"runsFiltered{number}"] = Question(text, {"nodes": kept})
        values: dict[str, Callable[[Run], Any]] = {
            "ID": lambda one: one.recency,
            "RUNTIME": lambda one: one.runtime,
            "START_TIME": lambda one: one.started,
            "SEVERITY": lambda one: SEVERITIES.index(one.status),
        }
        for field, way in RUN_ORDERS:
            found = ordered(self.runs, values[field], way, lambda one: one.id)
            text = f"runs(first: 200, orderBy: {{field: {field}, direction: {way}}}) {{ nodes {{ id }} }}"
            asked[f"runsOrdered{field}{way}"] = Question(text, {"nodes": [{"id": str(one.id)} for one in found]})
        return asked

    def run(self, one: Run) -> dict[str, Any]:
        job = self.definitions.files.jobs[one.job_id]
        results = sorted(one.results.values(), key=lambda each: each.unique_id)
        told = run_facts(one) or {}
        return told | {
            "modelCount": len(results),
            "modelRuns": {"nodes": [details(Attempt(one, each, job)) for each in results]},
            "slowestModels": slowest(results, 3),
            "averageModelRuntime": {"runtime": averaged({each.unique_id: [each] for each in results}, 2)},
        }


def timed(run: Run) -> dict[str, Any]:
    return {"runId": str(run.id), "runtime": run.runtime, "startTime": run.started, "endTime": run.ended,
            "status": run.status}  # fmt: skip


def slowest(results: Any, first: int) -> list[dict[str, Any]]:
    """The slowest models of one run."""
    ranked = top(
        [(one.unique_id, [one.runtime] if one.succeeded and one.runtime is not None else []) for one in results], first
    )
    return [
        {"rank": rank, "runtime": value, "modelRun": {"uniqueId": one}}
        for rank, (one, value, _) in enumerate(ranked, start=1)
    ]

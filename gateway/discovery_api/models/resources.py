"""Projects, models, jobs and runs as plain records, for tables and files: `to_record()` of each resource makes them."""

from __future__ import annotations

from datetime import datetime

from gateway.discovery_api.models.reports import Report, RunStatus
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import node_result as result_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.runs import run_failure as failure_facts
from gateway.hierarchy.vocabulary.resource_type import resource_type_of
from gateway.queries.resources import resources


class Project(Report):
    """One dbt project in one deployment environment."""

    project_id: str
    name: str
    environment_id: int
    adapter_type: str | None

    @classmethod
    def of(cls, facts: project_facts.Project) -> Project:
        return cls(
            project_id=facts.id,
            name=facts.name,
            environment_id=facts.environment_id,
            adapter_type=facts.adapter_type,
        )


class Model(Report):
    """The latest state of one model. `runtime` (seconds) and the times (UTC) are those of its last successful run."""

    model_id: str
    unique_id: str
    name: str
    package_name: str
    project_id: str
    tags: list[str]
    materialization: str | None
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None
    last_run_status: RunStatus | None
    last_run_error: str | None

    @classmethod
    def of(cls, facts: model_facts.Model) -> Model:
        return cls(
            model_id=facts.id,
            unique_id=facts.unique_id,
            name=facts.name,
            package_name=facts.package_name,
            project_id=facts.project_id,
            tags=list(facts.tags),
            materialization=facts.materialization,
            runtime=facts.runtime,
            start_time=facts.start_time,
            end_time=facts.end_time,
            last_run_status=RunStatus(facts.last_run_status.value) if facts.last_run_status else None,
            last_run_error=facts.last_run_error,
        )


class Resource(Report):
    """Anything a project defines; `resource_type` is what dbt calls it: model, seed, exposure, macro and so on."""

    resource_id: str
    unique_id: str
    name: str
    resource_type: str

    @classmethod
    def of(cls, facts: resources.Resource) -> Resource:
        return cls(
            resource_id=facts.id,
            unique_id=facts.unique_id,
            name=facts.name,
            resource_type=resource_type_of(facts.unique_id).value,
        )


class LineageResource(Report):
    """A resource in a lineage; `level` is negative upstream, 0 for the model itself."""

    level: int
    resource: Resource

    @classmethod
    def of(cls, facts: resources.LineageResource) -> LineageResource:
        return cls(level=facts.level, resource=Resource.of(facts.resource))


class Owner(Report):
    """Who owns a model."""

    name: str | None
    email: str | None


class ModelRun(Report):
    """One model in one run. `runtime` is its own execution time in seconds, None when it was not executed."""

    unique_id: str
    name: str
    job_id: str
    run_id: str
    status: RunStatus
    status_text: str
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None
    error: str | None
    thread: str | None
    tags: list[str]
    materialization: str | None

    @classmethod
    def of(cls, facts: model_facts.ModelRun) -> ModelRun:
        return cls(
            unique_id=facts.unique_id,
            name=facts.name,
            job_id=str(facts.job_id),
            run_id=str(facts.run_id),
            status=RunStatus(facts.status.value),
            status_text=facts.status_text,
            runtime=facts.runtime,
            start_time=facts.start_time,
            end_time=facts.end_time,
            error=facts.error,
            thread=facts.thread,
            tags=list(facts.tags),
            materialization=facts.materialization,
        )


class NodeResult(Report):
    """One resource of any type in one run; `resource_type` is what dbt calls it: model, test, seed and so on.

    `runtime` is in seconds, None when it was not executed; `message` is dbt's about a failure or a warning.
    `failing_rows` are the rows that break a test's rule. `step` (from 1), `failing_rows` and `rows_affected` are None
    without an archive. `age_seconds` is how old the newest row of a source was when it was checked.
    """

    unique_id: str
    name: str
    resource_type: str
    job_id: str
    run_id: str
    status: RunStatus
    status_text: str
    message: str | None
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None
    thread: str | None
    step: int | None
    rows_affected: int | None
    failing_rows: int | None = None
    age_seconds: float | None = None

    @classmethod
    def of(cls, facts: result_facts.NodeResult) -> NodeResult:
        return cls(
            unique_id=facts.unique_id,
            name=facts.name,
            resource_type=facts.resource_type.value,
            job_id=str(facts.job_id),
            run_id=str(facts.run_id),
            status=RunStatus(facts.status.value),
            status_text=facts.status_text,
            message=facts.message,
            runtime=facts.runtime,
            start_time=facts.start_time,
            end_time=facts.end_time,
            thread=facts.thread,
            step=facts.step,
            rows_affected=facts.rows_affected,
            failing_rows=facts.failing_rows if isinstance(facts, result_facts.TestRun) else None,
            age_seconds=facts.age_seconds if isinstance(facts, result_facts.NodeRun) else None,
        )


class RunFailure(Report):
    """One reason for which a run is not fine. `message` has at most 500 characters on one line; `result` is None when
    the run failed outside of any resource. `skipped` is what the run skipped because of it, nearest first.

    `is_new`: the last attempt of the resource was fine, among the twenty runs of the same job before. `failing_since`
    is the id of the run in which it first failed without having recovered; None where that lies further back.
    """

    message: str
    result: NodeResult | None
    skipped: list[NodeResult]
    is_new: bool
    failing_since: str | None

    @classmethod
    def of(cls, known: failure_facts.KnownFailure) -> RunFailure:
        failure = known.failure
        return cls(
            message=failure.message,
            result=NodeResult.of(failure.result) if failure.result else None,
            skipped=[NodeResult.of(result) for result in known.skipped],
            is_new=known.is_new,
            failing_since=str(known.failing_since.id) if known.failing_since else None,
        )


class ModelTest(Report):
    """A test of a model and how it last ended; `failures` counts the rows it found, `runtime` is in seconds."""

    unique_id: str
    name: str
    column_name: str | None
    kind: str
    status: RunStatus | None
    error: str | None
    failures: int | None
    last_run_time: datetime | None
    runtime: float | None

    @classmethod
    def of(cls, facts: model_facts.ModelTest) -> ModelTest:
        return cls(
            unique_id=facts.unique_id,
            name=facts.name,
            column_name=facts.column_name,
            kind=facts.kind,
            status=RunStatus(facts.status.value) if facts.status else None,
            error=facts.error,
            failures=facts.failures,
            last_run_time=facts.last_run_time,
            runtime=facts.runtime,
        )


class Run(Report):
    """One run of a job. `runtime` is its wall clock in seconds, time in the queue excluded."""

    run_id: str
    job_id: str
    status: RunStatus
    runtime: float | None
    queue_seconds: float | None
    start_time: datetime | None
    end_time: datetime | None
    git_sha: str | None
    git_branch: str | None
    url: str | None

    @classmethod
    def of(cls, facts: job_facts.Run) -> Run:
        return cls(
            run_id=str(facts.id),
            job_id=str(facts.job_id),
            status=RunStatus(facts.status.value),
            runtime=facts.runtime,
            queue_seconds=facts.queue_seconds,
            start_time=facts.start_time,
            end_time=facts.end_time,
            git_sha=facts.git_sha,
            git_branch=facts.git_branch,
            url=facts.url,
        )


class Job(Report):
    """A job definition. `kind` is dbt's job type: scheduled, ci, merge, other and so on."""

    job_id: str
    name: str | None
    description: str | None
    environment_id: int
    kind: str | None
    schedule: str | None
    steps: list[str]
    last_run: Run | None

    @classmethod
    def of(cls, facts: job_facts.Job) -> Job:
        return cls(
            job_id=str(facts.id),
            name=facts.name,
            description=facts.description,
            environment_id=facts.environment_id,
            kind=facts.kind,
            schedule=facts.schedule,
            steps=list(facts.steps),
            last_run=Run.of(facts.last_run) if facts.last_run else None,
        )


class RunTrigger(Report):
    """Why a run was started: dbt's category (scheduled, ci, api, ui, other and so on) and its words for it."""

    category: str | None
    cause: str | None


class RunStep(Report):
    """One command of a run, in its order. `runtime` is its wall clock in seconds."""

    index: int
    name: str | None
    status: RunStatus
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None

    @classmethod
    def of(cls, facts: job_facts.RunStep) -> RunStep:
        return cls(
            index=facts.index,
            name=facts.name,
            status=RunStatus(facts.status.value),
            runtime=facts.runtime,
            start_time=facts.start_time,
            end_time=facts.end_time,
        )

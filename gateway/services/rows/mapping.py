"""From dbt's JSON shapes to the hierarchy's objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from gateway.hierarchy.measures.durations import Timings, interval, seconds_or_none
from gateway.hierarchy.objects.job import Job, Run, RunDetails, RunStep, RunTrigger
from gateway.hierarchy.objects.model import UNTOLD, BuiltModel, LastRun, Model, ModelRun
from gateway.hierarchy.objects.project import DeploymentEnvironment, Environment
from gateway.hierarchy.vocabulary.status import RunStatus, status_of_admin_code, status_of_word
from gateway.services.rows.admin_types import AdminEnvironment, AdminJob, AdminRun, AdminStep
from gateway.services.rows.discovery_types import (
    BigInt,
    DescribedRow,
    ExecutionInfo,
    ModelRow,
    OutlineRow,
    RunModel,
    RunNode,
)

T = TypeVar("T")

# dbt writes a missing time as year 1; it must not be taken for a start.
_NO_TIME = datetime(1, 1, 2, tzinfo=UTC)


def time_or_none(moment: datetime | None) -> datetime | None:
    """A UTC time; dbt's year-1 placeholder becomes None, a time without an offset is taken as UTC."""
    if moment is None:
        return None
    if moment.tzinfo is UTC:
        # As decoded nearly always; there are three of them in every model.
        return moment if moment > _NO_TIME else None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return aware.astimezone(UTC) if aware > _NO_TIME else None


def whole(number: BigInt) -> int:
    """An id as a number."""
    return int(number)


def whole_or_none(number: BigInt | None) -> int | None:
    return None if number is None else int(number)


class Share(dict[Any, Any]):
    """Makes equal values of one reading one object, `share[value]`: twenty runs of a model have one name, a thousand
    models of a run one invocation. Of numbers only whole ones: 1.0 would become 1."""

    __slots__ = ()

    def __missing__(self, value: T) -> T:
        self[value] = value
        return value


# Of a model these are kept as they were reported, each in a text of its own.
_TEXTS = ("description", "database", "schema", "alias", "relation_name", "access", "group", "language", "version")
_texts_of = attrgetter(*_TEXTS, "file_path")

_NEVER_RUN = ExecutionInfo(*12 * (None,))


def to_model(row: ModelRow, model_id: str, project_id: str, environment_id: int) -> Model:
    """A model's applied state."""
    info = row.execution_info or _NEVER_RUN
    start, end = timed_interval(info)
    return Model(
        id=model_id,
        unique_id=row.unique_id,
        name=row.name or row.unique_id.split(".", 2)[-1],
        package_name=row.package_name or row.unique_id.split(".")[1],
        project_id=project_id,
        environment_id=environment_id,
        tags=tuple(row.tags),
        materialization=row.materialized_type,
        runtime=seconds_or_none(info.execution_time),
        start_time=start,
        end_time=end,
        last_success_run_id=whole_or_none(info.last_success_run_id),
        last_success_job_id=whole_or_none(info.last_success_job_definition_id),
        last_run=_last_run(info),
        **(_description(row) if isinstance(row, DescribedRow) else {}),
    )


def timed_interval(node: ExecutionInfo | RunModel | RunNode) -> tuple[datetime | None, datetime | None]:
    """When the work on a node began and ended."""
    timings = Timings(
        time_or_none(node.compile_started_at),
        time_or_none(node.compile_completed_at),
        time_or_none(node.execute_started_at),
        time_or_none(node.execute_completed_at),
    )
    return interval(timings, node.execution_time)


def _description(row: DescribedRow) -> dict[str, Any]:
    return {
        "description": row.description,
        "database": row.database,
        "schema": row.schema,
        "alias": row.alias,
        "relation_name": row.relation_name,
        "access": row.access,
        "group": row.group,
        "language": row.language,
        "version": row.version,
        "file_path": row.file_path,
        "contract_enforced": row.contract_enforced,
        "meta": row.meta,
    }


def _last_run(info: ExecutionInfo) -> LastRun | None:
    word = info.last_run_status
    if word is None and info.last_run_id is None:
        return None
    # dbt has no word here for every outcome (see last_words); there was an attempt all the same.
    return LastRun(
        run_id=whole_or_none(info.last_run_id),
        job_id=whole_or_none(info.last_job_definition_id),
        status=status_of_word(word or ""),
        status_text=word or UNTOLD,
        error=info.last_run_error,
        generated_at=time_or_none(info.last_run_generated_at),
    )


def weigh_models(models: Sequence[Model], described: bool) -> int:
    """About how many bytes they take in memory. `described`: more than what identifies, filters and ranks them was
    read."""
    errors = sum(len(model.last_run.error) for model in models if model.last_run and model.last_run.error)
    return 1_300 * len(models) + errors + (sum(map(_weigh_description, models)) if described else 0)


def _weigh_description(model: Model) -> int:
    texts = sum(len(text) + 50 for text in _texts_of(model) if text)
    # Nested values take several times the bytes of their JSON.
    return texts + (200 + 6 * len(msgspec.json.encode(model.meta)) if model.meta else 0)


def to_model_run(node: RunModel, share: Share) -> ModelRun | None:
    """One model in one run; None for a node that only stands in that run's manifest and was not touched."""
    if node.status is None:
        return None
    status = status_of_word(node.status)
    start, end = timed_interval(node) if status.executed else (None, None)
    return ModelRun(
        unique_id=share[node.unique_id],
        name=share[node.name or node.unique_id.split(".", 2)[-1]],
        package_name=share[node.package_name],
        environment_id=share[whole(node.environment_id)],
        job_id=share[whole(node.job_id)],
        run_id=share[whole(node.run_id)],
        tags=share[tuple(node.tags)] if node.tags else (),
        materialization=share[node.materialized_type],
        status=status,
        status_text=share[node.status],
        runtime=seconds_or_none(node.execution_time) if status.executed else None,
        start_time=start,
        end_time=end,
        error=share[node.error or None],
        thread=share[node.thread_id],
        invocation_id=share[node.invocation_id],
        ended_at=share[time_or_none(node.run_generated_at)],
        step=node.step,
        rows_affected=node.rows_affected,
    )


def weigh_runs(runs: Sequence[ModelRun]) -> int:
    """About how many bytes they take in memory. A model's runs share its names, a run's models their invocation; what
    is not shared was measured."""
    alone = runs[:1] if _of_one_model(runs) else runs
    names = sum(len(attempt.unique_id) + len(attempt.name) + 130 for attempt in alone)
    # Runs are read several at once and share the models' names too: a quarter of them is a run's part as a rule.
    part = names if len(alone) == 1 else names // 4
    return 340 * len(runs) + part + sum(len(run.error) for run in runs if run.error)


def _of_one_model(runs: Sequence[ModelRun]) -> bool:
    return len(runs) < 2 or runs[0].unique_id == runs[-1].unique_id


def to_built_model(row: OutlineRow, share: Share) -> BuiltModel | None:
    """The same in outline."""
    if row.status is None:
        return None
    status = status_of_word(row.status)
    runtime = seconds_or_none(row.execution_time) if status.executed else None
    tags = share[tuple(row.tags)] if row.tags else ()
    return BuiltModel(share[row.unique_id], tags, share[row.materialized_type], runtime, status)


def to_environment(row: AdminEnvironment) -> Environment:
    """A deployment environment; `deployment` is None when dbt marks it neither production nor staging."""
    known = {kind.value: kind for kind in DeploymentEnvironment}
    return Environment(row.id, row.name, row.project_id, known.get(row.deployment_type or ""))


def to_run(row: AdminRun, job: AdminJob | None = None) -> Run:
    """A run; where a run inside a job's row leaves job and environment out, they are the job's."""
    return Run(
        id=row.id,
        job_id=row.job_definition_id or (job.id if job else 0),
        environment_id=row.environment_id or (job.environment_id if job else 0),
        status=status_of_admin_code(row.status),
        status_text=row.status_humanized or str(row.status),
        queued_at=time_or_none(row.created_at),
        start_time=time_or_none(row.started_at),
        end_time=time_or_none(row.finished_at),
        error=row.status_message,
        git_sha=row.git_sha,
        git_branch=row.git_branch,
        dbt_version=row.dbt_version,
        url=row.href,
        commands=tuple((row.trigger and row.trigger.steps_override) or ()),
        trigger=_trigger(row),
    )


def _trigger(row: AdminRun) -> RunTrigger | None:
    return RunTrigger(row.trigger.cause_category, row.trigger.cause) if row.trigger else None


def to_run_details(row: AdminRun) -> RunDetails:
    """A run's trigger and steps; steps in the order they ran."""
    steps = sorted(map(_step, row.run_steps or ()), key=lambda step: step.index)
    return RunDetails(_trigger(row), tuple(steps))


def _step(row: AdminStep) -> RunStep:
    started = time_or_none(row.started_at)
    # dbt has no code of its own for a step that an earlier failure kept from starting.
    skipped = started is None and (row.status_humanized or "").lower() == "skipped"
    return RunStep(
        index=row.index,
        name=row.name,
        status=RunStatus.SKIPPED if skipped else status_of_admin_code(row.status),
        status_text=row.status_humanized or str(row.status),
        start_time=started,
        end_time=time_or_none(row.finished_at),
    )


def to_job(row: AdminJob) -> Job:
    """A job with its newest run and its newest finished one."""
    return Job(
        id=row.id,
        name=row.name,
        description=row.description,
        environment_id=row.environment_id,
        kind=row.job_type,
        schedule=row.schedule.cron if row.schedule else None,
        steps=tuple(row.execute_steps or ()),
        last_run=to_run(row.most_recent_run, row) if row.most_recent_run else None,
        last_finished_run=to_run(row.most_recent_completed_run, row) if row.most_recent_completed_run else None,
    )

"""What dbt's Admin API reports about runs and of the account, as the records that an archive stores."""

from __future__ import annotations

from gateway.archive.artifacts.records import (
    AccountRecord,
    EnvironmentRecord,
    JobRecord,
    NamedRecord,
    RunRecord,
    StepRecord,
    TriggerRecord,
)
from gateway.services.admin.finished_runs import AccountLists, RecordedRun, RecordedStep


def run_record(run: RecordedRun, account_id: int, project_name: str | None) -> RunRecord:
    """The run under dbt's own ids. `project_name`: of dbt Cloud's project, where it is still listed."""
    trigger = run.trigger
    return RunRecord(
        id=run.id,
        account_id=account_id,
        project_id=run.project_id,
        project_name=project_name,
        environment_id=run.environment_id,
        job_definition_id=run.job_definition_id,
        job_name=run.job.name if run.job else None,
        status=run.status,
        status_message=run.status_message,
        trigger=TriggerRecord(trigger.cause, trigger.cause_category, trigger.git_branch)
        if trigger
        else TriggerRecord(),
        git_sha=run.git_sha,
        git_branch=run.git_branch,
        href=run.href,
        dbt_version=run.dbt_version,
        created_at=run.created_at,
        dequeued_at=run.dequeued_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        run_steps=[_step(step) for step in run.run_steps or ()],
    )


def _step(step: RecordedStep) -> StepRecord:
    return StepRecord(
        index=step.index,
        name=step.name,
        status=step.status,
        status_humanized=step.status_humanized,
        started_at=step.started_at,
        finished_at=step.finished_at,
    )


def account_record(lists: AccountLists) -> AccountRecord:
    """The account as it is now. What has been deleted is not in it, and stays in the archive as it was."""
    projects = {environment.id: environment.project_id for environment in lists.environments}
    return AccountRecord(
        account=NamedRecord(lists.account.id, lists.account.name),
        projects=[NamedRecord(project.id, project.name) for project in lists.projects],
        environments=[
            EnvironmentRecord(row.id, row.project_id, row.name, row.type, row.deployment_type)
            for row in lists.environments
        ],
        jobs=[
            JobRecord(
                id=job.id,
                environment_id=job.environment_id,
                project_id=project_id,
                name=job.name,
                execute_steps=job.execute_steps or [],
                schedule=job.schedule,
                job_type=job.job_type,
            )
            for job in lists.jobs
            if (project_id := job.project_id or projects.get(job.environment_id)) is not None
        ],
    )

"""The conditions of jobs: failed, late, not started; and that nothing arrives any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from gateway.alerts.alert import Finding
from gateway.alerts.evaluation import Candidate, Evaluation, Resolution
from gateway.alerts.rule import AlertRule
from gateway.alerts.scope import RuleScope, facts_of
from gateway.concurrency.gathering import gather
from gateway.hierarchy.filters.list_filters import RunFilter
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.run_failure import RunFailure
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis.concurrency import deadline_of, last_deadline
from gateway.queries.jobs.account_runs import newest_runs
from gateway.queries.jobs.job_schedules import JobSchedule, missed_start
from gateway.queries.runs.run_failures import error_of_run, failures
from gateway.queries.runs.run_recovery import failing_since

_RUNS = 20


async def failed_jobs(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """Jobs whose newest run that completed failed. An incident lasts from the first failed run until one succeeds."""
    runs = dict(zip(scope.jobs, await gather(_last_completed(context, job) for job in scope.jobs), strict=True))
    failed = [(job, run) for job, run in runs.items() if run is not None and run.status is RunStatus.FAILURE]
    firsts = await gather(failing_since(context, RunFailure(run, None, "")) for _, run in failed)
    candidates = [
        Candidate(f"job {job.id}", str(first.id) if first else None, partial(_failed, context, scope, run, first))
        for (job, run), first in zip(failed, firsts, strict=True)
    ]
    endings = {
        f"job {job.id}": Resolution(f"Run {run.id} of job {_named(job)} succeeded.", run.end_time)
        for job, run in runs.items()
        if run is not None and run.status is RunStatus.SUCCESS
    }
    unknown = frozenset(f"job {job.id}" for job, run in runs.items() if run is None)
    return Evaluation(tuple(candidates), endings, unknown)


async def _last_completed(context: FieldContext, job: Job) -> Run | None:
    """The newest run that was neither cancelled nor is under way."""
    last = job.last_finished_run
    if last is None or last.status.is_completed:
        return last
    runs = await context.loaders.recent_runs(job.id, _RUNS)
    return next((run for run in runs if run.status.is_completed), None)


async def _failed(context: FieldContext, scope: RuleScope, run: Run, first: Run | None) -> Finding:
    job = next(job for job in scope.jobs if job.id == run.job_id)
    project = scope.project_of(run.environment_id)
    since = (first or run).end_time or (first or run).created_at
    reasons = [failure.result for failure in await failures(context, run) if failure.result is not None]
    facts = await gather(facts_of(context, project, reason.unique_id) for reason in reasons[:_RUNS])
    owner = next((known.owner for known in facts if known.owner is not None), None)
    return Finding(
        kind="job",
        name=_named(job),
        title=f"Job {_named(job)} failed",
        since=since,
        cause=await error_of_run(context, run),
        project=project.id if project else None,
        job=_named(job),
        unique_id=reasons[0].unique_id if reasons else None,
        owner_name=owner.name if owner else None,
        owner_email=owner.email if owner else None,
        group=next((known.group for known in facts if known.group is not None), None),
        tags=tuple(dict.fromkeys(tag for known in facts for tag in known.tags)),
        link=f"run={run.id}",
    )


async def late_jobs(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """Jobs that ran for the last deadline and had not succeeded by then. An incident ends with the run that succeeds
    after all."""
    if rule.finished_by is None:
        return Evaluation(())
    deadline = last_deadline(rule.finished_by, rule.zone)
    reports = await gather(deadline_of(context, job, rule.finished_by, rule.zone, 1) for job in scope.jobs)
    candidates: list[Candidate] = []
    endings: dict[str, Resolution] = {}
    unknown: set[str] = set()
    for job, report in zip(scope.jobs, reports, strict=True):
        subject, ending = f"job {job.id}", _end(job, deadline, report.slack_summary.minimum)
        if report.day_count == 0:
            unknown.add(subject)
        elif report.met_share:
            endings |= {subject: ending} if ending else {}
        else:
            describe = partial(_late, rule, scope, job, deadline)
            candidates.append(Candidate(subject, f"{deadline:%Y-%m-%dT%H:%M}", describe, ending=ending))
    return Evaluation(tuple(candidates), endings, frozenset(unknown))


def _end(job: Job, deadline: datetime, slack: float | None) -> Resolution | None:
    if slack is None:
        return None
    ended = deadline - timedelta(seconds=slack)
    late = f", {_span(-slack)} late" if slack < 0 else ""
    return Resolution(f"Job {_named(job)} finished at {_moment(ended)}{late}.", ended)


async def _late(rule: AlertRule, scope: RuleScope, job: Job, deadline: datetime) -> Finding:
    return _about_job(
        scope,
        job,
        f"Job {_named(job)} was not finished by {rule.finished_by:%H:%M} {rule.zone.key}",
        deadline,
        f"No run created since the deadline before had succeeded by {_moment(deadline)}.",
    )


async def jobs_not_started(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """Jobs without a run since their schedule was due. Jobs without a schedule are left out unless the rule has one."""
    candidates: list[Candidate] = []
    endings: dict[str, Resolution] = {}
    for job in scope.jobs:
        cron = rule.cron or job.schedule
        if cron is None:
            continue
        try:
            due = missed_start(job, JobSchedule(cron, rule.zone, rule.grace))
        except ValueError:
            continue  # the orchestrator wrote it, and it may mean something there
        if due is not None:
            candidates.append(Candidate(f"job {job.id}", None, partial(_not_started, scope, job, due)))
        elif job.last_run is not None:
            text = f"Run {job.last_run.id} of job {_named(job)} was started."
            endings[f"job {job.id}"] = Resolution(text, job.last_run.created_at)
    return Evaluation(tuple(candidates), endings)


async def _not_started(scope: RuleScope, job: Job, due: datetime) -> Finding:
    created = job.last_run.created_at if job.last_run else None
    last = f"Its last run was created at {_moment(created)}." if created else "It has never run."
    return _about_job(scope, job, f"Job {_named(job)} was not started", due, f"It was due at {_moment(due)}. {last}")


async def nothing_arrived(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """That no run of these projects, or of these jobs, was created for some hours."""
    where = RunFilter(job_ids=tuple(job.id for job in scope.jobs)) if rule.jobs else None
    newest = await newest_runs(context, scope.projects, 1, where)
    created = newest[0].created_at if newest else None
    names = [_named(job) for job in scope.jobs] if rule.jobs else [project.id for project in scope.projects]
    subject = "runs of " + (", ".join(sorted(names)) if rule.jobs or rule.projects else "the account")
    if created is not None and datetime.now(UTC) - created < timedelta(hours=rule.hours):
        return Evaluation((), {subject: Resolution(f"Run {newest[0].id} arrived.", created)})
    return Evaluation((Candidate(subject, None, partial(_silent, rule, scope.projects, subject, created)),))


async def _silent(rule: AlertRule, projects: tuple[Project, ...], subject: str, created: datetime | None) -> Finding:
    last = f"The newest run was created at {_moment(created)}." if created else "There is no run at all."
    return Finding(
        kind="account",
        name=subject,
        title=f"No run arrived for {rule.hours:g} hours: {subject}",
        since=created,
        cause=last,
        project=projects[0].id if len(projects) == 1 else None,
    )


def _about_job(scope: RuleScope, job: Job, title: str, since: datetime, cause: str) -> Finding:
    project = scope.project_of(job.environment_id)
    return Finding(
        kind="job",
        name=_named(job),
        title=title,
        since=since,
        cause=cause,
        project=project.id if project else None,
        job=_named(job),
        link=f"job={job.id}",
    )


def _named(job: Job) -> str:
    return job.name or str(job.id)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"

"""What a pull request changes: its build, in one account, against a baseline in another."""

from __future__ import annotations

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.api.arguments import MOST_LAST_RUNS, ensure_count
from gateway.discovery_api.models.pull_requests import PullRequestReport
from gateway.hierarchy.analysis.pull_request import ComparedRun
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis import pull_requests
from gateway.queries.jobs.job_names import find_job, find_job_named
from gateway.queries.projects import find_account


def compare_builds(
    base: dbtAccount, head: dbtAccount, *, job: str | None = None, last_n_runs: int = 20
) -> PullRequestReport:
    """The newest run of `head`, a pull request's artifacts, against the newest completed run of its project in `base`.

    Runtimes before are medians over the newest `last_n_runs` (1 to 100) runs of each model that count. `job` names the
    job of the baseline, by id or name; without it CI jobs are passed over. Raises what the questions of an account
    raise, and NotFoundError where either holds no such run.
    """
    ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)

    async def built(context: FieldContext) -> ComparedRun:
        account = await find_account(context, DeploymentEnvironment(head.environment))
        return await pull_requests.build_of_branch(context, account.projects)

    branch = head.client.ask(built, lambda build: build)

    async def compared(context: FieldContext) -> ComparedRun:
        account = await find_account(context, DeploymentEnvironment(base.environment))
        named = None
        if job is not None and job.isdecimal():
            named = await find_job(context, int(job))
        elif job is not None:
            named = await find_job_named(context, job, branch.project_ids[0] if branch.project_ids else None)
        return await pull_requests.baseline_of(context, account.projects, named, last_n_runs, branch)

    baseline = base.client.ask(compared, lambda build: build)
    return PullRequestReport.of(pull_requests.report_of(baseline, branch))

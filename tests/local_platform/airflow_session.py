"""What Airflow's hook for dbt Cloud does, as a program of its own: prints what it got as JSON."""

import json
import os
import sys

account, run = int(sys.argv[1]), int(sys.argv[2])
connection = {
    "conn_type": "dbt_cloud",
    "login": str(account),
    "password": os.environ["DBT_CLOUD_API_TOKEN"],
    "host": os.environ["DBT_CLOUD_HOST"],
}
os.environ["AIRFLOW_CONN_DBT_CLOUD_DEFAULT"] = json.dumps(connection)

from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook  # noqa: E402  # reads the connection above

hook = DbtCloudHook(retry_limit=1)


def data(answer):
    """What an answer holds; of a list of pages, all of them."""
    if isinstance(answer, list):
        return [row for page in answer for row in page.json()["data"]]
    return answer.json()["data"]


def refused(call, *arguments, **others):
    try:
        return data(call(*arguments, **others))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


found = {
    "root": hook.list_accounts().status_code,  # the hook asks the address itself
    "account": data(hook.get_account()),
    "projects": data(hook.list_projects()),
    "project": data(hook.get_project(101001)),
    "environments": data(hook.list_environments(101001)),
    "environment": data(hook.get_environment(101001, 201001)),
    "jobs": data(hook.list_jobs(project_id=101001)),
    "job": data(hook.get_job(301001)),
    "by_name": hook.get_job_by_name(
        project_name="finance", environment_name="Production", job_name="Finance daily", account_id=account
    ),
    "runs": data(hook.list_job_runs(job_definition_id=301001, order_by="-id")),
    "get_runs": data(hook.get_job_runs(payload={"job_definition_id": 301001, "limit": 2})),
    "run": data(hook.get_job_run(run, include_related=["run_steps", "job"])),
    "status": hook.get_job_run_status(run),
    "waited": hook.wait_for_job_run_status(run, expected_statuses=20, check_interval=1, timeout=5),
    "artifacts": data(hook.list_job_run_artifacts(run)),
    "results": len(hook.get_job_run_artifact(run, "run_results.json").json()["results"]),
    "tested": hook.test_connection(),
    "triggered": refused(hook.trigger_job_run, 301001, "a test"),
    "retried": refused(hook.retry_failed_job_run, 301001),
    "cancelled": refused(hook.cancel_job_run, run),
}
sys.stdout.write("\n" + json.dumps(found))

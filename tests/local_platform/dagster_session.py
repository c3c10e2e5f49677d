"""What Dagster's client of dbt Cloud does, as a program of its own: prints what it got as JSON."""

import json
import os
import sys
from datetime import UTC, datetime

from dagster_dbt.cloud_v2.client import DbtCloudWorkspaceClient

account, run = int(sys.argv[1]), int(sys.argv[2])
address, token = os.environ["DBT_CLOUD_HOST"], os.environ["DBT_CLOUD_API_TOKEN"]
client = DbtCloudWorkspaceClient(
    account_id=account,
    token=token,
    access_url=f"https://{address}",
    request_max_retries=0,
    request_retry_delay=0,
    request_timeout=30,
)


def refused(call, *arguments):
    try:
        return call(*arguments)
    except Exception as error:
        return type(error).__name__


first, last = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
found = {
    "account": client.get_account_details(),
    "project": client.get_project_details(101001),
    "environment": client.get_environment_details(201001),
    "jobs": client.list_jobs(project_id=101001, environment_id=201001),
    "job": client.get_job_details(301001),
    "batch": client.get_runs_batch(
        project_id=101001, environment_id=201001, finished_at_lower_bound=first, finished_at_upper_bound=last
    ),
    "active": sorted(client.get_active_job_ids(project_id=101001, environment_id=201001, job_ids=[301001, 301002])),
    "run": client.get_run_details(run),
    "polled": client.poll_run(run, poll_interval=0.1, poll_timeout=10),
    "artifacts": client.list_run_artifacts(run),
    "manifest": sorted(client.get_run_manifest_json(run)),
    "results": len(client.get_run_results_json(run)["results"]),
    "logs": client.get_run_logs(run, max_retries=1, retry_delay=0.1),
    "verified": client.verify_connection(),
    "triggered": refused(client.trigger_job_run, 301001),
    "cancelled": refused(client.cancel_run, run),
}
sys.stdout.write(json.dumps(found))

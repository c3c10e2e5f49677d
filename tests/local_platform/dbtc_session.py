"""What a user of the `dbtc` library does, as a program of its own: prints what it got as JSON."""

import json
import sys

from dbtc import dbtCloudClient

account, run = int(sys.argv[1]), int(sys.argv[2])
client = dbtCloudClient()
stable = dbtCloudClient(use_beta_endpoint=False)
query = """query ($environmentId: BigInt!, $first: Int, $after: String) { environment(id: $environmentId) { applied {
  models(first: $first, after: $after) { pageInfo { hasNextPage endCursor } edges { node { uniqueId
    executionInfo { executionTime lastRunStatus } } } } } } }"""
variables = {"environmentId": 201001, "first": 4}

sys.stdout.write(
    json.dumps(
        {
            "accounts": client.cloud.list_accounts(),
            "account": client.cloud.get_account_by_name("Harbor & Pine"),
            "projects": client.cloud.list_projects(account),
            "project": client.cloud.get_project_by_name("finance", account),
            "environments": client.cloud.list_environments(account, 101001),
            "jobs": client.cloud.list_jobs(account, project_id=101001),
            "runs": client.cloud.list_runs(account, limit=5, order_by="-id", include_related=["job"]),
            "failed": client.cloud.list_runs(account, status="error"),
            "run": client.cloud.get_run(account, run, include_related=["run_steps", "trigger"]),
            "recent": client.cloud.get_most_recent_run(account, job_definition_id=301001),
            "artifacts": client.cloud.list_run_artifacts(account, run),
            "first_step": client.cloud.list_run_artifacts(account, run, step=1),
            "results": client.cloud.get_run_artifact(account, run, "run_results.json"),
            "models": stable.metadata.query(query, dict(variables), paginated_request_to_list=True),
            "beta": client.metadata.query(query, dict(variables), max_pages=1, paginated_request_to_list=True),
        }
    )
)

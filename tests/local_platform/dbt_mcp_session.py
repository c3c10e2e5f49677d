"""What an agent does through dbt's own MCP server, by its client classes, as a program of its own: prints what each
call got as JSON, or the error it ended with."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from typing import Any

from dbt_mcp.config.config_providers import AdminApiConfig, DiscoveryConfig, StaticConfigProvider
from dbt_mcp.config.headers import AdminApiHeadersProvider, DiscoveryHeadersProvider
from dbt_mcp.dbt_admin.client import DbtAdminAPIClient
from dbt_mcp.discovery.client import AppliedResourceType
from dbt_mcp.discovery.tools import DiscoveryToolContext
from dbt_mcp.oauth.token_provider import StaticTokenProvider
from pydantic_core import to_jsonable_python

ENVIRONMENT, MODEL = 201001, "model.finance.fct_invoices"
account, run = int(sys.argv[1]), int(sys.argv[2])
names = json.loads(sys.argv[3])
host, token = os.environ["DBT_CLOUD_HOST"], StaticTokenProvider(os.environ["DBT_CLOUD_API_TOKEN"])
discovery = DiscoveryToolContext(
    DiscoveryConfig(f"https://metadata.{host}/graphql", DiscoveryHeadersProvider(token), ENVIRONMENT)
)
admin = DbtAdminAPIClient(
    StaticConfigProvider(AdminApiConfig(f"https://{host}", AdminApiHeadersProvider(token), account))
)


async def first_two_pages() -> Any:
    first = await discovery.models_fetcher.fetch_models(limit=4)
    second = await discovery.models_fetcher.fetch_models(limit=4, after=first.pagination.next_cursor)
    return [*first.result, *second.result]


def of_discovery() -> dict[str, Awaitable[Any]]:
    models, performance = discovery.models_fetcher, discovery.model_performance_fetcher
    details = discovery.resource_details_fetcher.fetch_details
    calls = {
        "two pages": first_two_pages(),
        "marts": models.fetch_models({"modelingLayer": "marts"}, limit=100),
        "by name": models.resolve_unique_ids_by_name("fct_invoices"),
        "parents": models.fetch_model_parents(unique_id=MODEL),
        "children": models.fetch_model_children(unique_id=MODEL),
        "health": models.fetch_model_health(unique_id=MODEL),
        "exposures": discovery.exposures_fetcher.fetch_exposures(limit=100),
        "sources": discovery.sources_fetcher.fetch_sources(limit=100),
        "macros": discovery.macros_fetcher.fetch_macros(limit=100),
        "packages": discovery.macros_fetcher.fetch_macros(return_package_names_only=True, limit=100),
        "lineage": discovery.lineage_fetcher.fetch_lineage(MODEL, depth=1),
        "performance": performance.fetch_performance(unique_id=MODEL, num_runs=5, include_tests=True),
        "performance by name": performance.fetch_performance(name="fct_invoices", num_runs=20),
    }
    for kind, name in names.items():
        calls[f"details of a {kind}"] = details(AppliedResourceType(kind), unique_id=name)
    calls["details by name"] = details(AppliedResourceType.MODEL, name="fct_invoices")
    return calls


def of_admin() -> dict[str, Awaitable[Any]]:
    return {
        "account": admin.get_account(account),
        "user": admin.get_current_user(),
        "credentials": admin.list_user_credentials(1),
        "environment": admin.get_environment(ENVIRONMENT),
        "environments": admin.get_environments_for_project(101001),
        "projects": admin.list_projects(account),
        "jobs": admin.list_jobs(account, project_id=101001),
        "job": admin.get_job_details(account, 301001),
        "runs": admin.list_jobs_runs(account, limit=5, order_by="-id"),
        "failed": admin.list_jobs_runs(account, status=20),
        "run": admin.get_job_run_details(account, run, include_logs=True),
        "artifacts": admin.list_job_run_artifacts(account, run),
        "results": admin.get_job_run_artifact(account, run, "run_results.json", jq_filter=".results | length"),
        "manifest of a step": admin.get_job_run_artifact(
            account, run, "manifest.json", step=1, jq_filter=".metadata.project_name"
        ),
        "trigger": admin.trigger_job_run(account, 301001, "because"),
        "retry": admin.retry_job_run(account, run),
        "cancel": admin.cancel_job_run(account, run),
    }


async def session() -> dict[str, Any]:
    told = {}
    for name, call in (of_discovery() | of_admin()).items():
        try:
            told[name] = to_jsonable_python(await call)
        except Exception as error:
            told[name] = f"{type(error).__name__}: {error}"
    return told


sys.stdout.write(json.dumps(asyncio.run(session())) + "\n")

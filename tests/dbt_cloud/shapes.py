"""The account in dbt Cloud's shapes: rows of the Admin API, and what Discovery's schema is resolved from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from graphql import GraphQLError

from tests.dbt_cloud.account import ACCOUNT, AccountFacts, Environment, Job, Model, Result, Run

HUMANIZED = {1: "Queued", 3: "Running", 10: "Success", 20: "Error", 30: "Cancelled"}
# The words that the enum RunStatus of the applied state has.
APPLIED_WORDS = {"success", "error", "skipped", "warn"}
Node = dict[str, Any]


def written(moment: datetime | None, style: str = "space") -> str | None:
    """A time as dbt has been seen to write it."""
    if moment is None:
        return None
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        "space": f"{text}+00:00",
        "t": f"{text.replace(' ', 'T')}+00:00",
        "z": f"{text.replace(' ', 'T')[:-3]}Z",
        "none": text,
    }[style]


def project_row(number: int, name: str) -> Node:
    return {
        "id": number,
        "name": name,
        "account_id": ACCOUNT,
        "state": 1,
        "description": None,
        "type": 0,
        "repository_id": None,
        "dbt_project_subdirectory": None,
        "created_at": "2025-01-02T03:04:05.678901+00:00",
    }


def environment_row(one: Environment) -> Node:
    return {
        "id": one.id,
        "account_id": ACCOUNT,
        "project_id": one.project,
        "name": one.name,
        "type": one.kind,
        "deployment_type": one.deployment,
        "state": 1,
        "dbt_version": "latest",
        "raw_dbt_version": None,
        "custom_branch": None,
        "credentials_id": 7,
    }


def run_row(run: Run, style: str = "space") -> Node:
    started, finished = run.started, run.finished
    return {
        "id": run.id,
        "trigger_id": run.id + 1,
        "account_id": ACCOUNT,
        "environment_id": run.environment,
        "project_id": run.project,
        "job_id": run.job,
        "job_definition_id": run.job,
        "status": run.code,
        "status_humanized": HUMANIZED.get(run.code),
        "status_message": run.message,
        "dbt_version": "latest",
        "git_branch": "main",
        "git_sha": None,
        "created_at": written(started, style) or "2026-10-01 00:00:00+00:00",
        "started_at": written(started, style),
        "finished_at": written(finished, style),
        "duration": "00:00:00",
        "is_running": None,
        "trigger": None,
        "job": None,
        "environment": None,
        "run_steps": [],
        "href": f"https://ab123.us1.dbt.com/deploy/{ACCOUNT}/projects/{run.project}/runs/{run.id}/",
    }


def job_row(job: Job, facts: AccountFacts, style: str = "space") -> Node:
    runs = sorted((run for run in facts.runs if run.job == job.id), key=lambda run: run.id, reverse=True)
    completed = [run for run in runs if run.code in (10, 20, 30)]
    return {
        "id": job.id,
        "account_id": ACCOUNT,
        "project_id": job.project,
        "environment_id": job.environment,
        "name": job.name,
        "description": "",
        "job_type": job.kind,
        "execute_steps": ["dbt build"],
        "state": 1,
        "schedule": {"cron": "0 3 * * *", "date": {"type": "every_day"}, "time": {"type": "every_hour"}},
        "triggers": {"schedule": True, "github_webhook": False},
        "most_recent_run": run_row(runs[0], style) if runs else None,
        "most_recent_completed_run": run_row(completed[0], style) if completed else None,
        "lifecycle_webhooks": None,
    }


def applied_model(facts: AccountFacts, environment: Environment, model: Model) -> Node:
    return {
        "uniqueId": model.unique_id,
        "name": model.name,
        "packageName": model.package,
        "tags": list(model.tags),
        "materializedType": model.materialization,
        "filePath": f"models/{model.name}.sql",
        "resourceType": "model",
        "rawCode": "select 1",
        "compiledCode": None,
        "accountId": ACCOUNT,
        "environmentId": environment.id,
        "projectId": environment.project,
        "executionInfo": execution_info(facts, environment, model),
    }


def execution_info(facts: AccountFacts, environment: Environment, model: Model) -> Node | None:
    """The last attempt, and the last success with its times; null for a model that was never built."""
    history = facts.history(environment.id, model.unique_id)
    if not history:
        return None
    run, result = history[0]
    info: Node = {
        "lastRunId": run.id,
        "lastJobDefinitionId": run.job,
        "lastRunStatus": result.status if result.status in APPLIED_WORDS else None,
        "lastRunError": result.error,
        "lastRunGeneratedAt": written(run.finished, "z"),
    }
    successes = [(of, done) for of, done in history if done.status == "success"]
    if successes:
        of, done = successes[0]
        info |= {"lastSuccessRunId": of.id, "lastSuccessJobDefinitionId": of.job, **interval(of, done)}
    return info


def interval(run: Run, result: Result) -> Node:
    """Times of one execution: a run's models begin together, and compile for no time."""
    seconds = result.again if result.again is not None else result.seconds
    begin, end = written(run.started, "z"), written(run.finished, "z")
    return {
        "executionTime": seconds,
        "compileStartedAt": begin,
        "compileCompletedAt": begin,
        "executeStartedAt": begin,
        "executeCompletedAt": end,
    }


def run_model(run: Run, model: Model, result: Result | None, cursor: str | None = None) -> Node:
    """A ModelNode: a model in a run; without a result, as it stands in the manifest of a run that did not touch it."""
    node: Node = {
        "uniqueId": model.unique_id,
        "name": model.name,
        "packageName": model.package,
        "tags": list(model.tags),
        "materializedType": model.materialization,
        "resourceType": "model",
        "accountId": ACCOUNT,
        "environmentId": run.environment,
        "projectId": run.project,
        "jobId": run.job,
        "runId": run.id,
        "dependsOn": list(model.parents),
        "status": None,
        "runResults": [],
        "paginationCursor": cursor,
    }
    if result is None:
        return node
    generated = written(run.finished, "z")
    command = {"runGeneratedAt": generated, "runElapsedTime": 90.0, "status": result.status}
    return node | {
        "status": result.status,
        "error": result.error,
        "skip": False,
        "threadId": "Thread-1",
        "invocationId": f"i-{run.id}",
        "args": '{"which": "build"}',
        "runGeneratedAt": generated,
        "runElapsedTime": 90.0,
        "runResults": [command, command] if result.again is not None else [command],
        **interval(run, result),
    }


def connection(nodes: list[Node], arguments: Mapping[str, Any]) -> Node:
    """A page of an environment's list; cursors are opaque."""
    unique_ids = (arguments.get("filter") or {}).get("uniqueIds")
    kept = [node for node in nodes if unique_ids is None or node["uniqueId"] in unique_ids]
    tags = (arguments.get("filter") or {}).get("tags")
    kept = [node for node in kept if not tags or set(tags) & set(node["tags"])]
    start = int(arguments["after"][1:]) if arguments.get("after") else 0
    page = kept[start : start + (arguments.get("first") or 500)]
    end = start + len(page)
    return {
        "totalCount": len(kept),
        "pageInfo": {"hasNextPage": end < len(kept), "hasPreviousPage": start > 0, "endCursor": f"c{end}"},
        "edges": [{"cursor": f"c{start + n + 1}", "node": node} for n, node in enumerate(page)],
    }


def forbidden() -> GraphQLError:
    return GraphQLError("You do not have permission to perform this action")

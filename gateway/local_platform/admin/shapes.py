"""Rows of the archive as the Admin API shows them. What only dbt Cloud knows is null."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.local_platform.artifacts import RunArgs
from gateway.local_platform.command_names import step_name
from gateway.local_platform.rows import AnyRow
from gateway.local_platform.run_bundle import ERROR, SUCCESS
from gateway.local_platform.times import clock, iso_micros

_STATUS_NAMES = {1: "Queued", 2: "Starting", 3: "Running", 10: "Success", 20: "Error", 30: "Cancelled"}
_ACTIVE = 1


def account(row: AnyRow) -> dict[str, Any]:
    """An account."""
    return {"id": row.id, "name": row.name, "plan": None, "state": _ACTIVE, "created_at": None, "updated_at": None}


def project(row: AnyRow) -> dict[str, Any]:
    """A project."""
    return {
        "id": row.id,
        "account_id": row.account_id,
        "name": row.name,
        "description": None,
        "dbt_project_subdirectory": None,
        "type": 0,
        "state": _ACTIVE,
        "docs_job_id": None,
        "freshness_job_id": None,
        "connection_id": None,
        "repository_id": None,
        "created_at": None,
        "updated_at": None,
    }


def environment(row: AnyRow) -> dict[str, Any]:
    """An environment."""
    return {
        "id": row.id,
        "account_id": row.account_id,
        "project_id": row.project_id,
        "name": row.name,
        "type": row.type or "deployment",
        "deployment_type": row.deployment_type,
        "dbt_version": None,
        "raw_dbt_version": None,
        "use_custom_branch": False,
        "custom_branch": None,
        "state": _ACTIVE,
        "credentials_id": None,
        "connection_id": None,
        "created_at": None,
        "updated_at": iso_micros(row.updated_at),
    }


def job(row: AnyRow) -> dict[str, Any]:
    """A job without its related things."""
    details = msgspec.json.decode(row.details)
    schedule = details.get("schedule")
    return {
        "id": row.id,
        "account_id": row.account_id,
        "project_id": row.project_id,
        "environment_id": row.environment_id,
        "name": row.name,
        "description": "",
        "dbt_version": None,
        "execute_steps": details.get("execute_steps") or [],
        "job_type": row.job_type or "other",
        "triggers": {
            "github_webhook": row.job_type == "ci",
            "git_provider_webhook": False,
            "schedule": schedule is not None,
            "on_merge": row.job_type == "merge",
        },
        "settings": {"threads": None, "target_name": None},
        "execution": {"timeout_seconds": 0},
        "schedule": schedule,
        "generate_docs": False,
        "run_generate_sources": False,
        "deferring_environment_id": None,
        "state": _ACTIVE,
        "created_at": None,
        "updated_at": None,
    }


def run(row: AnyRow) -> dict[str, Any]:
    """A run without its related things."""
    done = row.status >= 10
    queued, running = _seconds(row.created_at, row.started_at), _seconds(row.started_at, row.finished_at)
    return {
        "id": row.id,
        "trigger_id": None,
        "account_id": row.account_id,
        "project_id": row.project_id,
        "environment_id": row.environment_id,
        "job_definition_id": row.job_id,
        "job_id": row.job_id,
        "status": row.status,
        "status_humanized": _STATUS_NAMES.get(row.status, "Unknown"),
        "status_message": msgspec.json.decode(row.details).get("status_message"),
        "dbt_version": row.dbt_version,
        "git_branch": row.git_branch,
        "git_sha": row.git_sha,
        "created_at": iso_micros(row.created_at),
        "updated_at": iso_micros(row.finished_at or row.started_at or row.created_at),
        "dequeued_at": iso_micros(row.dequeued_at),
        "started_at": iso_micros(row.started_at),
        "finished_at": iso_micros(row.finished_at),
        "in_progress": not done,
        "is_complete": done,
        "is_success": row.status == 10,
        "is_error": row.status == 20,
        "is_cancelled": row.status == 30,
        "is_running": row.status == 3,
        "duration": clock(_seconds(row.created_at, row.finished_at)),
        "queued_duration": clock(queued),
        "run_duration": clock(running),
        "artifacts_saved": done,
        "href": None,
    }


def trigger(row: AnyRow) -> dict[str, Any]:
    """Why a run started."""
    found: dict[str, Any] = msgspec.json.decode(row.details).get("trigger") or {}
    return {"cause": found.get("cause"), "cause_category": found.get("cause_category"), "git_branch": row.git_branch}


def recorded_steps(row: AnyRow) -> list[dict[str, Any]]:
    """The steps of a run as its orchestrator recorded them."""
    steps = msgspec.json.decode(row.details).get("run_steps") or []
    return [_step(row.id, index, step) for index, step in enumerate(steps, start=1)]


def derived_step(run_id: int, invocation: AnyRow) -> dict[str, Any]:
    """A step that nobody recorded, from the invocation's own artifacts; one that was cancelled passes for another."""
    ended = invocation.generated_at
    began = ended - int((invocation.elapsed or 0) * 1_000_000)
    args = msgspec.json.decode(invocation.args, type=RunArgs) if invocation.args else RunArgs()
    outcome = {"index": invocation.step, "status": ERROR if invocation.failed else SUCCESS}
    step = {**outcome, "name": step_name(invocation.command, args)}
    return _step(run_id, invocation.step, {**step, "started_at": iso_micros(began), "finished_at": iso_micros(ended)})


def _step(run_id: int, number: int, step: dict[str, Any]) -> dict[str, Any]:
    status = step.get("status") if isinstance(step.get("status"), int) else 1
    return {
        "id": run_id * 100 + number,
        "run_id": run_id,
        "index": step.get("index") or number,
        "name": step.get("name"),
        "status": status,
        "status_humanized": step.get("status_humanized") or _STATUS_NAMES.get(status or 1, "Unknown"),
        "started_at": step.get("started_at"),
        "finished_at": step.get("finished_at"),
        "logs": None,
        "debug_logs": None,
        "truncated_debug_logs": None,
    }


def _seconds(began: int | None, ended: int | None) -> float | None:
    return None if began is None or ended is None else (ended - began) / 1_000_000

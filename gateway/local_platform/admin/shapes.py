"""Rows of the archive as the Admin API shows them. What only dbt Cloud knows is null."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import CATALOG, SOURCES, read_args
from gateway.archive.artifacts.command_names import step_name
from gateway.archive.artifacts.run_bundle import CANCELLED, ENDED, ERROR, STATUS_NAMES, SUCCESS
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import clock, iso_micros, moved, parse_micros, spoken
from gateway.local_platform.admin.lifetimes import Lifetime
from gateway.local_platform.admin.schedules import cron_of, due_times, schedule_shape

_ACTIVE = 1
STEPS_PER_RUN = 100  # the id of a step contains that of its run
MOST_TRUNCATED = 10_000  # characters, the last ones of a log


# An archive knows nobody: whoever holds the token is this one.
ONLY_USER = {
    "id": 1,
    "state": _ACTIVE,
    "name": "Local platform",
    "first_name": "Local",
    "last_name": "platform",
    "email": None,
    "is_active": True,
    "is_staff": False,
    "created_at": None,
}


def account(row: AnyRow) -> dict[str, Any]:
    """An account."""
    return {
        "id": row.id,
        "name": row.name,
        "plan": None,
        "state": _ACTIVE,
        "run_slots": None,
        "run_duration_limit_seconds": None,
        "queue_limit": None,
        "identifier": None,
        "static_subdomain": None,
        "vanity_subdomain": None,
        "created_at": None,
        "updated_at": None,
    }


def project(row: AnyRow, lifetime: Lifetime) -> dict[str, Any]:
    """A project without its related things."""
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
        "semantic_layer_config_id": None,
        "connection_id": None,
        "repository_id": None,
        "created_at": iso_micros(lifetime.created_at),
        "updated_at": iso_micros(lifetime.updated_at),
    }


def environment(row: AnyRow, lifetime: Lifetime) -> dict[str, Any]:
    """An environment. Its dbt version is that of its newest run."""
    return {
        "id": row.id,
        "account_id": row.account_id,
        "project_id": row.project_id,
        "name": row.name,
        "type": row.type or "deployment",
        "deployment_type": row.deployment_type,
        "dbt_version": lifetime.dbt_version,
        "raw_dbt_version": lifetime.dbt_version,
        "use_custom_branch": False,
        "custom_branch": None,
        "state": _ACTIVE,
        "is_deferrable": False,
        "enable_dbt_state": False,
        "enable_model_query_history": False,
        "credentials_id": None,
        "connection_id": None,
        "primary_profile_id": None,
        "created_at": iso_micros(lifetime.created_at),
        "updated_at": iso_micros(row.updated_at),
    }


def job(row: AnyRow, lifetime: Lifetime) -> dict[str, Any]:
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
        "raw_dbt_version": lifetime.dbt_version,
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
        "schedule": schedule_shape(schedule),
        **due_times(cron_of(schedule), datetime.now(UTC)),
        "generate_docs": False,
        "run_generate_sources": False,
        "deferring_environment_id": None,
        "is_deferrable": False,
        "run_failure_count": 0,
        "deactivated": False,
        "state": _ACTIVE,
        "created_at": iso_micros(lifetime.created_at),
        "updated_at": iso_micros(lifetime.updated_at),
    }


def run(row: AnyRow, files: Collection[str]) -> dict[str, Any]:
    """A run whose related things nobody asked for; `files` are the names of the artifacts it left."""
    details = msgspec.json.decode(row.details)
    return {
        "id": row.id,
        "trigger_id": row.id,
        "account_id": row.account_id,
        "project_id": row.project_id,
        "environment_id": row.environment_id,
        "job_definition_id": row.job_id,
        "job_id": row.job_id,
        "status_message": details.get("status_message"),
        "href": details.get("href"),
        "dbt_version": row.dbt_version,
        "git_branch": row.git_branch,
        "git_sha": row.git_sha,
        **_outcome(row.status),
        **_times(row),
        "has_docs_generated": CATALOG in files,
        "has_sources_generated": SOURCES in files,
        "notifications_sent": False,
        "blocked_by": [],
        "can_retry": False,
        **dict.fromkeys((*_CLOUD_ONLY_OF_RUNS, *_RELATED_OF_RUNS)),
        "run_steps": [],
    }


_RELATED_OF_RUNS = ("trigger", "job", "environment")
_CLOUD_ONLY_OF_RUNS = (
    "artifact_s3_path",
    "deferring_run_id",
    "executed_by_thread_id",
    "last_checked_at",
    "last_heartbeat_at",
    "owner_thread_id",
    "retry_not_supported_reason",
    "retrying_run_id",
    "should_start_at",
    "used_repo_cache",
)


def _outcome(status: int) -> dict[str, Any]:
    done = status in ENDED
    return {
        "status": status,
        "status_humanized": STATUS_NAMES.get(status, "Unknown"),
        "in_progress": not done,
        "is_complete": done,
        "is_success": status == SUCCESS,
        "is_error": status == ERROR,
        "is_cancelled": status == CANCELLED,
        "is_running": status == 3,
        "artifacts_saved": done,
    }


def _times(row: AnyRow) -> dict[str, Any]:
    moments = {name: getattr(row, name) for name in ("created_at", "dequeued_at", "started_at", "finished_at")}
    durations = {
        "duration": _seconds(row.created_at, row.finished_at),
        "queued_duration": _seconds(row.created_at, row.started_at),
        "run_duration": _seconds(row.started_at, row.finished_at),
    }
    return {
        **{name: iso_micros(moment) for name, moment in moments.items()},
        "updated_at": iso_micros(row.finished_at or row.started_at or row.created_at),
        "created_at_humanized": _ago(row.created_at),
        "finished_at_humanized": _ago(row.finished_at),
        **{name: clock(seconds) for name, seconds in durations.items()},
        **{f"{name}_humanized": spoken(seconds) for name, seconds in durations.items()},
    }


def _ago(moment: int | None) -> str | None:
    return None if moment is None else f"{spoken(time.time() - moment / 1_000_000)} ago"


def trigger(row: AnyRow, commands: list[str] | None = None) -> dict[str, Any]:
    """Why a run started, and which `commands` it ran in the place of its job's steps."""
    trigger: dict[str, Any] = msgspec.json.decode(row.details).get("trigger") or {}
    shown = {
        "cause": trigger.get("cause"),
        "cause_category": trigger.get("cause_category"),
        "git_branch": row.git_branch,
    }
    return {**shown, "steps_override": commands}


def recorded_steps(row: AnyRow, logs: Mapping[int, str]) -> list[dict[str, Any]]:
    """The steps of a run as its orchestrator recorded them, with the log of each by its number."""
    steps = msgspec.json.decode(row.details).get("run_steps") or []
    return [_step(row, index, step, logs.get(index)) for index, step in enumerate(steps, start=1)]


def derived_step(run: AnyRow, invocation: AnyRow, log: str | None) -> dict[str, Any]:
    """A step that nobody recorded, from the invocation's own artifacts; one that was cancelled passes for another."""
    ended = invocation.generated_at
    began = None if invocation.elapsed is None else moved(ended, -invocation.elapsed)
    args = read_args(invocation.args)
    outcome = {"index": invocation.step, "status": ERROR if invocation.failed else SUCCESS}
    step = {**outcome, "name": step_name(invocation.command, args)}
    times = {"started_at": iso_micros(began), "finished_at": iso_micros(ended)}
    return _step(run, invocation.step, {**step, **times}, log)


def _step(run: AnyRow, number: int, step: dict[str, Any], log: str | None) -> dict[str, Any]:
    status = step.get("status") if isinstance(step.get("status"), int) else 1
    began, ended = step.get("started_at"), step.get("finished_at")
    seconds = _seconds(parse_micros(began), parse_micros(ended))
    return {
        "id": run.id * STEPS_PER_RUN + number,
        "run_id": run.id,
        "account_id": run.account_id,
        "index": step.get("index") or number,
        "name": step.get("name"),
        "status": status,
        "status_humanized": step.get("status_humanized") or STATUS_NAMES.get(status or 1, "Unknown"),
        "status_color": None,
        "created_at": began,
        "updated_at": ended or began,
        "started_at": began,
        "finished_at": ended,
        "duration": clock(seconds),
        "duration_humanized": spoken(seconds),
        "run_step_command": None,
        "logs": log,
        "log_path": None,
        "debug_logs": log,
        "debug_log_path": None,
        "truncated_debug_logs": None if log is None else log[-MOST_TRUNCATED:],
    }


def _seconds(began: int | None, ended: int | None) -> float | None:
    return None if began is None or ended is None else (ended - began) / 1_000_000

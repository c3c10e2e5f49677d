"""The rows of an export, read from a SQLite archive by hand: plain `select *` of its tables, joined in Python."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]
STATUS = {1: "queued", 2: "starting", 3: "running", 10: "success", 20: "error", 30: "cancelled"}
TABLES = ("runs", "invocations", "results", "freshness", "resources", "texts", "jobs", "projects", "environments")


def moment(micros: int | None) -> datetime | None:
    """The time in UTC."""
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def month(micros: int | None) -> str | None:
    """The month of UTC, None where there is no time."""
    at = moment(micros)
    return at and at.strftime("%Y-%m")


class Expected:
    """Rows by table, each with the columns of its folders."""

    def __init__(self, store: str) -> None:
        with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = sqlite3.Row
            names = (*TABLES, "runtime_changes")
            self._all = {
                name: [dict(row) for row in connection.execute(f"select * from {name}")]  # noqa: S608
                for name in names
            }
        self._texts = {row["id"]: row["body"] for row in self._all["texts"]}
        self._resources = {row["id"]: row for row in self._all["resources"]}
        self._commands = {row["id"]: row for row in self._all["invocations"]}

    def of(self, table: str) -> list[Row]:
        """The rows of a table, in no order."""
        rows: list[Row] = list(getattr(self, f"_{table}")())
        return rows

    def _runs(self) -> Iterable[Row]:
        for run in self._all["runs"]:
            started, finished = moment(run["started_at"]), moment(run["finished_at"])
            yield {
                **_kept(run, "job_id account_id project_id trigger git_branch git_sha dbt_version environment_id"),
                **_times(run, "created_at dequeued_at started_at finished_at ingested_at"),
                "run_id": run["id"],
                "status": STATUS[run["status"]],
                "runtime_seconds": (finished - started).total_seconds() if started and finished else None,
                "month": month(run["created_at"]),
            }

    def _invocations(self) -> Iterable[Row]:
        for command in self._all["invocations"]:
            yield {
                **_kept(command, "run_id job_id step command variant threads model_results dbt_version environment_id"),
                "started_at": moment(command["started_at"]),
                "invocation_id": command["uuid"],
                "executes": bool(command["executing"]),
                "deploys": bool(command["deploys"]),
                "failed": bool(command["failed"]),
                "ended_at": moment(command["generated_at"]),
                "elapsed_seconds": command["elapsed"],
                "args": self._texts.get(command["args_id"]),
                "month": month(command["generated_at"]),
            }

    def _node_results(self) -> Iterable[Row]:
        for result in self._all["results"]:
            yield {
                **self._about(result),
                **_times(result, "compile_started_at compile_completed_at execute_started_at execute_completed_at"),
                **_kept(result, "failures rows_affected bytes_billed adapter_response"),
                "message": self._texts.get(result["message_id"]),
                "is_final": bool(result["final"]),
                "builds": bool(result["builds"]),
                "is_freshness_check": False,
                **dict.fromkeys(("max_loaded_at", "snapshotted_at", "age_seconds")),
            }
        newest: dict[tuple[int, int], int] = defaultdict(int)
        for check in self._all["freshness"]:
            key = check["run_id"], check["resource_id"]
            newest[key] = max(newest[key], check["generated_at"])
        for check in self._all["freshness"]:
            yield {
                **self._about(check),
                **dict.fromkeys(("compile_started_at", "compile_completed_at", "failures", "rows_affected")),
                **dict.fromkeys(("bytes_billed", "adapter_response")),
                "execute_started_at": moment(check["started_at"]),
                "execute_completed_at": moment(check["completed_at"]),
                "message": self._texts.get(check["error_id"]),
                "is_final": check["generated_at"] == newest[check["run_id"], check["resource_id"]],
                "builds": False,
                "is_freshness_check": True,
                **_times(check, "max_loaded_at snapshotted_at"),
                "age_seconds": check["age"],
            }

    def _about(self, row: Row) -> Row:
        resource, command = self._resources[row["resource_id"]], self._commands[row["invocation_id"]]
        return {
            **_kept(row, "run_id status"),
            **_kept(command, "job_id step"),
            "unique_id": resource["unique_id"],
            "resource_type": resource["unique_id"].split(".")[0],
            "environment_id": resource["environment_id"],
            "invocation_id": command["uuid"],
            "execution_seconds": row["execution_time"],
            "invocation_ended_at": moment(row["generated_at"]),
            "thread": self._texts.get(row["thread_id"]),
            "deploys": bool(row["deploys"]),
            "month": month(row["generated_at"]),
        }

    def _change_points(self) -> Iterable[Row]:
        for change in self._all["runtime_changes"]:
            resource = self._resources.get(change["resource_id"])
            yield {
                **_kept(change, "job_id last_run_id first_run_id seconds_per_day chance environment_id"),
                **_times(change, "since confirmed_at withdrawn_at"),
                "unique_id": resource["unique_id"] if resource else None,
                "before_seconds": change["before"],
                "after_seconds": change["after"],
                "month": month(change["since"]),
            }

    def _jobs(self) -> Iterable[Row]:
        projects = {row["id"]: row for row in self._all["projects"]}
        places = {row["id"]: row for row in self._all["environments"]}
        for job in self._all["jobs"]:
            details, place = json.loads(job["details"]), places[job["environment_id"]]
            yield {
                **_kept(job, "name account_id project_id environment_id job_type"),
                "job_id": job["id"],
                "project_name": projects[job["project_id"]]["name"],
                "environment_name": place["name"],
                "deployment_type": place["deployment_type"],
                "execute_steps": json.dumps(details["execute_steps"], separators=(",", ":"), ensure_ascii=False),
                "cron": (details.get("schedule") or {}).get("cron"),
            }


def _kept(row: Row, names: str) -> Row:
    return {name: row[name] for name in names.split()}


def _times(row: Row, names: str) -> Row:
    return {name: moment(row[name]) for name in names.split()}

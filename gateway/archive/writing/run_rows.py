"""A run's own row, and what its invocations change about it and about its environment."""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, exists, insert, or_, select, update

from gateway.archive.artifacts.records import RunRecord
from gateway.archive.artifacts.run_bundle import ENDED, ERROR, SUCCESS, RunBundle, status_code
from gateway.archive.tables.run_tables import environments, invocations, jobs, results, runs
from gateway.archive.times import moved, parse_micros

_CI_TRIGGERS = ("pull_request", "merge_request")


def store_run(connection: Connection, bundle: RunBundle) -> tuple[bool, bool]:
    """Inserts or updates the run's own row. Returns whether it is new and whether its facts changed."""
    digest = hashlib.blake2b(msgspec.json.encode(bundle.record), digest_size=16).digest()
    stored = connection.scalar(select(runs.c.facts_digest).where(runs.c.id == bundle.owner.run_id))
    if stored is not None and (bytes(stored) == digest or bundle.owner.inferred):
        return False, False
    row = {**_run_row(bundle), "facts_digest": digest, "ingested_at": time.time_ns() // 1000}
    if stored is None:
        connection.execute(insert(runs).values(row))
    else:
        connection.execute(update(runs).where(runs.c.id == bundle.owner.run_id).values(row))
    return stored is None, True


def _run_row(bundle: RunBundle) -> dict[str, Any]:
    owner, record = bundle.owner, bundle.record
    started, finished = parse_micros(record.started_at), parse_micros(record.finished_at)
    details: dict[str, Any] = {
        "trigger": record.trigger,
        "run_steps": record.run_steps,
        "status_message": record.status_message,
    }
    details |= {"href": record.href} if is_shown_in_browsers(record.href) else {}
    return {
        "id": owner.run_id,
        "account_id": owner.account_id,
        "project_id": owner.project_id,
        "environment_id": owner.environment_id,
        "job_id": owner.job_id,
        "inferred": owner.inferred,
        "status": status_code(record.status) or _worst_status(bundle),
        "created_at": parse_micros(record.created_at) or started or finished,
        "dequeued_at": parse_micros(record.dequeued_at),
        "started_at": started,
        "finished_at": finished,
        "git_sha": record.git_sha,
        "git_branch": record.git_branch or record.trigger.git_branch,
        "trigger": owner.trigger,
        "dbt_version": record.dbt_version or next((step.invocation.dbt_version for step in bundle.steps), None),
        "details": msgspec.json.encode(details).decode(),
    }


def is_shown_in_browsers(url: str | None) -> bool:
    """Whether clients may link to it; what is no web address is left out."""
    return url is not None and url.startswith(("https://", "http://"))


def _worst_status(bundle: RunBundle) -> int:
    return ERROR if any(step.invocation.failed for step in bundle.steps) else SUCCESS


def is_inferred(connection: Connection, run_id: int) -> bool:
    """Whether no orchestrator has described the run by now."""
    return bool(connection.scalar(select(runs.c.inferred).where(runs.c.id == run_id)))


def complete_run(connection: Connection, run_id: int, record: RunRecord) -> None:
    """Times and status that `record` does not say, from all of the run's invocations that are known by now."""
    rows = connection.execute(
        select(invocations.c.failed, invocations.c.generated_at, invocations.c.elapsed).where(
            invocations.c.run_id == run_id
        )
    ).all()
    if not rows:
        return
    status = status_code(record.status) or (ERROR if any(row.failed for row in rows) else SUCCESS)
    began = min(moved(row.generated_at, -(row.elapsed or 0)) for row in rows)
    ended = max(row.generated_at for row in rows) if status in ENDED else None
    timed = len(rows) > 1 or any(row.elapsed is not None for row in rows)
    started = parse_micros(record.started_at) or (began if timed else None)
    times = {
        "created_at": parse_micros(record.created_at) or started or began,
        "started_at": started,
        "finished_at": parse_micros(record.finished_at) or ended,
    }
    connection.execute(update(runs).where(runs.c.id == run_id).values(status=status, **times))


def mark_final(connection: Connection, run_id: int) -> None:
    """Of several results of one node in one run only the last stands for the run."""
    keys = list(
        connection.scalars(select(invocations.c.id).where(invocations.c.run_id == run_id, invocations.c.executing))
    )
    if len(keys) < 2:
        alone = results.c.invocation_id.in_(keys), ~results.c.final
        connection.execute(update(results).where(*alone).values(final=True))
        return
    later = results.alias("later")
    superseded = exists().where(
        later.c.resource_id == results.c.resource_id,
        later.c.run_id == results.c.run_id,
        or_(
            later.c.generated_at > results.c.generated_at,
            and_(later.c.generated_at == results.c.generated_at, later.c.id > results.c.id),
        ),
    )
    connection.execute(update(results).where(results.c.invocation_id.in_(keys)).values(final=~superseded))


def touch_environment(connection: Connection, environment_id: int, times: list[int]) -> None:
    """Moves the environment's revision, and its time too: by a millisecond where an older run arrived late."""
    old = connection.scalar(select(environments.c.updated_at).where(environments.c.id == environment_id))
    newest = max(times)
    updated = newest if old is None or newest > old else moved(old, 0.001)
    values = {"updated_at": updated, "revision": environments.c.revision + 1}
    connection.execute(update(environments).where(environments.c.id == environment_id).values(values))


def deploys(connection: Connection, bundle: RunBundle) -> bool:
    """Whether the run may change the environment's applied state: every run but those of CI jobs, and those that a
    proposed change started where account.json does not say what the job is."""
    job = connection.execute(select(jobs.c.job_type, jobs.c.inferred).where(jobs.c.id == bundle.owner.job_id)).one()
    if job.job_type is not None and not job.inferred:
        return bool(job.job_type != "ci")
    return not is_proposed(bundle.owner.trigger)


def is_proposed(category: str | None) -> bool:
    """Whether a proposed change started a run, by the category of its trigger."""
    category_text = (category or "").lower()
    return "ci" in re.split(r"[^a-z0-9]+", category_text) or any(word in category_text for word in _CI_TRIGGERS)


def infer_job_kinds(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """Says which jobs are CI where account.json does not: those all of whose runs a proposed change started.

    `conditions` choose among the jobs.
    """
    of_job = select(invocations.c.id).where(invocations.c.job_id == jobs.c.id)
    is_ci = and_(of_job.exists(), ~of_job.where(invocations.c.deploys).exists())
    values = {"job_type": case((is_ci, "ci"))}
    connection.execute(update(jobs).where(jobs.c.inferred, *conditions).values(values))

"""What the roll-ups of an archive must say, computed from its rows alone, by the rules of docs/hierarchy.md.

It imports the tables of the archive and nothing else of the gateway.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, select

from gateway.archive.tables.run_tables import freshness, invocations, jobs, nodes, resources, results

EXECUTED = {"success", "pass", "warn", "error", "fail", "runtime error", "partial success"}
FAILED = {"error", "fail", "runtime error", "partial success"}
SKIPPED = {"skipped", "no-op", "queued", "starting", "running"}


@dataclass(frozen=True)
class Entry:
    """One result that stands for its run."""

    resource: int
    at: int
    run: int
    key: int
    status: str
    seconds: float | None
    variant: str | None
    ci: bool
    incremental: bool

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.at // 1_000_000, UTC).date()

    def reason(self, full_refresh: bool = False, ci: bool = False, failed: bool = False) -> str | None:
        """Why it does not count."""
        if self.status == "cancelled" or self.status == "reused":
            return self.status
        if self.status in SKIPPED:
            return "notExecuted"
        if self.status not in EXECUTED:
            return "unknown"
        if self.seconds is None or not 0 <= self.seconds <= 1e9:
            return "notExecuted"
        if self.status in FAILED and not failed:
            return "failed"
        if self.variant in ("clone", "empty", "sample"):
            return self.variant
        if self.ci and not ci:
            return "ci"
        if self.variant == "full_refresh" and self.incremental and not full_refresh:
            return "fullRefresh"
        return None


def histories(connection: Connection) -> dict[int, list[Entry]]:
    """The results of every resource that stand for their runs, newest first, by its key."""
    found: dict[int, list[Entry]] = defaultdict(list)
    for entry in [*_results(connection), *_checks(connection)]:
        found[entry.resource].append(entry)
    for entries in found.values():
        entries.sort(key=lambda one: (one.at, one.run, one.key), reverse=True)
    return found


def _results(connection: Connection) -> Iterable[Entry]:
    wanted = (results, invocations.c.variant, invocations.c.args_id, jobs.c.job_type, jobs.c.details, nodes.c.content)
    query = (
        select(*wanted)
        .select_from(results)
        .join(invocations, invocations.c.id == results.c.invocation_id)
        .join(jobs, jobs.c.id == invocations.c.job_id)
        .outerjoin(nodes, nodes.c.id == results.c.node_id)
    )
    last: dict[tuple[int, int], Any] = {}
    for row in connection.execute(query).all():
        place = (row.run_id, row.resource_id)
        if place not in last or (row.generated_at, row.id) > (last[place].generated_at, last[place].id):
            last[place] = row
    for row in last.values():
        if row.status is not None:
            config = json.loads(row.content)["config"] if row.content else {}
            yield _entry(row, row.execution_time, str(config.get("materialized")).lower() == "incremental")


def _checks(connection: Connection) -> Iterable[Entry]:
    wanted = (freshness, invocations.c.variant, invocations.c.args_id, jobs.c.job_type, jobs.c.details)
    query = (
        select(*wanted)
        .select_from(freshness)
        .join(invocations, invocations.c.id == freshness.c.invocation_id)
        .join(jobs, jobs.c.id == invocations.c.job_id)
    )
    for row in connection.execute(query):
        if row.status is not None:
            yield _entry(row, row.execution_time, incremental=False)


def _entry(row: Any, seconds: float | None, incremental: bool) -> Entry:
    steps = " ".join(json.loads(row.details).get("execute_steps") or []).split()
    by_steps = "full_refresh" if {"--full-refresh", "-f"} & set(steps) else None
    return Entry(
        resource=row.resource_id,
        at=row.generated_at,
        run=row.run_id,
        key=row.id,
        status=row.status.strip().lower(),
        seconds=seconds,
        variant=row.variant if row.args_id is not None else by_steps,
        ci=row.job_type in ("ci", "merge"),
        incremental=incremental,
    )


def last_runtimes(history: Iterable[Entry], count: int, **scope: bool) -> tuple[list[float], dict[str, int]]:
    """The newest `count` runtimes that count, and what was left out to find them."""
    found: list[float] = []
    left_out: Counter[str] = Counter()
    for entry in history:
        if len(found) == count:
            break
        reason = entry.reason(**scope)
        if reason is None:
            found.append(entry.seconds or 0.0)
        else:
            left_out[reason] += 1
    return found, dict(left_out)


@dataclass(frozen=True)
class Day:
    """What a resource did on a day."""

    runtimes: tuple[float, ...]
    failures: int
    reused: int

    @property
    def total(self) -> float:
        return math.fsum(self.runtimes)


def days(history: Iterable[Entry]) -> dict[date, Day]:
    """What a resource did, by day of UTC."""
    found: dict[date, list[Entry]] = defaultdict(list)
    for entry in history:
        found[entry.day].append(entry)
    return {
        day: Day(
            tuple(sorted(one.seconds or 0.0 for one in entries if one.reason() is None)),
            sum(one.status in FAILED for one in entries),
            sum(one.status == "reused" for one in entries),
        )
        for day, entries in found.items()
    }


def all_resources(connection: Connection) -> dict[int, str]:
    """Unique ids by key."""
    query = select(resources.c.id, resources.c.unique_id)
    return dict(connection.execute(query).all())


def last_successes(connection: Connection) -> dict[tuple[int, str], float | None]:
    """The execution time of the last success of every model that has results, by environment and unique id."""
    commands = connection.execute(
        select(invocations.c.environment_id, invocations.c.deploys).where(invocations.c.manifest_id.is_not(None))
    ).all()
    deploying = {command.environment_id for command in commands if command.deploys}
    names = connection.execute(select(resources).where(resources.c.kind == "model")).all()
    found: dict[tuple[int, str], float | None] = {}
    for resource in names:
        rows = connection.execute(select(results).where(results.c.resource_id == resource.id)).all()
        of_state = [row for row in rows if row.deploys == (resource.environment_id in deploying)]
        good = [row for row in of_state if row.status in ("success", "pass", "warn") and row.final and row.builds]
        newest = max(good, key=lambda row: (row.generated_at, row.run_id), default=None)
        if rows:
            found[resource.environment_id, resource.unique_id] = newest.execution_time if newest else None
    return found

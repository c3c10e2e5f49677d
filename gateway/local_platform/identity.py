"""Which account, project, environment, job and run an invocation belongs to.

Numbers that dbt Cloud or an orchestrator gave are kept. What nobody numbered gets a number derived from its name, so
that reading the same files again, or on another machine, gives the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.local_platform.invocation import Invocation
from gateway.local_platform.records import Identifier, RunRecord

_CLOUD = "DBT_CLOUD_"
LOCAL_ACCOUNT = "Local dbt"


@dataclass(frozen=True)
class Owner:
    """The ids and names a run is filed under. `inferred`: no orchestrator named the run."""

    account_id: int
    project_id: int
    project_name: str
    environment_id: int
    environment_name: str
    job_id: int
    job_name: str
    run_id: int
    trigger: str | None
    inferred: bool


def stable_id(*parts: object) -> int:
    """A positive number below 2**48 that depends on `parts` alone."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) or 1


def numeric(identifier: Identifier, *scope: object) -> int | None:
    """The identifier as a number: numbers and digits as they are, other text as a stable id within `scope`."""
    if identifier is None or identifier == "":
        return None
    if isinstance(identifier, int):
        return identifier
    return int(identifier) if identifier.isdecimal() and len(identifier) < 19 else stable_id(*scope, identifier)


def owner_of(invocation: Invocation, record: RunRecord, account_id: int | None) -> Owner:
    """Files an invocation: run.json first, then its artifacts' own environment, then what can be derived."""
    cloud = _cloud_values(invocation.env)

    def known(given: Identifier, key: str) -> int | None:
        number = numeric(given, key)
        return number if number is not None else numeric(cloud.get(key), key)

    project_name = record.project_name or invocation.project_name or "unknown"
    account = known(record.account_id, "ACCOUNT_ID") or account_id or stable_id("account", LOCAL_ACCOUNT)
    project = known(record.project_id, "PROJECT_ID") or stable_id(account, "project", project_name)
    environment_name = record.environment_name or invocation.target or "default"
    environment = known(record.environment_id, "ENVIRONMENT_ID") or stable_id(project, "environment", environment_name)
    job_name = record.job_name or invocation.title
    given_job = record.job_definition_id if record.job_definition_id is not None else record.job_id
    run = known(record.id, "RUN_ID")
    return Owner(
        account_id=account,
        project_id=project,
        project_name=project_name,
        environment_id=environment,
        environment_name=environment_name,
        job_id=known(given_job, "JOB_ID") or stable_id(environment, "job", job_name),
        job_name=job_name,
        run_id=run or stable_id(environment, "run", invocation.uuid),
        trigger=record.trigger.cause_category or cloud.get("RUN_REASON_CATEGORY"),
        inferred=record.id is None,
    )


def _cloud_values(env: Mapping[str, Any]) -> dict[str, str]:
    return {key.removeprefix(_CLOUD): str(value) for key, value in env.items() if key.startswith(_CLOUD)}

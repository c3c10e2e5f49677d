"""Which account, project, environment, job and run an invocation belongs to.

Numbers that dbt Cloud or an orchestrator gave are kept. What nobody numbered gets a number derived from its name, so
that reading the same files again, or on another machine, gives the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.records import PULL_REQUEST, Identifier, RunRecord

_CLOUD = "DBT_CLOUD_"
LOCAL_ACCOUNT = "Local dbt"


@dataclass(frozen=True)
class Owner:
    """The ids and names a run is filed under.

    `inferred`: no orchestrator described the run. `named`: which of `project`, `environment` and `job` it names itself.
    """

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
    named: frozenset[str] = frozenset()


def stable_id(*parts: object) -> int:
    """A positive number below 2**48 that depends on `parts` alone."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) or 1


def numeric(identifier: Identifier, *scope: object) -> int | None:
    """The identifier as a number: numbers and digits as they are, what can be no id as a stable one within `scope`.

    Jobs and environments are told apart within their project, runs within their job: schedulers call the runs of many
    jobs alike, by the time they were due.
    """
    if identifier in (None, "", 0):
        return None
    if isinstance(identifier, int):
        return identifier if 0 < identifier < 2**63 else stable_id(*scope, identifier)
    return int(identifier) if _is_number(identifier) else stable_id(*scope, identifier)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


def owner_of(
    invocation: Invocation,
    record: RunRecord,
    account_id: int | None,
    *,
    described: bool | None = None,
    project: str | None = None,
) -> Owner:
    """Files an invocation: `record` first, then its artifacts' own environment, then what can be derived.

    `described`: whether `record` comes from who ran it, as it does when it says anything at all. `project`: its
    name where neither `record` nor a manifest reports one.
    """
    cloud = _cloud_values(invocation.env)

    def identifier_of(identifier: Identifier, key: str) -> Identifier:
        return cloud.get(key) if identifier in (None, "", 0) else identifier

    def known(identifier: Identifier, key: str, *scope: int) -> int | None:
        return numeric(identifier_of(identifier, key), *scope, key)

    named_project = record.project_name or invocation.manifest_project or project or invocation.project_name
    project_name = named_project or "unknown"
    account = known(record.account_id, "ACCOUNT_ID") or account_id or stable_id("account", LOCAL_ACCOUNT)
    project_id = known(record.project_id, "PROJECT_ID") or stable_id(account, "project", project_name)
    environment_name = record.environment_name or invocation.target or "default"
    given_environment = known(record.environment_id, "ENVIRONMENT_ID", project_id)
    environment = given_environment or stable_id(project_id, "environment", environment_name)
    given_job = identifier_of(record.job_definition_id or record.job_id, "JOB_ID")
    job_name = record.job_name or _name_in(given_job) or _title(invocation, record)
    job = numeric(given_job, project_id, "JOB_ID") or stable_id(environment, "job", job_name)
    return Owner(
        account_id=account,
        project_id=project_id,
        project_name=project_name,
        environment_id=environment,
        environment_name=environment_name,
        job_id=job,
        job_name=job_name,
        run_id=known(record.id, "RUN_ID", job) or stable_id(environment, "run", invocation.uuid),
        trigger=_trigger(record, cloud.get("RUN_REASON_CATEGORY"), is_described=described is not False),
        inferred=not (record != RunRecord() if described is None else described),
        named=_named(record, named_project),
    )


def _trigger(record: RunRecord, in_artifacts: str | None, *, is_described: bool) -> str | None:
    """Why the run started: by its own description, else by its artifacts, else by the scheduler of who reads it."""
    category = record.trigger.cause_category
    return (category or in_artifacts) if is_described else (in_artifacts or category)


def _title(invocation: Invocation, record: RunRecord) -> str:
    """What a job without a name is called. Runs that a pull request started are a job of their own, which is a CI job:
    figures of the other leave them out."""
    proposed = record.trigger.cause_category == PULL_REQUEST
    return f"{invocation.title} (pull request)" if proposed else invocation.title


def _named(record: RunRecord, project: str | None) -> frozenset[str]:
    names = {
        "project": project,
        "environment": record.environment_name,
        "job": record.job_name,
    }
    return frozenset(kind for kind, name in names.items() if name)


def place_of(owner: Owner) -> RunRecord:
    """The project and environment of a run, as a record for another that ran there."""
    return RunRecord(
        account_id=owner.account_id,
        project_id=owner.project_id,
        project_name=owner.project_name,
        environment_id=owner.environment_id,
        environment_name=owner.environment_name,
    )


def _name_in(identifier: Identifier) -> str | None:
    """What a job is called by those who gave it a text for a number."""
    return identifier if isinstance(identifier, str) and not _is_number(identifier) else None


def _cloud_values(env: Mapping[str, Any]) -> dict[str, str]:
    return {key.removeprefix(_CLOUD): str(value) for key, value in env.items() if key.startswith(_CLOUD)}

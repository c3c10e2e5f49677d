"""What the mirror asks of the Admin API: the account's runs, the newest first, and the artifacts that each left."""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec

from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.environment_list import EnvironmentList
from gateway.services.admin.list_reading import FULL_PAGE
from gateway.services.rows.admin_types import AdminAccount, AdminEnvironment, AdminProject

_FIRST_TIME, _LAST_TIME = "1970-01-01T00:00:00+00:00", "9999-12-31T00:00:00+00:00"


class RecordedTrigger(msgspec.Struct, frozen=True):
    """Why a run started. `schema_override`: it wrote to a schema of its own, as those of pull requests do."""

    cause: str | None = None
    cause_category: str | None = None
    git_branch: str | None = None
    schema_override: str | None = None


class RecordedStep(msgspec.Struct, frozen=True):
    """One command of a run. Artifacts are asked for by its `index`."""

    index: int | None = None
    name: str | None = None
    status: int | None = None
    status_humanized: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class RecordedJobName(msgspec.Struct, frozen=True):
    """The job of a run, which may have been deleted since."""

    name: str | None = None


class RecordedRun(msgspec.Struct, frozen=True):
    """A run as dbt lists it, its times as dbt writes them. `artifacts_saved`, `has_docs_generated` and
    `has_sources_generated` are None where dbt does not say."""

    id: int
    status: int
    account_id: int | None = None
    project_id: int | None = None
    environment_id: int | None = None
    job_definition_id: int | None = None
    status_message: str | None = None
    dbt_version: str | None = None
    git_sha: str | None = None
    git_branch: str | None = None
    href: str | None = None
    created_at: str | None = None
    dequeued_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    artifacts_saved: bool | None = None
    has_docs_generated: bool | None = None
    has_sources_generated: bool | None = None
    trigger: RecordedTrigger | None = None
    job: RecordedJobName | None = None
    run_steps: list[RecordedStep] | None = None


class RecordedJob(msgspec.Struct, frozen=True):
    """A job with what an archive keeps of it."""

    id: int
    environment_id: int
    project_id: int | None = None
    name: str | None = None
    job_type: str | None = None
    schedule: dict[str, object] | None = None
    execute_steps: list[str] | None = None


@dataclass(frozen=True, slots=True)
class AccountLists:
    """What the account consists of now."""

    account: AdminAccount
    projects: tuple[AdminProject, ...]
    environments: tuple[AdminEnvironment, ...]
    jobs: tuple[RecordedJob, ...]


@dataclass(frozen=True, slots=True)
class RunPage:
    """Up to a hundred runs, the newest first. `received` counts those too that could not be read; `total`: how many the
    whole list has, None where dbt does not say."""

    runs: tuple[RecordedRun, ...]
    received: int
    total: int | None


class FinishedRuns:
    """One request each, but for lists of more than a hundred. Raises UpstreamError's subclasses."""

    def __init__(self, api: AdminApi) -> None:
        self._api = api
        self._environments = EnvironmentList(api)

    @property
    def account_id(self) -> int:
        """The account that is asked."""
        return self._api.account_id

    async def account(self) -> AccountLists:
        """Four lists."""
        account = await self._api.get("v2", "/", AdminAccount)
        projects = await self._api.list_all("v3", "/projects/", AdminProject)
        environments = await self._environments.read()
        jobs = await self._api.list_all("v2", "/jobs/", RecordedJob)
        rows = tuple(projects.rows.values()), tuple(environments.rows.values()), tuple(jobs.rows.values())
        return AccountLists(account, *rows)

    async def page(self, since: str | None, until: str | None, offset: int) -> RunPage:
        """The runs created within two ISO times, both included, in the order of their creation, the newest first:
        running ones too."""
        query = {
            "created_at__range": json.dumps([since or _FIRST_TIME, until or _LAST_TIME]),
            "include_related": '["trigger","job"]',
            "order_by": "-created_at",
            "limit": str(FULL_PAGE),
            "offset": str(offset),
        }
        rows = await self._api.page("v2", "/runs/", RecordedRun, query)
        return RunPage(tuple(rows.rows), rows.received, rows.total)

    async def run(self, run_id: int) -> RecordedRun:
        """A run with its steps. Raises NotFound."""
        query = {"include_related": '["trigger","job","run_steps"]'}
        return await self._api.get("v2", f"/runs/{run_id}/", RecordedRun, query)

    async def artifact(self, run_id: int, name: str, step: int | None) -> bytes | None:
        """A file as the run left it after a step, its last one for None; None where there is none."""
        query = {} if step is None else {"step": str(step)}
        return await self._api.get_file(f"/runs/{run_id}/artifacts/{name}", query)

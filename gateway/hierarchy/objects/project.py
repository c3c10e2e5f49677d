"""Accounts, projects and the deployment environments that artifacts hang on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeploymentEnvironment(StrEnum):
    """Which of a project's deployment environments a question is about."""

    PRODUCTION = "production"
    STAGING = "staging"


@dataclass(frozen=True, slots=True)
class Environment:
    """One deployment environment as the Admin API lists it. `deployment` is None where dbt does not say."""

    id: int
    name: str | None
    dbt_cloud_project_id: int
    deployment: DeploymentEnvironment | None


@dataclass(frozen=True, slots=True)
class Project:
    """One dbt project in one deployment environment.

    `id` is the dbt project name (the manifest's `project_name`); through another environment than production, and where
    two environments report the same name, it is `name@environment id` (see ids). `name` is the display name dbt Cloud
    gives it.
    """

    id: str
    name: str
    environment: Environment
    adapter_type: str | None

    @property
    def environment_id(self) -> int:
        return self.environment.id

    @property
    def spellings(self) -> tuple[str, str]:
        """What names it among the projects of one deployment: its id, and its name alone."""
        return self.id, self.id.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Account:
    """All projects of one dbt account in one deployment environment, ordered by id; or those a filter keeps."""

    id: str
    deployment: DeploymentEnvironment
    projects: tuple[Project, ...]

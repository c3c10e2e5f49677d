"""Words of dbt's APIs as enums. dbt may add words at any time: one that is not known is OTHER."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.triggers import TriggerCategory
from gateway.schema.vocabulary.enums import describe


class JobKind(Enum):
    SCHEDULED = "scheduled"
    CI = "ci"
    MERGE = "merge"
    OTHER = "other"


class TestKind(Enum):
    GENERIC_DATA_TEST = "generic_data_test"
    SINGULAR_DATA_TEST = "singular_data_test"
    UNIT_TEST = "unit_test"
    OTHER = "other"


class ModelAccess(Enum):
    PRIVATE = "private"
    PROTECTED = "protected"
    PUBLIC = "public"
    OTHER = "other"


class ModelLanguage(Enum):
    SQL = "sql"
    PYTHON = "python"
    OTHER = "other"


class FreshnessStatus(Enum):
    FRESH = "fresh"
    WARN = "warn"
    STALE = "stale"
    NEVER_CHECKED = "never_checked"


class ProjectEnvironment(Enum):
    PRODUCTION = "production"
    STAGING = "staging"
    OTHER = "other"


describe(
    JobKind,
    "dbt's type of a job.",
    {
        "SCHEDULED": "Runs on a schedule or on demand.",
        "CI": "Runs on pull requests.",
        "MERGE": "Runs when a pull request is merged.",
        "OTHER": "Any other type.",
    },
)
describe(
    TriggerCategory,
    "Why a run was started.",
    {
        "SCHEDULE": "By the schedule.",
        "CI": "By a pull request.",
        "MERGE": "By a merge.",
        "JOB": "By the end of another job.",
        "API": "Through dbt's API.",
        "UI": "By a person in dbt's UI.",
        "RERUN": "To repeat an earlier run.",
        "OTHER": "Any other trigger; `cause` has dbt's text.",
    },
)
describe(
    TestKind,
    "dbt's type of a test.",
    {
        "GENERIC_DATA_TEST": "A data test that YAML applies to a model or column.",
        "SINGULAR_DATA_TEST": "A data test in a SQL file of its own.",
        "UNIT_TEST": "A unit test.",
        "OTHER": "Any other type.",
    },
)
describe(
    ModelAccess,
    "Who may refer to a model.",
    {
        "PRIVATE": "Models of the same group.",
        "PROTECTED": "Models of the same project.",
        "PUBLIC": "Any project.",
        "OTHER": "Any other access level.",
    },
)
describe(
    ModelLanguage,
    "What a model is written in.",
    {"SQL": "SQL.", "PYTHON": "Python.", "OTHER": "Any other language."},
)
describe(
    FreshnessStatus,
    "What a freshness check found.",
    {
        "FRESH": "The newest row is young enough.",
        "WARN": "The newest row is older than the threshold for warnings.",
        "STALE": "The newest row is older than the threshold for errors.",
        "NEVER_CHECKED": "No check has found anything yet.",
    },
)
describe(
    ProjectEnvironment,
    "Which deployment environment a project is seen through.",
    {
        "PRODUCTION": "The production environment.",
        "STAGING": "The staging environment.",
        "OTHER": "An environment that is neither.",
    },
)

E = TypeVar("E", JobKind, TestKind, ModelAccess, ModelLanguage)

_FRESHNESS: Mapping[RunStatus, FreshnessStatus] = {
    RunStatus.SUCCESS: FreshnessStatus.FRESH,
    RunStatus.WARN: FreshnessStatus.WARN,
    RunStatus.FAILURE: FreshnessStatus.STALE,
}
_DEPLOYMENTS: Mapping[DeploymentEnvironment | None, ProjectEnvironment] = {
    DeploymentEnvironment.PRODUCTION: ProjectEnvironment.PRODUCTION,
    DeploymentEnvironment.STAGING: ProjectEnvironment.STAGING,
}


def word_of(enum: type[E], word: str | None) -> E | None:
    """The member that a word of dbt's stands for, OTHER for an unknown one; None where dbt says nothing."""
    if word is None:
        return None
    return enum._value2member_map_.get(word.lower(), enum.OTHER)  # type: ignore[return-value]  # members of this enum


def freshness_status(status: RunStatus) -> FreshnessStatus:
    """A check's outcome as the schema words it."""
    return _FRESHNESS.get(status, FreshnessStatus.NEVER_CHECKED)


def statuses_of_freshness(word: FreshnessStatus) -> frozenset[RunStatus]:
    """The outcomes of a check that the schema words like this."""
    return frozenset(status for status in RunStatus if freshness_status(status) is word)


def project_environment(deployment: DeploymentEnvironment | None) -> ProjectEnvironment:
    """The environment of a project as the schema words it."""
    return _DEPLOYMENTS.get(deployment, ProjectEnvironment.OTHER)

"""Why runs are started: the total mapping from dbt's words into a few categories."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class TriggerCategory(Enum):
    """Why a run was started. What dbt has no known word for is OTHER."""

    SCHEDULE = "schedule"
    CI = "ci"
    MERGE = "merge"
    JOB = "job"
    API = "api"
    UI = "ui"
    RERUN = "rerun"
    OTHER = "other"


_WORDS: Mapping[str, TriggerCategory] = {
    "scheduled": TriggerCategory.SCHEDULE,
    "schedule": TriggerCategory.SCHEDULE,
    "ci": TriggerCategory.CI,
    "pull_request": TriggerCategory.CI,
    "merge_request": TriggerCategory.CI,
    "github_pull_request": TriggerCategory.CI,
    "gitlab_merge_request": TriggerCategory.CI,
    "azure_pull_request": TriggerCategory.CI,
    "merge": TriggerCategory.MERGE,
    "job completion": TriggerCategory.JOB,
    "job_completion": TriggerCategory.JOB,
    "api": TriggerCategory.API,
    "ui": TriggerCategory.UI,
    "rerun": TriggerCategory.RERUN,
    "retry": TriggerCategory.RERUN,
}


def trigger_category(word: str | None) -> TriggerCategory | None:
    """The category that dbt's word stands for; None where dbt says nothing."""
    return None if word is None else _WORDS.get(word.lower(), TriggerCategory.OTHER)

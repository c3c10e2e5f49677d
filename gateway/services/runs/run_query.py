"""Which runs dbt is asked to list: what of a filter the Admin API can apply. The rest is applied to what it lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.hierarchy.filters.list_filters import RunFilter
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.vocabulary.status import RunStatus, codes_of_status

LONGEST_QUEUE = timedelta(days=7)
"""A run is taken to have started at most so long after it was created: dbt filters by the latter."""

_MOST_JOBS = 10
_FIRST_TIME, _LAST_TIME = "1970-01-01T00:00:00Z", "9999-12-31T00:00:00Z"
_WITH_TRIGGER = '["trigger"]'


class RunQuery(NamedTuple):
    """A list of runs, newest first: of an environment, of a job, of these states, created in a window of time; None is
    no constraint. `triggers`: each with what started it."""

    environment_id: int | None = None
    job_id: int | None = None
    codes: tuple[int, ...] | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None
    triggers: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """The query of the request."""
        fields = {
            "environment_id": self.environment_id and str(self.environment_id),
            "job_definition_id": self.job_id and str(self.job_id),
            "status__in": self.codes and f"[{','.join(map(str, self.codes))}]",
            "created_at__range": self._window(),
            "include_related": _WITH_TRIGGER if self.triggers else None,
            "order_by": "-id",
        }
        return {name: value for name, value in fields.items() if value}

    def _window(self) -> str | None:
        if self.created_since is None and self.created_until is None:
            return None
        since = self.created_since.isoformat() if self.created_since else _FIRST_TIME
        until = self.created_until.isoformat() if self.created_until else _LAST_TIME
        return json.dumps([since, until])


def run_queries(where: RunFilter | None, projects: Sequence[Project]) -> list[RunQuery] | None:
    """Lists that hold every run of these projects that matches, and as few others as dbt can be told to leave out: one
    for each of up to ten jobs, else one. None where dbt can leave out nothing: then the account's newest runs do.

    [] where nothing can match. dbt can filter by one environment, one job, states and times of creation; it has no
    filter for branches, triggers and durations, nor for models.
    """
    if where is None or not _narrows(where):
        return None
    codes = None if where.statuses is None else _codes(where.statuses)
    if codes == () or where.job_ids == ():
        return []
    since = where.started_since and where.started_since - LONGEST_QUEUE
    jobs: Sequence[int | None] = where.job_ids if where.job_ids and len(where.job_ids) <= _MOST_JOBS else (None,)
    place = projects[0].environment_id if len(projects) == 1 else None
    return [
        RunQuery(place if job is None else None, job, codes, since, where.started_until, where.triggers is not None)
        for job in dict.fromkeys(jobs)
    ]


def _narrows(where: RunFilter) -> bool:
    asked = (where.statuses, where.job_ids, where.triggers, where.started_since, where.started_until)
    return any(value is not None for value in asked)


def _codes(statuses: Sequence[RunStatus]) -> tuple[int, ...] | None:
    """The Admin API's codes; None where one of the statuses has none that is known."""
    if RunStatus.UNKNOWN in statuses:
        return None
    return tuple(sorted({code for status in statuses for code in codes_of_status(status)}))

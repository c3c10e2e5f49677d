"""One resource in one run, whatever its type: what happened to it there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from gateway.errors import BadUserInput
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus


@dataclass(frozen=True, slots=True)
class NodeRun:
    """A seed, snapshot, source check, exposure, hook, function or export in one run; a test is a TestRun.

    The fields that ModelRun has too mean the same here: `runtime` is in seconds and None where it was not executed,
    `message` is dbt's where it ended in a failure or a warning, `ended_at` is when its invocation ended. `step` is the
    place of that invocation among the run's, from 1, and `rows_affected` what the warehouse reports as written; only
    an archive knows them. `age_seconds` is how old the newest row of a source was when it was checked.
    """

    unique_id: str
    name: str
    resource_type: ResourceType
    environment_id: int
    job_id: int
    run_id: int
    status: RunStatus
    status_text: str
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None
    message: str | None
    thread: str | None
    invocation_id: str | None
    ended_at: datetime | None
    step: int | None = None
    rows_affected: int | None = None
    age_seconds: float | None = None

    @property
    def id(self) -> str:
        """Unique in the account."""
        return f"{self.run_id}/{self.unique_id}"


@dataclass(frozen=True, slots=True)
class TestRun(NodeRun):
    """A data test or unit test in one run. `failing_rows` are the rows that break its rule; None where it counts none,
    and where only dbt's API reports about it."""

    failing_rows: int | None = None


NodeResult: TypeAlias = ModelRun | NodeRun
"""What happened to one resource in one run. All have: unique_id, name, resource_type, environment_id, job_id, run_id,
id, status, status_text, runtime, start_time, end_time, message, thread, invocation_id, ended_at, step and
rows_affected."""

# The types that can have a result in a run.
RESULT_TYPES = frozenset(
    {
        ResourceType.MODEL,
        ResourceType.DATA_TEST,
        ResourceType.UNIT_TEST,
        ResourceType.SEED,
        ResourceType.SNAPSHOT,
        ResourceType.SOURCE,
        ResourceType.SAVED_QUERY,
        ResourceType.FUNCTION,
        ResourceType.EXPOSURE,
        ResourceType.OPERATION,
        ResourceType.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class NodeResultFilter:
    """Criteria of a result; all of them must match. None is no constraint, an empty one matches nothing.

    Raises BadUserInput for a type that never has results, and for a step that no run has.
    """

    resource_types: tuple[ResourceType, ...] | None = None
    statuses: tuple[RunStatus, ...] | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        never = [resource_type for resource_type in self.resource_types or () if resource_type not in RESULT_TYPES]
        if never:
            raise BadUserInput(
                f"{never[0].name} never has results in a run. Types that have: "
                f"{', '.join(sorted(result_type.name for result_type in RESULT_TYPES))}.",
                argument="resourceTypes",
            )
        if self.step is not None and self.step < 1:
            raise BadUserInput(f"step must be 1 or more; it is {self.step}.", argument="step")

    @property
    def wanted_types(self) -> frozenset[ResourceType]:
        """The types whose results have to be read."""
        if self.statuses is not None and not self.statuses:
            return frozenset()
        return RESULT_TYPES if self.resource_types is None else RESULT_TYPES & set(self.resource_types)

    def admits(self, result: NodeResult) -> bool:
        """Whether a result matches."""
        if self.resource_types is not None and result.resource_type not in self.resource_types:
            return False
        if self.statuses is not None and result.status not in self.statuses:
            return False
        return self.step is None or result.step == self.step


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many runs or results have a status."""

    status: RunStatus
    count: int


def count_by_status(results: Iterable[NodeResult]) -> list[StatusCount]:
    """How many results have each status that occurs, the worst first."""
    counted = Counter(result.status for result in results)
    return [
        StatusCount(status, counted[status])
        for status in sorted(counted, key=lambda status: status.severity, reverse=True)
    ]

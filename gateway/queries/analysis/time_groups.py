"""What time is grouped by: to which tags, folders, owners, jobs … a result belongs, and what its groups come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gateway.hierarchy.analysis.run_analysis import TimeDimension, WeightedSeconds
from gateway.hierarchy.measures.cost import CostEstimate, CostRate
from gateway.hierarchy.objects.job import Job
from gateway.hierarchy.objects.model import Owner
from gateway.hierarchy.runs.run_graph import GraphNode
from gateway.hierarchy.vocabulary.resource_type import resource_type_of
from gateway.loading.field_context import FieldContext
from gateway.queries.projects import project_of_environment

OF_CONTENTS = frozenset({TimeDimension.TAG, TimeDimension.FOLDER, TimeDimension.GROUP, TimeDimension.OWNER})
"""What only the contents of a manifest's nodes report."""


@dataclass(frozen=True)
class Belonging:
    """To which groups results of one environment belong: `owners` by dbt group, `jobs` by id, as far as they matter."""

    by: TimeDimension
    project_id: str | None = None
    owners: Mapping[str, Owner] = field(default_factory=dict)
    jobs: Mapping[int, Job] = field(default_factory=dict)

    def keys(self, unique_id: str, node: GraphNode | None, job_id: int) -> Sequence[str | None]:
        """The groups that a result belongs to; [None] for none."""
        of_run = {
            TimeDimension.NODE: unique_id,
            TimeDimension.PACKAGE: unique_id.split(".")[1] if unique_id.count(".") > 1 else None,
            TimeDimension.RESOURCE_TYPE: resource_type_of(unique_id).name,
            TimeDimension.PROJECT: self.project_id,
            TimeDimension.JOB: self._name_of(job_id),
        }
        if self.by in of_run:
            return [of_run[self.by]]
        if node is None:
            return [None]
        if self.by is TimeDimension.TAG:
            return list(dict.fromkeys(node.tags)) or [None]
        return [self._of_node(node)]

    def _of_node(self, node: GraphNode) -> str | None:
        if self.by is TimeDimension.MATERIALIZATION:
            return node.materialization
        if self.by is TimeDimension.FOLDER:
            return str(PurePosixPath(node.path.replace("\\", "/")).parent) if node.path else None
        if self.by is TimeDimension.GROUP:
            return node.group
        owner = self.owners.get(node.group) if node.group else None
        return owner.name or owner.email if owner else None

    def _name_of(self, job_id: int) -> str:
        job = self.jobs.get(job_id)
        return job.name if job is not None and job.name else str(job_id)


async def belonging_of(context: FieldContext, environment_id: int, by: TimeDimension) -> Belonging:
    """To which groups results of an environment belong; read is what the dimension needs."""
    if by is TimeDimension.OWNER:
        return Belonging(by, owners=await context.loaders.owners(environment_id))
    if by is TimeDimension.JOB:
        return Belonging(by, jobs=await context.loaders.jobs())
    if by is TimeDimension.PROJECT:
        project = await project_of_environment(context, environment_id)
        return Belonging(by, project_id=project.id if project else None)
    return Belonging(by)


class TimeGroups:
    """Adds up seconds by group. `rate`: None where no cost is to be estimated."""

    def __init__(self, rate: CostRate | None) -> None:
        self._rate = rate
        self._sums: dict[str | None, list[float]] = {}

    def add(self, keys: Sequence[str | None], share: float, seconds: float, bytes_billed: int = 0) -> None:
        """Adds a result: its share of the busy time, its own seconds, and what the warehouse bills. Each of its groups
        gets an equal part."""
        for key in keys:
            sums = self._sums.setdefault(key, [0.0, 0.0, 0.0, 0.0])
            for place, value in enumerate((share, seconds, bytes_billed)):
                sums[place] += value / len(keys)
            sums[3] += 1

    def greatest_first(self, idle_seconds: float = 0.0) -> list[WeightedSeconds]:
        """The groups by weighted seconds, ties by key; with a row for idle time where there was any."""
        groups = [
            WeightedSeconds(key, share, seconds, int(count), self._cost(share, billed))
            for key, (share, seconds, billed, count) in self._sums.items()
        ]
        if idle_seconds > 0:
            groups.append(WeightedSeconds(None, idle_seconds, 0.0, 0, self._cost(idle_seconds), is_idle=True))
        return sorted(
            groups, key=lambda group: (-group.weighted_seconds, group.is_idle, group.key is None, group.key or "")
        )

    def _cost(self, seconds: float, bytes_billed: float = 0) -> CostEstimate | None:
        return None if self._rate is None else self._rate.estimate(seconds, bytes_billed)

"""What the Admin API's lists come to, as it is cached, with what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.hierarchy.objects.job import Job, Run, RunDetails
from gateway.services.admin.admin_facts import Topology
from gateway.telemetry.upstream_note import UpstreamNote

RUN_BYTES = 900
JOB_BYTES = 2_500


@dataclass(frozen=True, slots=True)
class Jobs:
    jobs: Mapping[int, Job]
    notes: tuple[UpstreamNote, ...] = ()


@dataclass(frozen=True, slots=True)
class RunCount:
    """How many runs there are; None where dbt does not say."""

    runs: int | None


@dataclass(frozen=True, slots=True)
class RecentRuns:
    runs: tuple[Run, ...]
    asked: int
    notes: tuple[UpstreamNote, ...] = ()

    def holds(self, count: int) -> bool:
        return self.asked >= count or len(self.runs) < self.asked


def weigh_topology(topology: Topology) -> int:
    return 1_000 + 300 * len(topology.environments) + 100 * len(topology.project_names)


def weigh_recent(recent: RecentRuns) -> int:
    return 200 + RUN_BYTES * len(recent.runs)


def weigh_details(details: RunDetails) -> int:
    return 300 + 400 * len(details.steps)

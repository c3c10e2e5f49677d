"""Traces that jobs leave in an environment's models: in who attempted and built each last, and in some histories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.hierarchy.objects.model import ModelRun
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.models.model_pages import read_pages
from gateway.services.rows.discovery_types import PagedEnvironment, TracedModel
from gateway.services.rows.mapping import whole

_OPERATION = BatchOperation(
    "JobTraces",
    """fragment Page on ModelAppliedStateNodeConnection {
  pageInfo { hasNextPage endCursor }
  edges { node { uniqueId executionInfo { lastJobDefinitionId lastSuccessJobDefinitionId } } }
}""",
    PagedEnvironment[TracedModel],
)

# So many models of an environment are asked for their histories: one document.
_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class LastJobs:
    """The models of an environment, ordered by unique id, each with the jobs of its last attempt and last success."""

    by_model: Mapping[str, tuple[int, ...]]

    @property
    def sample(self) -> list[str]:
        """At most a hundred of the models that have run, evenly spread over their names."""
        ran = [unique_id for unique_id, jobs in self.by_model.items() if jobs]
        step = -(-len(ran) // _SAMPLE) or 1
        return ran[::step]


@dataclass(frozen=True, slots=True)
class JobTrace:
    """A job and the models that bear its trace, those most often built by it first."""

    job_id: int
    environment_id: int
    unique_ids: tuple[str, ...]


async def read_last_jobs(query: BaseQuery, environment_ids: Sequence[int]) -> Mapping[int, LastJobs | GatewayError]:
    """Who built the models of each environment last."""
    pages = await read_pages(query, environment_ids, _OPERATION)
    return {
        environment_id: nodes if isinstance(nodes, GatewayError) else _last_jobs(nodes)
        for environment_id, nodes in pages.items()
    }


def _last_jobs(nodes: Sequence[TracedModel]) -> LastJobs:
    return LastJobs({node.unique_id: _jobs_of(node) for node in sorted(nodes, key=lambda node: node.unique_id)})


def _jobs_of(node: TracedModel) -> tuple[int, ...]:
    info = node.execution_info
    known = (info.last_job_definition_id, info.last_success_job_definition_id) if info else ()
    return tuple(whole(job_id) for job_id in known if job_id is not None)


def traces_of(environment_id: int, last: LastJobs, histories: Iterable[Sequence[ModelRun]]) -> list[JobTrace]:
    """The jobs that built models of an environment, ordered by id."""
    seen: dict[int, Counter[str]] = {}
    for unique_id, job_ids in last.by_model.items():
        for job_id in job_ids:
            seen.setdefault(job_id, Counter())[unique_id] += 1
    for runs in histories:
        for run in runs:
            seen.setdefault(run.job_id, Counter())[run.unique_id] += 1
    return [
        JobTrace(job_id, environment_id, tuple(unique_id for unique_id, _ in sorted(models.items(), key=_most_first)))
        for job_id, models in sorted(seen.items())
    ]


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    unique_id, count = counted
    return (-count, unique_id)

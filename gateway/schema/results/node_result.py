"""Results of a run: what happened there to resources of every type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import strawberry

from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import node_result as facts
from gateway.queries.jobs import jobs
from gateway.schema.context import Info, field_context
from gateway.schema.lazy import LazyRun
from gateway.schema.lists.connections import Connection
from gateway.schema.lists.paging import PageView
from gateway.schema.vocabulary.enums import ResourceType, RunStatus
from gateway.schema.vocabulary.nullability import NON_NULL


@strawberry.interface(description="One resource in one run: what happened to it there.")
class NodeResult:
    id: strawberry.ID = strawberry.field(description="run/unique_id.")
    unique_id: str = strawberry.field(description="dbt's unique id of the resource.")
    name: str = strawberry.field(description="The resource's name.")
    resource_type: ResourceType = strawberry.field(description="What the resource is.")
    status: RunStatus = strawberry.field(description="How it ended in this run.")
    status_text: str = strawberry.field(description="dbt's own word for it.")
    message: str | None = strawberry.field(
        description="dbt's message about a failure or a warning; null where it ended in neither, or dbt wrote none."
    )
    runtime: float | None = strawberry.field(
        description="Seconds spent on it in this run; null when it was not executed."
    )
    start_time: datetime | None = strawberry.field(
        description="When its execution began (UTC); null when it was not executed."
    )
    end_time: datetime | None = strawberry.field(
        description="When its execution ended (UTC); null when it was not executed."
    )
    thread: str | None = strawberry.field(description="The dbt thread that worked on it; null where dbt does not say.")
    step: int | None = strawberry.field(
        description="Place of its step among the run's steps, from 1; null where no archive has it."
    )
    rows_affected: float | None = strawberry.field(
        description="Rows that the warehouse reports as written; null where it reports none, or no archive has it."
    )
    run_id: strawberry.ID = strawberry.field(description="Id of the run.")
    job_id: strawberry.ID = strawberry.field(description="Id of the run's job.")


@strawberry.type(description="A data test or unit test in one run.")
class TestRun(NodeResult):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, facts.TestRun)

    failing_rows: float | None = strawberry.field(
        description="Rows that break the test's rule; null when it was not executed, for tests that count none, and "
        "where no archive has it."
    )

    @strawberry.field(
        description="The run; null, with an error, when dbt does not list it any more.",
        graphql_type=LazyRun | None,
        directives=[NON_NULL],
    )
    async def run(self, parent: strawberry.Parent[facts.NodeRun], info: Info) -> job_facts.Run | None:
        return await jobs.find_run(field_context(info), parent.run_id)


@strawberry.type(description="A seed, snapshot, source check, exposure, hook, function or export in one run.")
class NodeRun(NodeResult):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return type(value) is facts.NodeRun

    age_seconds: float | None = strawberry.field(
        description="Of a source: how old its newest row was when it was checked, in seconds. Null for all else, and "
        "where the check failed."
    )

    @strawberry.field(
        description="The run; null, with an error, when dbt does not list it any more.",
        graphql_type=LazyRun | None,
        directives=[NON_NULL],
    )
    async def run(self, parent: strawberry.Parent[facts.NodeRun], info: Info) -> job_facts.Run | None:
        return await jobs.find_run(field_context(info), parent.run_id)


@strawberry.type(description="Number of results with one status.")
class StatusCount:
    status: RunStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(description="How many results have it.")


@dataclass(frozen=True, slots=True)
class ResultPage(PageView[facts.NodeResult]):
    """A page of results, with all that it is a page of."""

    results: Sequence[facts.NodeResult]

    @property
    def by_status(self) -> list[facts.StatusCount]:
        return facts.count_by_status(self.results)


@strawberry.type(description="A page of results. Ask for nodes, or for edges when you need every item's cursor.")
class NodeResultConnection(Connection[NodeResult]):
    by_status: list[StatusCount] = strawberry.field(
        description="Number of results per status on all pages, the worst status first."
    )

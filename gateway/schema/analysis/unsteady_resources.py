"""Flaky resources and incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from gateway.hierarchy.lists.ordering import Direction, Order
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import node_result as result_facts
from gateway.hierarchy.runs import attempts as facts
from gateway.queries.changes import unsteady_resources
from gateway.queries.changes.runtime_series import run_or_none
from gateway.queries.changes.unsteady_resources import FoundIncidents
from gateway.queries.resources import resources
from gateway.schema.context import Info, field_context
from gateway.schema.lazy import LazyRun
from gateway.schema.lists.connections import Connection
from gateway.schema.lists.paging import PageView
from gateway.schema.resources.resource import Resource
from gateway.schema.results.node_result import NodeResult

MOST_FLAKY = 1000

FlakySince = Annotated[
    datetime | None,
    strawberry.argument(name="since", description="Start of the window. Defaults to 30 days ago."),
]
FirstFlaky = Annotated[int, strawberry.argument(name="first", description="Return at most this many, 1 to 1000.")]
BrokenSince = Annotated[
    datetime | None,
    strawberry.argument(
        name="since",
        description="Only incidents that are open, or broke at this time or later. Defaults to 30 days ago.",
    ),
]
OpenOnly = Annotated[bool, strawberry.argument(name="openOnly", description="Only incidents that are open.")]

_RESOURCE = "The resource. Null when the project no longer defines it, and for hooks."


@strawberry.type(
    description="A resource that fails and passes while its code and that of its direct parents stay the same."
)
class Flaky:
    unique_id: str = strawberry.field(description="dbt's unique id.")
    rate: float = strawberry.field(description="Flips over attempts less one, 0 to 1.")
    flips: int = strawberry.field(description="How often it flipped.")
    attempts: int = strawberry.field(description="How often it was attempted, of its newest 100 attempts.")
    unstable_data: bool = strawberry.field(
        description="True for a data test with a flip before which a source upstream was seen to have new data: the "
        "data is unstable, not the test. Only an archive has it."
    )

    @strawberry.field(description=_RESOURCE, graphql_type=Resource | None)
    async def resource(self, parent: strawberry.Parent[facts.Flaky], info: Info) -> resources.Resource | None:
        return await unsteady_resources.resource_of_node(field_context(info), parent)

    @strawberry.field(
        description="The run of the newest flip. Null when it is no longer known.", graphql_type=LazyRun | None
    )
    async def last_flip(self, parent: strawberry.Parent[facts.Flaky], info: Info) -> job_facts.Run | None:
        return await run_or_none(field_context(info), parent.last_flip_run_id)


@strawberry.type(description="A resource that was broken for a while.")
class Incident:
    id: strawberry.ID = strawberry.field(description="The run that broke it, and the resource: run/unique_id.")
    unique_id: str = strawberry.field(description="dbt's unique id.")
    broken_at: datetime = strawberry.field(description="When the first failure ended (UTC).")
    repaired_at: datetime | None = strawberry.field(
        description="When the next success ended (UTC). Null while it is open."
    )

    broken_seconds: float | None = strawberry.field(
        description="Seconds from the one to the other. Null while it is open."
    )

    @strawberry.field(description=_RESOURCE, graphql_type=Resource | None)
    async def resource(self, parent: strawberry.Parent[facts.Incident], info: Info) -> resources.Resource | None:
        return await unsteady_resources.resource_of_node(field_context(info), parent)

    @strawberry.field(
        description="The result that broke. Null when its run is no longer known.", graphql_type=NodeResult | None
    )
    async def first_failure(
        self, parent: strawberry.Parent[facts.Incident], info: Info
    ) -> result_facts.NodeResult | None:
        return await unsteady_resources.first_failure(field_context(info), parent)


@dataclass(frozen=True, slots=True)
class IncidentsPage(PageView[facts.Incident]):
    """A page of incidents, with figures of the whole list."""

    incidents: FoundIncidents

    @property
    def median_repair_seconds(self) -> float | None:
        return self.incidents.median_repair_seconds


@strawberry.type(description="A page of incidents. Ask for nodes, or for edges when you need every item's cursor.")
class IncidentConnection(Connection[Incident]):
    median_repair_seconds: float | None = strawberry.field(
        description="Median seconds to repair, over the incidents of the whole list that are over. Null without any."
    )


def _place(incident: facts.Incident) -> str:
    return f"{incident.id}/{incident.environment_id}"


_OPEN = 1e12
"""Later than any time: open incidents come first."""

OPEN_FIRST: Order[facts.Incident] = Order(
    lambda incident: incident.broken_at.timestamp() + (_OPEN if incident.is_open else 0.0),
    _place,
    Direction.DESC,
    volatile=True,
)

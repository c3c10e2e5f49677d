"""Resources: anything that a dbt project defines, and the lineage that they make."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.resources import resource as facts
from gateway.queries.resources import resources
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.orders import BY_MODEL_ID
from gateway.schema.lazy import LazyModel, LazyProject
from gateway.schema.lists.connections import DEFAULT_PAGE, After, Before, Connection, First, Last, page_arguments
from gateway.schema.lists.paging import Page, cut
from gateway.schema.resources.column import columns_field
from gateway.schema.resources.owner import Owner
from gateway.schema.vocabulary.contracts import PEOPLE
from gateway.schema.vocabulary.costs import paged
from gateway.schema.vocabulary.enums import ResourceType, RunStatus, describe
from gateway.schema.vocabulary.nullability import NON_NULL

ExposureParent = strawberry.Parent[facts.Exposure]

_LAST_RUN_STATUS = "How the last attempt ended, whatever its outcome; null when there was none."

describe(
    facts.LineageDirection,
    "Which way to walk through lineage.",
    {
        "UPSTREAM": "Towards sources.",
        "DOWNSTREAM": "Towards exposures.",
        "BOTH": "Both ways from the start; never down and up again.",
    },
)

Direction = Annotated[facts.LineageDirection, strawberry.argument(description="Which way to walk.")]
Depth = Annotated[int, strawberry.argument(description="How many levels to walk, 1 to 50.")]
ListedTypes = Annotated[
    list[ResourceType], strawberry.argument(description="Types to list. The walk passes through the others.")
]
FirstResources = Annotated[
    int, strawberry.argument(description="Return at most this many resources, nearest first, 1 to 5000.")
]


@strawberry.interface(description="Anything a dbt project defines.")
class Resource:
    id: strawberry.ID = strawberry.field(
        description="Unique among all resources of the account: project.model for models, project/unique_id for the "
        "rest."
    )
    unique_id: str = strawberry.field(
        description="dbt's unique id. Not unique across projects: two projects can install the same package."
    )
    name: str = strawberry.field(description="The resource's name.")

    @strawberry.field(description="The resource's type.")
    def resource_type(self, parent: strawberry.Parent[facts.OtherResource]) -> ResourceType:
        return parent.resource_type

    @strawberry.field(description="The project that defines it.", graphql_type=LazyProject)
    def project(self, parent: strawberry.Parent[facts.OtherResource]) -> project_facts.Project:
        return parent.project


@strawberry.type(description="A CSV file that dbt loads into the warehouse.")
class Seed(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, facts.Seed)

    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")
    columns = columns_field()

    @strawberry.field(description=_LAST_RUN_STATUS)
    async def last_run_status(self, parent: strawberry.Parent[facts.Seed], info: Info) -> RunStatus | None:
        return await resources.last_run_status(field_context(info), parent)


@strawberry.type(description="A table that keeps the history of rows that change.")
class Snapshot(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, facts.Snapshot)

    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")
    columns = columns_field()

    @strawberry.field(description=_LAST_RUN_STATUS)
    async def last_run_status(self, parent: strawberry.Parent[facts.Snapshot], info: Info) -> RunStatus | None:
        return await resources.last_run_status(field_context(info), parent)


@strawberry.type(description="A dashboard, notebook or application that uses models.")
class Exposure(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, facts.Exposure)

    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")

    @strawberry.field(
        description="dashboard, notebook, analysis, ml or application; null where the YAML names no type."
    )
    async def exposure_type(self, parent: ExposureParent, info: Info) -> str | None:
        return (await resources.exposure_details(field_context(info), parent)).exposure_type

    @strawberry.field(description="Where to open it; null where the YAML names no URL.")
    async def url(self, parent: ExposureParent, info: Info) -> str | None:
        return (await resources.exposure_details(field_context(info), parent)).url

    @strawberry.field(
        description="The owner in the YAML; null when it names none.", graphql_type=Owner | None, directives=[PEOPLE]
    )
    async def owner(self, parent: ExposureParent, info: Info) -> model_facts.Owner | None:
        return (await resources.exposure_details(field_context(info), parent)).owner

    @strawberry.field(
        description="The models of its project that it uses directly, ordered by id.",
        graphql_type=Connection[LazyModel] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def models(
        self,
        parent: ExposureParent,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.Model]:
        page = page_arguments(first, after, last, before)
        behind = await resources.models_of_exposure(field_context(info), parent)
        return cut(behind, BY_MODEL_ID, page, arrived_in=BY_MODEL_ID)


@strawberry.type(
    description="A resource of any other type: a test, metric, semantic model, saved query, function, analysis or "
    "macro; and a model or source that the project does not list yet."
)
class OtherResource(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return type(value) is facts.OtherResource

    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")


@strawberry.type(description="A resource in a lineage.")
class LineageResource:
    level: int = strawberry.field(description="Levels from the start: negative upstream, 0 for the start itself.")
    resource: Resource = strawberry.field(description="The resource.")


@strawberry.type(description="A dependency in a lineage.")
class LineageLink:
    parent_id: strawberry.ID = strawberry.field(description="Id of the resource that is used.")
    child_id: strawberry.ID = strawberry.field(description="Id of the resource that uses it.")
    indirect: bool = strawberry.field(description="True when resources of types that are not listed lie between.")


@strawberry.type(name="Lineage", description="Resources around one resource, as a graph.")
class ModelLineage:
    resources: list[LineageResource] = strawberry.field(description="The resources, nearest first, the start included.")

    links: list[LineageLink] = strawberry.field(
        description="The links between listed resources, by child, then by parent."
    )
    left_out: int = strawberry.field(
        description="Number of resources of the listed types that `first` or `depth` leave out."
    )

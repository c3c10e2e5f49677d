"""Resources: anything that a dbt project defines, and the lineage that they make."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.hierarchy import project as project_facts
from gateway.hierarchy import resource as facts
from gateway.schema.enums import ResourceType, describe
from gateway.schema.lazy import LazyProject

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


@strawberry.type(description="A table that keeps the history of rows that change.")
class Snapshot(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, facts.Snapshot)

    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")


@strawberry.type(description="A dashboard, notebook or application that uses models.")
class Exposure(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, facts.Exposure)

    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")


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

"""The Source type: a table that dbt reads and does not build."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.objects import source as source_facts
from gateway.queries.resources import sources
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.orders import BY_MODEL_ID
from gateway.schema.lazy import LazyModel, LazyProject
from gateway.schema.lists.connections import DEFAULT_PAGE, After, Before, Connection, First, Last, page_arguments
from gateway.schema.lists.paging import Page, cut
from gateway.schema.resources.column import columns_field
from gateway.schema.resources.freshness import SourceFreshness
from gateway.schema.resources.resource import Resource
from gateway.schema.vocabulary.costs import paged
from gateway.schema.vocabulary.enums import ResourceType
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[source_facts.Source]


@strawberry.type(description="A source table of one project: dbt reads it and does not build it.")
class Source(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, source_facts.Source)

    id: strawberry.ID = strawberry.field(description="project/unique_id.")
    unique_id: str = strawberry.field(description="dbt's unique id of the table.")
    source_name: str = strawberry.field(description="The source.")
    name: str = strawberry.field(description="The table in it.")
    freshness: SourceFreshness = strawberry.field(description="What the last freshness check found.")
    columns = columns_field()

    @strawberry.field(description="Always SOURCE.")
    def resource_type(self, parent: Parent) -> ResourceType:
        return ResourceType.SOURCE

    @strawberry.field(description="The project that declares it.", graphql_type=LazyProject)
    def project(self, parent: Parent) -> project_facts.Project:
        return parent.project

    @strawberry.field(
        description="The models of its project that depend on it, directly or through others, ordered by id.",
        graphql_type=Connection[LazyModel] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def models(
        self,
        parent: Parent,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.Model]:
        page = page_arguments(first, after, last, before)
        built = await sources.models_built_on(field_context(info), parent)
        return cut(built, BY_MODEL_ID, page, arrived_in=BY_MODEL_ID)

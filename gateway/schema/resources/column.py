"""The Column type, and the field that models, sources, seeds and snapshots have in common."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.hierarchy.objects import column as facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import source as source_facts
from gateway.hierarchy.resources import resource as resource_facts
from gateway.queries.resources import resources
from gateway.schema.context import Info, field_context
from gateway.schema.vocabulary.costs import about, dear
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[model_facts.Model | source_facts.Source | resource_facts.OtherResource]


@strawberry.type(description="A column of a table or view.")
class Column:
    name: str = strawberry.field(description="The column's name, as the warehouse writes it.")
    data_type: str | None = strawberry.field(description="The warehouse's type; null where the catalog has none.")
    description: str | None = strawberry.field(description="The description from the YAML; null when there is none.")


async def _columns(parent: Parent, info: Info) -> tuple[facts.Column, ...]:
    return await resources.columns_of(field_context(info), parent)


def columns_field() -> Any:
    """A field for the columns of its type's tables."""
    return strawberry.field(
        resolver=_columns,
        description="Its columns in the table's order, from the newest catalog that `dbt docs generate` wrote. Empty "
        "where no catalog lists it.",
        graphql_type=list[Column] | None,
        directives=[NON_NULL, *dear(1), *about(30)],
    )

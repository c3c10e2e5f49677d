"""graphql-core's schema inside Strawberry's, which has no public way to it: the one place that reaches for it."""

from __future__ import annotations

import strawberry
from graphql import GraphQLSchema


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema that graphql-core executes."""
    core: GraphQLSchema = schema._schema
    return core

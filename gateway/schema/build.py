"""The schema as one object, and its SDL."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.schema.query import Query


def build_schema() -> strawberry.Schema:
    """The executable schema. Costs some milliseconds: build it once per process."""
    return strawberry.Schema(query=Query, config=StrawberryConfig(auto_camel_case=True))


def print_sdl(schema: strawberry.Schema) -> str:
    """The schema in SDL, ending with a newline, as committed in schema.graphql."""
    return schema.as_str().rstrip("\n") + "\n"

"""The schema as one object, and its SDL."""

from __future__ import annotations

from typing import Final

import strawberry

from gateway.schema.entities import GatewaySchema
from gateway.schema.query import Query

# The newest version that every composer in use accepts.
FEDERATION_VERSION: Final = "2.9"


def build_schema(authenticated: bool = False) -> strawberry.Schema:
    """The executable schema. Costs some milliseconds: build it once per process.

    `authenticated` marks what belongs to callers in the SDL that routers are given.
    """
    return GatewaySchema(query=Query, federation_version=FEDERATION_VERSION, authenticated=authenticated)


def print_sdl(schema: strawberry.Schema) -> str:
    """The schema in SDL, ending with a newline, as committed in schema.graphql."""
    return schema.as_str().rstrip("\n") + "\n"

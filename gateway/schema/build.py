"""The schema as one object, and its SDL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Final

import strawberry
from graphql import GraphQLDeferDirective
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateTimeDefinition

from gateway.schema.analysis.deadline import LOCAL_TIME, TIME_ZONE, LocalTime, TimeZone
from gateway.schema.core_schema import core_schema
from gateway.schema.resources.resource import Exposure, OtherResource, Seed, Snapshot
from gateway.schema.results.node_result import NodeRun, TestRun
from gateway.schema.roots.entities import GatewaySchema
from gateway.schema.roots.query import Query
from gateway.schema.roots.subscription import Subscription

# Nothing but the interfaces that they implement leads to them.
IMPLEMENTATIONS: Final = (TestRun, NodeRun, Seed, Snapshot, Exposure, OtherResource)

# The newest version that every composer in use accepts.
FEDERATION_VERSION: Final = "2.9"


_DATE_TIME: Final = replace(
    DateTimeDefinition,
    description="A moment in ISO 8601 with its offset from UTC, such as 2026-03-01T05:00:21.919000+00:00.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
)


@cache
def build_schema(authenticated: bool = False) -> strawberry.Schema:
    """The executable schema: one object for all gateways of a process, which is not to be changed.

    `authenticated` marks what belongs to callers in the SDL that routers are given.
    """
    schema = GatewaySchema(
        query=Query,
        subscription=Subscription,
        types=IMPLEMENTATIONS,
        federation_version=FEDERATION_VERSION,
        config=StrawberryConfig(scalar_map={datetime: _DATE_TIME, LocalTime: LOCAL_TIME, TimeZone: TIME_ZONE}),
        authenticated=authenticated,
    )
    # Strawberry's switch for incremental delivery would bring @stream too, which nothing here can make use of.
    core = core_schema(schema)
    core.directives = (*core.directives, GraphQLDeferDirective)
    return schema


@cache
def print_sdl(schema: strawberry.Schema) -> str:
    """The schema in SDL, ending with a newline, as committed in schema.graphql."""
    return schema.as_str().rstrip("\n") + "\n"

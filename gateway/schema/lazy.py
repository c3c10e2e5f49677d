"""The types that refer to each other, by name: Strawberry resolves them when the schema is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from gateway.schema.freshness import ModelFreshness
    from gateway.schema.job import Job
    from gateway.schema.model import Model
    from gateway.schema.project import Project
    from gateway.schema.run import Run
    from gateway.schema.source import Source

LazyJob = Annotated["Job", strawberry.lazy("gateway.schema.job")]
LazyModel = Annotated["Model", strawberry.lazy("gateway.schema.model")]
LazyProject = Annotated["Project", strawberry.lazy("gateway.schema.project")]
LazyFreshness = Annotated["ModelFreshness", strawberry.lazy("gateway.schema.freshness")]
LazySource = Annotated["Source", strawberry.lazy("gateway.schema.source")]
LazyRun = Annotated["Run", strawberry.lazy("gateway.schema.run")]

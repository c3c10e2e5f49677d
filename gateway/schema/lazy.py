"""The types that refer to each other, by name: Strawberry resolves them when the schema is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from gateway.schema.objects.job import Job
    from gateway.schema.objects.model import Model
    from gateway.schema.objects.project import Project
    from gateway.schema.objects.run import Run
    from gateway.schema.resources.freshness import ModelFreshness
    from gateway.schema.resources.source import Source

LazyJob = Annotated["Job", strawberry.lazy("gateway.schema.objects.job")]
LazyModel = Annotated["Model", strawberry.lazy("gateway.schema.objects.model")]
LazyProject = Annotated["Project", strawberry.lazy("gateway.schema.objects.project")]
LazyFreshness = Annotated["ModelFreshness", strawberry.lazy("gateway.schema.resources.freshness")]
LazySource = Annotated["Source", strawberry.lazy("gateway.schema.resources.source")]
LazyRun = Annotated["Run", strawberry.lazy("gateway.schema.objects.run")]

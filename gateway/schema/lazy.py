"""The types that refer to each other, by name: Strawberry resolves them when the schema is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from gateway.schema.job import Job
    from gateway.schema.model import Model
    from gateway.schema.project import Project
    from gateway.schema.run import Run

LazyJob = Annotated["Job", strawberry.lazy("gateway.schema.job")]
LazyModel = Annotated["Model", strawberry.lazy("gateway.schema.model")]
LazyProject = Annotated["Project", strawberry.lazy("gateway.schema.project")]
LazyRun = Annotated["Run", strawberry.lazy("gateway.schema.run")]

"""The freshness of sources, and of the sources behind a model."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.hierarchy.objects import source as source_facts
from gateway.schema.lazy import LazySource
from gateway.schema.vocabulary.costs import about
from gateway.schema.vocabulary.words import FreshnessStatus, freshness_status


@strawberry.type(description="What the last freshness check of a source found.")
class SourceFreshness:
    unique_id: str = strawberry.field(description="dbt's unique id of the source table.")

    @strawberry.field(description="The source.")
    def source_name(self, parent: strawberry.Parent[source_facts.SourceFreshness]) -> str:
        return parent.named_source

    name: str = strawberry.field(description="The table in it.")

    @strawberry.field(description="What the check found.")
    def status(self, parent: strawberry.Parent[source_facts.SourceFreshness]) -> FreshnessStatus:
        return freshness_status(parent.status)

    status_text: str | None = strawberry.field(description="dbt's own word for it; null when it was never checked.")
    max_loaded_at: datetime | None = strawberry.field(
        description="When its newest row was loaded (UTC); null when no check has found out."
    )
    age_seconds: float | None = strawberry.field(
        description="Age of its newest row at the time of the check, in seconds; null when no check has found out."
    )
    checked_at: datetime | None = strawberry.field(
        description="When it was checked (UTC); null when it was never checked."
    )
    warn_after_seconds: int | None = strawberry.field(
        description="Age in seconds from which the check warns; null when it never does."
    )
    error_after_seconds: int | None = strawberry.field(
        description="Age in seconds from which the check fails; null when it never does."
    )


@strawberry.type(description="Freshness of the sources upstream of a model.")
class ModelFreshness:
    @strawberry.field(
        description="The worst among the sources that were checked; NEVER_CHECKED when none was, or there are none."
    )
    def status(self, parent: strawberry.Parent[source_facts.Freshness]) -> FreshnessStatus:
        return freshness_status(parent.status)

    sources: list[LazySource] = strawberry.field(description="All of them, ordered by unique id.", directives=about(5))

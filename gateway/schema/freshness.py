"""The freshness of the sources behind a model."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.schema.costs import about
from gateway.schema.enums import RunStatus


@strawberry.type(description="What the last freshness check of a source found.")
class SourceFreshness:
    unique_id: str = strawberry.field(description="dbt's unique id of the source table.")
    source_name: str | None = strawberry.field(description="The source.")
    name: str = strawberry.field(description="The table in it.")
    status: RunStatus = strawberry.field(
        description="SUCCESS: fresh; WARN, FAILURE: older than its thresholds; UNKNOWN: never checked."
    )
    status_text: str | None = strawberry.field(description="dbt's own word for it.")
    max_loaded_at: datetime | None = strawberry.field(description="When its newest row was loaded (UTC).")
    age_seconds: float | None = strawberry.field(description="How old its newest row was when it was checked.")
    checked_at: datetime | None = strawberry.field(description="When it was checked (UTC).")
    warn_after_seconds: int | None = strawberry.field(description="Age from which the check warns.")
    error_after_seconds: int | None = strawberry.field(description="Age from which the check fails.")


@strawberry.type(description="How fresh the sources are that a model stands on.")
class ModelFreshness:
    status: RunStatus = strawberry.field(
        description="The worst among the sources that were checked; UNKNOWN when none was, or there are none."
    )
    sources: list[SourceFreshness] = strawberry.field(
        description="All of them, ordered by unique id.", directives=about(5)
    )

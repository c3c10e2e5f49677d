"""The ModelTest type: a test of a model and how it last ended."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.schema.enums import RunStatus


@strawberry.type(description="A data test or unit test of a model, and how it last ended.")
class ModelTest:
    unique_id: str = strawberry.field(description="dbt's unique id of the test.")
    name: str = strawberry.field(description="The test's name.")
    column_name: str | None = strawberry.field(description="The column it looks at, for a column's test.")
    kind: str = strawberry.field(description="GENERIC_DATA_TEST, SINGULAR_DATA_TEST or UNIT_TEST.")
    status: RunStatus | None = strawberry.field(description="How it last ended; null when it never ran.")
    status_text: str | None = strawberry.field(description="dbt's own word for it: pass, fail, warn, error, skipped.")
    error: str | None = strawberry.field(description="dbt's message when it did not pass.")
    failures: int | None = strawberry.field(description="How many rows it found at fault.")
    last_run_time: datetime | None = strawberry.field(description="When it last ran (UTC).")
    runtime: float | None = strawberry.field(description="Seconds its last successful run took.")

"""The Test type: a test of a model and how it last ended."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.hierarchy.objects import model as model_facts
from gateway.schema.vocabulary.enums import RunStatus
from gateway.schema.vocabulary.words import TestKind, word_of

Parent = strawberry.Parent[model_facts.ModelTest]


@strawberry.type(description="A data test or unit test of a model, and how it last ended.")
class Test:
    id: strawberry.ID = strawberry.field(description="project/unique_id.")
    unique_id: str = strawberry.field(description="dbt's unique id of the test.")
    name: str = strawberry.field(description="The test's name.")
    column_name: str | None = strawberry.field(
        description="The column it looks at; null when it looks at the model as a whole."
    )

    @strawberry.field(description="dbt's type of the test.")
    def kind(self, parent: Parent) -> TestKind:
        return word_of(TestKind, parent.kind) or TestKind.OTHER

    status: RunStatus | None = strawberry.field(description="How it last ended; null when it never ran.")
    status_text: str | None = strawberry.field(
        description="dbt's own word for it: pass, fail, warn, error, skipped; null when it never ran."
    )
    error: str | None = strawberry.field(description="dbt's message; null when it passed or never ran.")

    @strawberry.field(
        description="Number of rows that break the test's rule, a whole number up to 2^53; null when the test counts "
        "none."
    )
    def failing_rows(self, parent: Parent) -> float | None:
        return None if parent.failures is None else float(parent.failures)

    last_run_time: datetime | None = strawberry.field(description="When it last ran (UTC); null when it never ran.")
    runtime: float | None = strawberry.field(
        description="Seconds its last successful run took; null when it never succeeded."
    )

"""What a run's own page shows: why it was started, and its steps."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.vocabulary.triggers import TriggerCategory, trigger_category
from gateway.queries.runs import run_failures
from gateway.schema.context import Info, field_context
from gateway.schema.vocabulary.costs import dear
from gateway.schema.vocabulary.enums import RunStatus


@strawberry.type(description="Why a run was started.")
class RunTrigger:
    @strawberry.field(description="The category; null where dbt does not say.")
    def category(self, parent: strawberry.Parent[job_facts.RunTrigger]) -> TriggerCategory | None:
        return trigger_category(parent.category)

    cause: str | None = strawberry.field(description="dbt's words for it; null where there are none.")


@strawberry.type(description="One command of a run.")
class RunStep:
    index: int = strawberry.field(description="Place among the run's steps, from 1.")

    @strawberry.field(description="The command.")
    def name(self, parent: strawberry.Parent[job_facts.RunStep]) -> str:
        return parent.name or f"Step {parent.index}"

    status: RunStatus = strawberry.field(
        description="How the step ended; SKIPPED when an earlier one kept it from starting."
    )
    status_text: str = strawberry.field(description="dbt's own word for it.")
    runtime: float | None = strawberry.field(description="Duration in seconds; null when it did not run to an end.")
    start_time: datetime | None = strawberry.field(description="When it started (UTC); null when it has not.")
    end_time: datetime | None = strawberry.field(description="When it ended (UTC); null when it has not.")

    @strawberry.field(
        description="What failed in the step, in one or two sentences. Null when nothing failed, and when dbt does "
        "not report in which of several failed steps a result failed.",
        directives=dear(1),
    )
    async def error(self, parent: strawberry.Parent[run_failures.StepOfRun], info: Info) -> str | None:
        return await run_failures.error_of_step(field_context(info), parent)

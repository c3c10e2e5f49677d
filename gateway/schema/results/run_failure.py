"""The RunFailure type: one reason for which a run is not fine, and what it held up."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import node_result as result_facts
from gateway.hierarchy.runs import run_failure as facts
from gateway.queries.runs import run_failures, run_recovery
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import MOST_RANKED, FirstSkipped
from gateway.schema.lazy import LazyRun
from gateway.schema.lists.paging import ensure_count
from gateway.schema.results.node_result import NodeResult
from gateway.schema.vocabulary.costs import dear, sliced_by
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[facts.RunFailure]


@strawberry.type(description="One reason why a run did not succeed, and what was skipped because of it.")
class RunFailure:
    message: str = strawberry.field(
        description="What went wrong, on one line: dbt's message without escape sequences, cut to 500 characters, or "
        "else a sentence about the status."
    )
    result: NodeResult | None = strawberry.field(
        description="The result that failed. Null when the run failed outside of any resource (a lost connection, a "
        "compilation error), and when dbt's API does not list what failed."
    )

    @strawberry.field(
        description="True when the resource succeeded at its previous attempt: in the newest of the previous 20 runs "
        "of the same job that executed it. False when none of them did. For a run that failed outside of any "
        "resource: true when the previous run of the job did not fail.",
        graphql_type=bool | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def is_new(self, parent: Parent, info: Info) -> bool:
        return await run_recovery.is_new(field_context(info), parent)

    @strawberry.field(
        description="The run of the same job in which it first failed and has not recovered since: this run, or one "
        "of the previous 20. Null when it failed in all of them and there are earlier runs.",
        graphql_type=LazyRun | None,
        directives=dear(5),
    )
    async def failing_since(self, parent: Parent, info: Info) -> job_facts.Run | None:
        return await run_recovery.failing_since(field_context(info), parent)

    @strawberry.field(
        description="How many resources the run skipped because of it.",
        graphql_type=int | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def skipped_count(self, parent: Parent, info: Info) -> int:
        return len(await run_failures.skipped_because_of(field_context(info), parent))

    @strawberry.field(
        description="The resources that the run skipped because of it, nearest first, then by unique id. One that "
        "several failures lead to is listed under each.",
        graphql_type=list[NodeResult] | None,
        directives=[NON_NULL, *dear(5), *sliced_by("first", 10)],
    )
    async def skipped(
        self, parent: Parent, info: Info, first: FirstSkipped = 10
    ) -> tuple[result_facts.NodeResult, ...]:
        ensure_count("first", first, MOST_RANKED)
        return (await run_failures.skipped_because_of(field_context(info), parent))[:first]

"""The Run type: one run of a job."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.errors import NotFound
from gateway.hierarchy.analysis import run_analysis as analysis_facts
from gateway.hierarchy.analysis.run_analysis import Baseline, TimeDimension
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import node_result as result_facts
from gateway.hierarchy.rankings import averages as average_facts
from gateway.hierarchy.rankings.ranking import Ranked
from gateway.hierarchy.runs.run_failure import RunFailure as RunFailureFacts
from gateway.queries.analysis import run_analysis, run_what_if
from gateway.queries.jobs import job_names, jobs, run_models
from gateway.queries.rankings import averages
from gateway.queries.runs import run_failures, run_recovery, run_results
from gateway.schema.analysis.rankings import RankedModelRun, ensure_ranking
from gateway.schema.analysis.run_analysis import (
    MOST_BARS,
    MOST_GROUPS,
    CriticalPath,
    FirstBars,
    FirstGroups,
    GroupedBy,
    LeastSeconds,
    ObservedChain,
    OfStep,
    RunComparison,
    TheChange,
    Timeline,
    To,
    ToRun,
    Utilization,
    WeightedSeconds,
    WhatIf,
    change_of,
    ensure_min_seconds,
)
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import (
    MOST_RANKED,
    FirstFailures,
    ModelsFilter,
    ModelsInRunFilter,
    Offset,
    ResultsFilter,
    Slowest,
    TopN,
)
from gateway.schema.inputs.filters import model_filter, node_result_filter, search_filter
from gateway.schema.inputs.orders import (
    BY_UNIQUE_ID,
    BY_UNIQUE_ID_OF_RESULT,
    OrderModelsBy,
    OrderResultsBy,
    order_of_models,
    order_of_results,
)
from gateway.schema.lazy import LazyJob, LazyModel
from gateway.schema.lists.connections import (
    DEFAULT_PAGE,
    After,
    Before,
    Connection,
    First,
    Last,
    PartlyKnownConnection,
    page_arguments,
)
from gateway.schema.lists.paging import Page, cut_in_order, ensure_count
from gateway.schema.measures.statistics import ModelAverage
from gateway.schema.results.model_run import ModelRun
from gateway.schema.results.node_result import NodeResult, NodeResultConnection, ResultPage
from gateway.schema.results.run_failure import RunFailure
from gateway.schema.results.run_step import RunStep, RunTrigger
from gateway.schema.vocabulary.costs import about, dear, holding, paged, sliced_by
from gateway.schema.vocabulary.enums import RunStatus
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[job_facts.Run]


@strawberry.federation.type(keys=["id"], description="One run of a job.")
class Run:
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, job_facts.Run)

    id: strawberry.ID = strawberry.field(description="dbt's id of the run.")
    status: RunStatus = strawberry.field(description="The run's outcome, or its current state.")
    status_text: str = strawberry.field(description="dbt's own word for it.")
    runtime: float | None = strawberry.field(
        description="Duration in seconds from start to end, time in the queue excluded; null until it has ended."
    )
    queue_seconds: float | None = strawberry.field(
        description="Seconds from its creation to its start; null where either is not known."
    )
    queued_at: datetime | None = strawberry.field(description="When it was created (UTC); null where dbt does not say.")
    start_time: datetime | None = strawberry.field(description="When it started (UTC); null until then.")
    end_time: datetime | None = strawberry.field(description="When it ended (UTC); null when it has not.")
    git_sha: str | None = strawberry.field(description="Commit of the project; null where dbt does not say.")
    git_branch: str | None = strawberry.field(description="Branch of the project; null where dbt does not say.")
    dbt_version: str | None = strawberry.field(description="Version of dbt; null where dbt does not say.")
    url: str | None = strawberry.field(description="The run's page in dbt; null when it has none.")
    job_id: strawberry.ID = strawberry.field(description="Id of the run's job.")
    inferred: bool = strawberry.field(
        description="True when the gateway has no Admin API and derives the run from its models. Times then cover only "
        "the steps that ran models, and a cancelled run shows as SUCCESS."
    )

    @strawberry.field(description="A short name for people: the job's name, and when the run started.")
    async def title(self, parent: Parent, info: Info) -> str:
        return await run_failures.title(field_context(info), parent)

    @strawberry.field(
        description="dbt's message about the run's outcome; without one, what failed first, in one or two sentences. "
        "Null for a run that succeeded, and when dbt gives no reason."
    )
    async def error(self, parent: Parent, info: Info) -> str | None:
        return await run_failures.error_of_run(field_context(info), parent)

    @strawberry.field(
        description="Why the run did not succeed: each result that failed; models, seeds, snapshots, sources and "
        "hooks before tests, then by unique id. Empty for a run that succeeded, never empty for one that failed or "
        "was cancelled.",
        graphql_type=list[RunFailure] | None,
        directives=[NON_NULL, *dear(2), *sliced_by("first", 10)],
    )
    async def failures(self, parent: Parent, info: Info, first: FirstFailures = 10) -> tuple[RunFailureFacts, ...]:
        ensure_count("first", first, MOST_RANKED)
        return (await run_failures.failures(field_context(info), parent))[:first]

    @strawberry.field(description="How many reasons `failures` has in all.", directives=[NON_NULL, *dear(1)])
    async def failure_count(self, parent: Parent, info: Info) -> int | None:
        return len(await run_failures.failures(field_context(info), parent))

    @strawberry.field(
        description="Results that failed in this run and succeeded at their previous attempt, in the order of "
        "`failures`. Attempts are searched in the previous 20 runs of the same job; warnings count as success.",
        graphql_type=list[NodeResult] | None,
        directives=[NON_NULL, *dear(5), *sliced_by("first", 10)],
    )
    async def newly_broken(
        self, parent: Parent, info: Info, first: FirstFailures = 10
    ) -> list[result_facts.NodeResult]:
        ensure_count("first", first, MOST_RANKED)
        return (await run_recovery.newly_broken(field_context(info), parent))[:first]

    @strawberry.field(
        description="Results that succeeded in this run and failed at their previous attempt, ordered by unique id. "
        "Attempts are searched in the previous 20 runs of the same job; warnings count as success.",
        graphql_type=list[NodeResult] | None,
        directives=[NON_NULL, *dear(5), *sliced_by("first", 10)],
    )
    async def recovered(self, parent: Parent, info: Info, first: FirstFailures = 10) -> list[result_facts.NodeResult]:
        ensure_count("first", first, MOST_RANKED)
        return (await run_recovery.recovered(field_context(info), parent))[:first]

    @strawberry.field(
        description="The job; null when it has been deleted since.",
        graphql_type=LazyJob | None,
    )
    async def job(self, parent: Parent, info: Info) -> job_facts.Job | None:
        try:
            return await job_names.find_job(field_context(info), parent.job_id)
        except NotFound:
            return None

    @strawberry.field(
        description="Why the run was started; null where dbt does not say.",
        graphql_type=RunTrigger | None,
        directives=dear(5),
    )
    async def trigger(self, parent: Parent, info: Info) -> job_facts.RunTrigger | None:
        if parent.trigger is not None:
            return parent.trigger  # lists with it say no more than the run alone does
        return (await info.context.loaders.run_details(parent.id)).trigger

    @strawberry.field(
        description="The run's commands in order. Over dbt's APIs this costs one request for each run.",
        graphql_type=list[RunStep] | None,
        directives=[NON_NULL, *dear(2), *about(5)],
    )
    async def steps(self, parent: Parent, info: Info) -> list[run_failures.StepOfRun]:
        return run_failures.steps_of(parent, (await info.context.loaders.run_details(parent.id)).steps)

    @strawberry.field(description="How many models had a result in this run.", directives=[NON_NULL, *dear(1)])
    async def model_count(self, parent: Parent, info: Info) -> int | None:
        return len(await jobs.executed_models(field_context(info), parent, None))

    @strawberry.field(
        description="What each model did in this run, ordered by unique id. Models it did not touch are not listed; a "
        "skipped one is, with status SKIPPED.",
        graphql_type=PartlyKnownConnection[ModelRun] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def model_runs(
        self,
        parent: Parent,
        info: Info,
        filter: ModelsInRunFilter = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.ModelRun]:
        page = page_arguments(first, after, last, before)
        touched = await jobs.executed_models(field_context(info), parent, search_filter(filter))
        return await cut_in_order(touched, BY_UNIQUE_ID, page)

    @strawberry.field(
        description="What happened to each resource in the run, of every type, ordered by unique id: models, tests, "
        "seeds, snapshots, exposures, checks of sources, and, where an archive has them, hooks, unit tests, "
        "functions and exports. Of several results of one resource it is the last. Types that the filter leaves out "
        "are not read.",
        graphql_type=NodeResultConnection | None,
        directives=[NON_NULL, *dear(2), *paged(DEFAULT_PAGE)],
    )
    async def node_results(
        self,
        parent: Parent,
        info: Info,
        filter: ResultsFilter = strawberry.UNSET,
        order_by: OrderResultsBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> ResultPage:
        page = page_arguments(first, after, last, before)
        results = await run_results.node_results(field_context(info), parent, node_result_filter(filter))
        order = order_of_results(order_by)
        cut = await cut_in_order(results, order, page, arrived_in=BY_UNIQUE_ID_OF_RESULT, place=info.path.as_list)
        return ResultPage(cut, results)

    @strawberry.field(
        description="The models with a result in the run, as they are now in their environment, ordered by id. The "
        "filter looks at each model as it was in that run; models removed since are not listed.",
        graphql_type=Connection[LazyModel] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def models(
        self,
        parent: Parent,
        info: Info,
        filter: ModelsFilter = strawberry.UNSET,
        order_by: OrderModelsBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.Model]:
        page = page_arguments(first, after, last, before)
        ask = field_context(info)
        touched = await run_models.models_in_run(ask, parent, models=model_filter(filter))
        applied = await run_models.applied_models(ask, touched)
        present = [model for model in applied.values() if model is not None]
        return await cut_in_order(present, order_of_models(order_by), page, place=info.path.as_list)

    @strawberry.field(
        description="The models that took longest in this run. Models that failed or did not run are left out.",
        graphql_type=list[RankedModelRun] | None,
        directives=[NON_NULL, *sliced_by("first", 5)],
    )
    async def slowest_models(
        self,
        parent: Parent,
        info: Info,
        first: TopN = 5,
        filter: ModelsFilter = strawberry.UNSET,
        offset: Offset = 0,
    ) -> tuple[Ranked[model_facts.ModelRun], ...]:
        ensure_ranking(first, offset=offset)
        ranking = await run_models.slowest_models_of_run(
            field_context(info), parent, first + offset, model_filter(filter)
        )
        return ranking.entries[offset:]

    @strawberry.field(
        description="The average runtime of the slowest models of this run. Filters look at models as they were in it.",
        graphql_type=ModelAverage | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def average_model_runtime(
        self,
        parent: Parent,
        info: Info,
        first: Slowest = 5,
        filter: ModelsFilter = strawberry.UNSET,
    ) -> average_facts.ModelAverage[model_facts.ModelRun]:
        ensure_count("first", first, MOST_RANKED)
        return await averages.average_model_runtime(field_context(info), parent, first, models=model_filter(filter))

    @strawberry.field(
        description="When each resource executed, by lane. Null when no result of the run has times.",
        graphql_type=Timeline | None,
        directives=[*dear(10), *holding("bars", "first", 500)],
    )
    async def timeline(
        self, parent: Parent, info: Info, step: OfStep = None, min_seconds: LeastSeconds = 0.0, first: FirstBars = 5000
    ) -> analysis_facts.Timeline | None:
        ensure_count("first", first, MOST_BARS)
        ensure_min_seconds(min_seconds)
        return await run_analysis.timeline_of(field_context(info), parent, step, min_seconds, first)

    @strawberry.field(
        description="The longest chain of dependencies by runtime: no number of threads makes the run shorter. Null "
        "without a manifest or times.",
        graphql_type=CriticalPath | None,
        directives=dear(10),
    )
    async def critical_path(
        self, parent: Parent, info: Info, step: OfStep = None
    ) -> analysis_facts.CriticalPath | None:
        return await run_analysis.critical_path_of(field_context(info), parent, step)

    @strawberry.field(
        description="What the run's end waited for, link by link. Links and gaps add up to the time from the first "
        "start to the last end. Null when no result has times.",
        graphql_type=ObservedChain | None,
        directives=dear(10),
    )
    async def observed_chain(
        self, parent: Parent, info: Info, step: OfStep = None
    ) -> analysis_facts.ObservedChain | None:
        return await run_analysis.observed_chain_of(field_context(info), parent, step)

    @strawberry.field(
        description="How well the run used its threads, and what idle threads waited for. Null when no result has "
        "times.",
        graphql_type=Utilization | None,
        directives=dear(10),
    )
    async def utilization(self, parent: Parent, info: Info, step: OfStep = None) -> analysis_facts.Utilization | None:
        return await run_analysis.utilization_of(field_context(info), parent, step)

    @strawberry.field(
        description="Where the run's busy time went, greatest group first. Each instant is shared among the resources "
        "that run in it, so the groups add up. Empty when no result has times.",
        graphql_type=list[WeightedSeconds] | None,
        directives=[NON_NULL, *dear(10), *sliced_by("first", 50)],
    )
    async def weighted_seconds(
        self, parent: Parent, info: Info, by: GroupedBy = TimeDimension.NODE, first: FirstGroups = 50
    ) -> list[analysis_facts.WeightedSeconds]:
        ensure_count("first", first, MOST_GROUPS)
        return await run_analysis.weighted_seconds_of(field_context(info), parent, by, first)

    @strawberry.field(
        description="How long the run would take if something were different. Null when no result has times.",
        graphql_type=WhatIf | None,
        directives=dear(20),
    )
    async def what_if(self, parent: Parent, info: Info, change: TheChange) -> analysis_facts.WhatIf | None:
        return await run_what_if.what_if(field_context(info), parent, change_of(change))

    @strawberry.field(
        description="This run against another run of the same job. Null when there is none to compare with.",
        graphql_type=RunComparison | None,
        directives=dear(10),
    )
    async def compare(
        self, parent: Parent, info: Info, to: To = Baseline.PREVIOUS, run_id: ToRun = None
    ) -> analysis_facts.RunComparison | None:
        other = jobs.number_of(run_id, "run", "runId") if run_id is not None else None
        return await run_what_if.compare(field_context(info), parent, to, other)

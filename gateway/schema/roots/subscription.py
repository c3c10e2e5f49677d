"""The roots of every question that is answered again when something changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, TypeVar

import strawberry

from gateway.errors import BadUserInput
from gateway.hierarchy.history import runtime_series as series_facts
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.rankings.ranking import Ranked, Ranking
from gateway.hierarchy.runs import attempts as attempt_facts
from gateway.loading.field_context import FieldContext
from gateway.queries import projects
from gateway.queries.jobs import job_names, jobs
from gateway.queries.live.live_incidents import changed_incidents
from gateway.queries.live.live_queries import Live, changed_rankings, finished_runs
from gateway.queries.live.live_regressions import found_regressions
from gateway.queries.rankings import rankings
from gateway.queries.rankings.rankings import RankingArguments
from gateway.schema.analysis.rankings import RankedJob, RankedModel, ensure_ranking
from gateway.schema.analysis.runtime_series import ChangePoint
from gateway.schema.analysis.unsteady_resources import Incident
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import Environment, JobsFilter, LastRuns, ModelsFilter, TopN
from gateway.schema.inputs.filters import job_filter, model_filter
from gateway.schema.objects.run import Run
from gateway.schema.vocabulary.enums import DeploymentEnvironment

T = TypeVar("T", model_facts.Model, job_facts.Job)

ProjectIds = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(
        description="Only runs of these projects, by id or, in any environment, by dbt project name. Unknown ones are "
        "refused."
    ),
]
ProjectsWithChanges = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(
        name="projectIds",
        description="Only models and jobs of these projects, by id or dbt project name. Unknown ones are refused.",
    ),
]
ProjectsWithIncidents = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(
        name="projectIds",
        description="Only resources of these projects, by id or dbt project name. Unknown ones are refused.",
    ),
]
OfJob = Annotated[strawberry.ID | None, strawberry.argument(description="Only runs of this job, by dbt's id of it.")]
SendInitial = Annotated[
    bool, strawberry.argument(description="Send the current ranking first, before anything has changed.")
]


@strawberry.type(description="Live updates over WebSocket or server-sent events.")
class Subscription:
    @strawberry.subscription(
        description="Runs that finish from now on, each once, whatever came of them.", graphql_type=Run
    )
    async def run_finished(
        self, info: Info, project_ids: ProjectIds = strawberry.UNSET, job_id: OfJob = strawberry.UNSET
    ) -> AsyncGenerator[job_facts.Run, None]:
        ask = field_context(info)
        chosen = await _known_projects(ask, project_ids) if project_ids else None
        job = (await job_names.find_job(ask, jobs.number_of(job_id, "job"))).id if job_id else None
        return finished_runs(_live(info), chosen, job)

    @strawberry.subscription(
        description="The slowest models over all projects, whenever a place or a figure among them has changed.",
        graphql_type=list[RankedModel],
    )
    async def slowest_models_changed(
        self,
        info: Info,
        first: TopN = 5,
        last_runs: LastRuns = 1,
        filter: ModelsFilter = strawberry.UNSET,
        environment: Environment = DeploymentEnvironment.PRODUCTION,
        send_initial: SendInitial = False,
    ) -> AsyncGenerator[tuple[Ranked[model_facts.Model], ...], None]:
        ensure_ranking(first, last_runs)
        where = model_filter(filter)

        async def rank(ask: FieldContext) -> Ranking[model_facts.Model]:
            account = await projects.find_account(ask, environment)
            return await rankings.slowest_models(ask, account.projects, RankingArguments(first, last_runs), where)

        return changed_rankings(_live(info), rank, send_initial)

    @strawberry.subscription(
        description="The longest jobs over all projects, whenever a place or a figure among them has changed.",
        graphql_type=list[RankedJob],
    )
    async def longest_running_jobs_changed(
        self,
        info: Info,
        first: TopN = 5,
        last_runs: LastRuns = 1,
        filter: JobsFilter = strawberry.UNSET,
        environment: Environment = DeploymentEnvironment.PRODUCTION,
        send_initial: SendInitial = False,
    ) -> AsyncGenerator[tuple[Ranked[job_facts.Job], ...], None]:
        ensure_ranking(first, last_runs)
        where = job_filter(filter)
        models = where.models if where else None

        async def rank(ask: FieldContext) -> Ranking[job_facts.Job]:
            account = await projects.find_account(ask, environment)
            return await rankings.longest_running_jobs(
                ask, account.projects, first, last_runs, models=models, where=where
            )

        return changed_rankings(_live(info), rank, send_initial)

    @strawberry.subscription(
        description="Models and jobs with a new lasting increase of their runtime: each once, when it becomes "
        "CONFIRMED, and once more, with `withdrawnAt`, when newer runs no longer show it, which only an archive has.",
        graphql_type=ChangePoint,
    )
    async def regression_found(
        self,
        info: Info,
        project_ids: ProjectsWithChanges = strawberry.UNSET,
        environment: Environment = DeploymentEnvironment.PRODUCTION,
    ) -> AsyncGenerator[series_facts.ChangePoint, None]:
        chosen = await _known_projects(field_context(info), project_ids) if project_ids else None
        return found_regressions(_live(info), environment, chosen)

    @strawberry.subscription(
        description="Incidents that open or close from now on, each as it opens and as it closes.",
        graphql_type=Incident,
    )
    async def incident_changed(
        self,
        info: Info,
        project_ids: ProjectsWithIncidents = strawberry.UNSET,
        environment: Environment = DeploymentEnvironment.PRODUCTION,
    ) -> AsyncGenerator[attempt_facts.Incident, None]:
        chosen = await _known_projects(field_context(info), project_ids) if project_ids else None
        return changed_incidents(_live(info), environment, chosen)


def _live(info: Info) -> Live:
    if info.context.live is None:
        raise BadUserInput("A subscription needs a transport that can answer more than once.")
    return info.context.live


async def _known_projects(ask: FieldContext, names: list[strawberry.ID]) -> frozenset[str]:
    """The projects' ids. Raises BadUserInput for one that does not exist in any deployment environment."""
    everything = (await ask.loaders.projects()).by_environment.values()
    known = {spelling for project in everything for spelling in project.spellings}
    for project_id in names:
        if project_id not in known:
            raise BadUserInput(f"projectIds: no project has the id {project_id[:80]!r}.", argument="projectIds")
    return frozenset(map(str, names))

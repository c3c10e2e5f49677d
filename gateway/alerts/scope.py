"""Where a rule looks: its projects and jobs, and what is known of their resources."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alerts.rule import AlertRule, Condition
from gateway.concurrency.gathering import gather
from gateway.errors import BadUserInput, ConfigurationError, GatewayError
from gateway.hierarchy.filters.model_filters import ModelFilter, SearchFilter
from gateway.hierarchy.objects.job import Job
from gateway.hierarchy.objects.model import Model, Owner
from gateway.hierarchy.objects.project import DeploymentEnvironment, Project
from gateway.hierarchy.vocabulary.resource_type import resource_type_of
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.job_names import find_job, find_job_named
from gateway.queries.jobs.jobs import select_jobs
from gateway.queries.models.models import applied_model_alone, find_model, owner_of_model
from gateway.queries.projects import find_account, find_project

_PRODUCTION = DeploymentEnvironment.PRODUCTION


@dataclass(frozen=True, slots=True)
class RuleScope:
    """The projects and the jobs that a rule looks at, CI jobs left out; `job_names` by id."""

    projects: tuple[Project, ...]
    jobs: tuple[Job, ...]

    def project_of(self, environment_id: int) -> Project | None:
        """The project of an environment, if the rule looks at it."""
        return next((project for project in self.projects if project.environment_id == environment_id), None)

    def job_name(self, job_id: int) -> str | None:
        """What a job is called."""
        return next((job.name for job in self.jobs if job.id == job_id), None)


async def scope_of(context: FieldContext, rule: AlertRule) -> RuleScope:
    """Where a rule looks. Raises NotFound and BadUserInput for unknown names."""
    if rule.projects:
        projects = tuple(await gather(find_project(context, name, _PRODUCTION) for name in rule.projects))
    else:
        projects = (await find_account(context, _PRODUCTION)).projects
    if rule.jobs:
        return RuleScope(projects, tuple(await gather(_job(context, name) for name in rule.jobs)))
    narrowed = rule.tags and rule.condition.value.startswith("job_")
    jobs = await select_jobs(context, projects, SearchFilter(tags=rule.tags) if narrowed else None)
    return RuleScope(projects, tuple(job for job in jobs if not job.is_ci))


async def ensure_sensible(context: FieldContext, rule: AlertRule) -> None:
    """Raises ConfigurationError for a rule that names what is not there."""
    try:
        scope = await scope_of(context, rule)
        await gather(find_model(context, name, _PRODUCTION) for name in rule.models)
    except GatewayError as wrong:
        if not wrong.code.startswith(("NOT_FOUND", "BAD_USER_INPUT", "AMBIGUOUS")) and not isinstance(
            wrong, BadUserInput
        ):
            raise
        raise ConfigurationError(f"alerts: rule {rule.name!r}: {wrong.message}") from None
    if rule.condition is Condition.JOB_NOT_STARTED and rule.cron is None:
        untimed = [job for job in scope.jobs if job.schedule is None] if rule.jobs else []
        if untimed:
            raise ConfigurationError(
                f"alerts: rule {rule.name!r}: job {untimed[0].name or untimed[0].id} has no schedule; say with cron "
                "when it is due."
            )


def model_filter(rule: AlertRule) -> ModelFilter | None:
    """The models that a rule looks at; None for all."""
    if not (rule.tags or rule.models):
        return None
    return ModelFilter(tags=rule.tags or None, model_ids=rule.models or None)


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """Who should know of a resource. A test's are those of the first model that it tests."""

    name: str
    model: Model | None
    owner: Owner | None
    group: str | None
    tags: tuple[str, ...]


async def facts_of(context: FieldContext, project: Project | None, unique_id: str) -> ResourceFacts:
    """What is known of a resource; little of one that the project defines no more."""
    name = unique_id.split(".")[2] if unique_id.count(".") >= 2 else unique_id
    if project is None:
        return ResourceFacts(name, None, None, None, ())
    kind = resource_type_of(unique_id)
    definitions = await context.loaders.resources.definitions(project, {kind})
    definition = definitions.get(unique_id)
    model_name = unique_id
    if kind.value.lower() != "model":
        parents = definition.parents if definition else ()
        model_name = next((parent for parent in parents if parent.startswith("model.")), "")
    model = await applied_model_alone(context, project, model_name) if model_name else None
    owner = await owner_of_model(context, model) if model else None
    tags = dict.fromkeys((*(definition.tags if definition else ()), *(model.tags if model else ())))
    return ResourceFacts(
        definition.name if definition else name, model, owner, model.group if model else None, tuple(tags)
    )


async def _job(context: FieldContext, name: str) -> Job:
    return await (find_job(context, int(name)) if name.isdecimal() else find_job_named(context, name, None))

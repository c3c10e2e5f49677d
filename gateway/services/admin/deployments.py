"""Which environment of each project is its production, and which its staging.

In this order: what `[[projects]]` of the configuration says; what dbt marks; where no environment is marked production,
the only one that is unmarked; of several the only one that deploying jobs run in. A project for which none of these
decides is left out, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.hierarchy.objects.job import Job
from gateway.hierarchy.objects.project import DeploymentEnvironment, Environment
from gateway.services.admin.configured import ConfiguredProject
from gateway.telemetry.upstream_note import UpstreamNote

NOT_CHOSEN = "ENVIRONMENT_NOT_CHOSEN"
NO_ENVIRONMENT = "NO_DEPLOYMENT_ENVIRONMENT"
UNKNOWN_ENVIRONMENT = "CONFIGURED_ENVIRONMENT_UNKNOWN"

# Jobs that build what is proposed, not what is deployed.
_PROPOSING = frozenset({"ci", "merge"})


@dataclass(frozen=True, slots=True)
class Deployments:
    """Environments with what each is for. `reasons` says by environment id how that was found, for those that are
    production or staging; `notes` what could not be."""

    environments: tuple[Environment, ...]
    reasons: Mapping[int, str]
    notes: tuple[UpstreamNote, ...]


def undecided(environments: Sequence[Environment], configured: Iterable[ConfiguredProject]) -> bool:
    """Whether some project has several environments of which the lists do not say which is production."""
    marked = _marked(environments, configured)[0]
    return any(len(unmarked) > 1 for unmarked in _candidates(marked).values())


def choose_deployments(
    project_names: Mapping[int, str],
    environments: Sequence[Environment],
    configured: Iterable[ConfiguredProject],
    jobs: Mapping[int, Job],
) -> Deployments:
    """`jobs` are needed where `undecided` says so, and may be empty elsewhere."""
    configured = tuple(configured)
    marked, reasons = _marked(environments, configured)
    notes = _unknown(configured, environments)
    deployed_to = {job.environment_id for job in jobs.values() if job.kind not in _PROPOSING}
    production: dict[int, str] = {}
    candidates = _candidates(marked)
    for project_id, unmarked in candidates.items():
        used = [environment for environment in unmarked if environment.id in deployed_to]
        if len(unmarked) == 1:
            production[unmarked[0].id] = "the project's only unmarked deployment environment"
        elif len(used) == 1:
            production[used[0].id] = "the only unmarked environment that jobs deploy to"
        else:
            notes.append(_not_chosen(project_names.get(project_id, str(project_id)), unmarked))
    with_environments = {environment.dbt_cloud_project_id for environment in marked}
    notes += [_without(name) for project_id, name in project_names.items() if project_id not in with_environments]
    chosen = tuple(
        replace(environment, deployment=DeploymentEnvironment.PRODUCTION)
        if environment.id in production
        else environment
        for environment in marked
    )
    return Deployments(chosen, reasons | production, tuple(notes))


def _marked(
    environments: Sequence[Environment], configured: Iterable[ConfiguredProject]
) -> tuple[list[Environment], dict[int, str]]:
    """As the configuration and dbt mark them: a project's configured production, or staging, is its only one."""
    settings = {
        environment.id: environment.deployment for project in configured for environment in project.environments
    }
    decided = {
        (environment.dbt_cloud_project_id, settings[environment.id])
        for environment in environments
        if environment.id in settings
    }
    marked: list[Environment] = []
    reasons: dict[int, str] = {}
    for environment in environments:
        if environment.id in settings:
            marked.append(replace(environment, deployment=settings[environment.id]))
            reasons[environment.id] = "named by [[projects]]"
        elif (
            environment.deployment is not None and (environment.dbt_cloud_project_id, environment.deployment) in decided
        ):
            marked.append(replace(environment, deployment=None))
        else:
            marked.append(environment)
            if environment.deployment is not None:
                reasons[environment.id] = "marked in dbt"
    return marked, reasons


def _candidates(marked: Iterable[Environment]) -> dict[int, list[Environment]]:
    """The unmarked environments of each project that has some, and no production."""
    by_project: dict[int, list[Environment]] = {}
    for environment in marked:
        by_project.setdefault(environment.dbt_cloud_project_id, []).append(environment)
    return {
        project_id: unmarked
        for project_id, some in by_project.items()
        if not any(environment.deployment is DeploymentEnvironment.PRODUCTION for environment in some)
        and (unmarked := [environment for environment in some if environment.deployment is None])
    }


def _not_chosen(name: str, unmarked: Sequence[Environment]) -> UpstreamNote:
    listed = ", ".join(
        f"{environment.id} ({environment.name})" if environment.name else str(environment.id)
        for environment in unmarked
    )
    return UpstreamNote(
        NOT_CHOSEN,
        f"Project {name!r} is left out: dbt marks none of its deployment environments as production, and jobs do not "
        f"deploy to exactly one of them: {listed}. Mark one in dbt, or name it in [[projects]] of the configuration.",
        tuple(sorted(environment.id for environment in unmarked)),
        missing=1,
    )


def _without(name: str) -> UpstreamNote:
    return UpstreamNote(
        NO_ENVIRONMENT, f"Project {name!r} is left out: dbt lists no deployment environment of it.", missing=1
    )


def _unknown(configured: Iterable[ConfiguredProject], environments: Iterable[Environment]) -> list[UpstreamNote]:
    listed = {environment.id for environment in environments}
    return [
        UpstreamNote(
            UNKNOWN_ENVIRONMENT,
            f"[[projects]] names environment {environment.id} for {project.name!r}, and dbt lists no deployment "
            "environment of this id. Check the id, and that the token may see its project.",
            (environment.id,),
        )
        for project in configured
        for environment in project.environments
        if environment.id not in listed
    ]

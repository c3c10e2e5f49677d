"""Which environment of each project is its production, and which its staging.

In this order: what `[[projects]]` of the configuration says; what dbt marks; where no environment is marked production,
the only one that is unmarked; of several the only one that deploying jobs run in. A project for which none of these
decides is left out, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.hierarchy.job import Job
from gateway.hierarchy.project import DeploymentEnvironment, Environment
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
        used = [one for one in unmarked if one.id in deployed_to]
        if len(unmarked) == 1:
            production[unmarked[0].id] = "the project's only unmarked deployment environment"
        elif len(used) == 1:
            production[used[0].id] = "the only unmarked environment that jobs deploy to"
        else:
            notes.append(_not_chosen(project_names.get(project_id, str(project_id)), unmarked))
    with_environments = {one.dbt_cloud_project_id for one in marked}
    notes += [_without(name) for project_id, name in project_names.items() if project_id not in with_environments]
    chosen = tuple(
        replace(one, deployment=DeploymentEnvironment.PRODUCTION) if one.id in production else one for one in marked
    )
    return Deployments(chosen, reasons | production, tuple(notes))


def _marked(
    environments: Sequence[Environment], configured: Iterable[ConfiguredProject]
) -> tuple[list[Environment], dict[int, str]]:
    """As the configuration and dbt mark them: a project's configured production, or staging, is its only one."""
    settings = {one.id: one.deployment for project in configured for one in project.environments}
    decided = {(one.dbt_cloud_project_id, settings[one.id]) for one in environments if one.id in settings}
    marked: list[Environment] = []
    reasons: dict[int, str] = {}
    for one in environments:
        if one.id in settings:
            marked.append(replace(one, deployment=settings[one.id]))
            reasons[one.id] = "named by [[projects]]"
        elif one.deployment is not None and (one.dbt_cloud_project_id, one.deployment) in decided:
            marked.append(replace(one, deployment=None))
        else:
            marked.append(one)
            if one.deployment is not None:
                reasons[one.id] = "marked in dbt"
    return marked, reasons


def _candidates(marked: Iterable[Environment]) -> dict[int, list[Environment]]:
    """The unmarked environments of each project that has some, and no production."""
    by_project: dict[int, list[Environment]] = {}
    for one in marked:
        by_project.setdefault(one.dbt_cloud_project_id, []).append(one)
    return {
        project_id: unmarked
        for project_id, some in by_project.items()
        if not any(one.deployment is DeploymentEnvironment.PRODUCTION for one in some)
        and (unmarked := [one for one in some if one.deployment is None])
    }


def _not_chosen(name: str, unmarked: Sequence[Environment]) -> UpstreamNote:
    listed = ", ".join(f"{one.id} ({one.name})" if one.name else str(one.id) for one in unmarked)
    return UpstreamNote(
        NOT_CHOSEN,
        f"Project {name!r} is left out: dbt marks none of its deployment environments as production, and jobs do not "
        f"deploy to exactly one of them: {listed}. Mark one in dbt, or name it in [[projects]] of the configuration.",
        tuple(sorted(one.id for one in unmarked)),
        missing=1,
    )


def _without(name: str) -> UpstreamNote:
    return UpstreamNote(
        NO_ENVIRONMENT, f"Project {name!r} is left out: dbt lists no deployment environment of it.", missing=1
    )


def _unknown(configured: Iterable[ConfiguredProject], environments: Iterable[Environment]) -> list[UpstreamNote]:
    listed = {one.id for one in environments}
    return [
        UpstreamNote(
            UNKNOWN_ENVIRONMENT,
            f"[[projects]] names environment {one.id} for {project.name!r}, and dbt lists no deployment environment of "
            "this id. Check the id, and that the token may see its project.",
            (one.id,),
        )
        for project in configured
        for one in project.environments
        if one.id not in listed
    ]

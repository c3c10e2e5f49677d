"""Roots of the environment side: the environment itself, its applied and its definition state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from gateway.local_platform.discovery.applied_models import models_page, packages
from gateway.local_platform.discovery.fields import Arguments, Info, Readers
from gateway.local_platform.discovery.history import request_of, resolve_history
from gateway.local_platform.discovery.run_node import RunNode
from gateway.local_platform.discovery.session import EnvironmentState, Session
from gateway.local_platform.tables import manifests, runs


@dataclass(frozen=True)
class EnvironmentSource:
    """What stands behind Environment, AppliedState and DefinitionState."""

    session: Session
    state: EnvironmentState


def resolve_environment(_root: Any, info: Info, arguments: Arguments) -> EnvironmentSource:
    """The environment. Raises for an unknown id."""
    session: Session = info.context
    return EnvironmentSource(session, session.environment(arguments["id"]))


def resolve_model_by_environment(_root: Any, info: Info, arguments: Arguments) -> list[RunNode]:
    """The older root of model histories."""
    session: Session = info.context
    environment_id = arguments["environmentId"]
    session.environment(environment_id)
    return resolve_history(session, info, request_of(environment_id, arguments))


def resolve_models(source: EnvironmentSource, _info: Info, arguments: Arguments) -> dict[str, Any]:
    """A page of the applied state's models."""
    return models_page(source.session, source.state, arguments).connection()


def resolve_model_history(source: EnvironmentSource, info: Info, arguments: Arguments) -> list[RunNode]:
    """The last runs of one model."""
    return resolve_history(source.session, info, request_of(source.state.row.id, arguments))


def resolve_packages(source: EnvironmentSource, _info: Info, arguments: Arguments) -> list[str]:
    """Packages of the models; macros are counted in the definition state."""
    return packages(source.session, source.state) if arguments["resource"] == "model" else []


def _manifest_column(source: EnvironmentSource, name: str) -> str | None:
    defining = source.state.defining
    if defining is None:
        return None
    query = select(manifests.c[name]).where(manifests.c.id == defining.manifest_id)
    found: str | None = source.session.connection.scalar(query)
    return found


def _git_sha(source: EnvironmentSource) -> str | None:
    executed = source.state.executed
    if executed is None:
        return None
    query = select(runs.c.git_sha).where(runs.c.id == executed.run_id)
    found: str | None = source.session.connection.scalar(query)
    return found


def resource_counts(source: EnvironmentSource) -> dict[str, int]:
    """How many nodes of each kind the environment's newest manifest holds."""
    defining = source.state.defining
    if defining is None:
        return {}
    counts: dict[str, int] = {}
    for kind in source.session.graph(defining.manifest_id).kinds.values():
        counts[kind] = counts.get(kind, 0) + 1
    return counts


ENVIRONMENT_FIELDS: Readers = {
    "adapterType": lambda source: _manifest_column(source, "adapter_type"),
    "dbtProjectName": lambda source: _manifest_column(source, "project_name"),
    "applied": lambda source: source if source.state.executed is not None else None,
    "definition": lambda source: source if source.state.defining is not None else None,
}

APPLIED_STATE_FIELDS: Readers = {
    "lastUpdatedAt": lambda source: source.state.row.updated_at,
    "latestGitSha": _git_sha,
    "resourceCounts": resource_counts,
}

DEFINITION_STATE_FIELDS: Readers = {
    "lastUpdatedAt": lambda source: source.state.defining.generated_at,
    "resourceCounts": resource_counts,
}

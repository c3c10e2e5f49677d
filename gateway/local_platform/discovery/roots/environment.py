"""Roots of the environment side: the environment itself, its applied and its definition state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from gateway.archive.tables.run_tables import manifest_nodes, manifests, nodes, runs
from gateway.local_platform.discovery.fields.exposure_fields import owners
from gateway.local_platform.discovery.fields.field_readers import Arguments, Info, Readers, Resolver
from gateway.local_platform.discovery.lists.state_lists import everything, kinds_of, state_page, tag_names
from gateway.local_platform.discovery.nodes.run_node import RunNode
from gateway.local_platform.discovery.nodes.session import EnvironmentState, Session
from gateway.local_platform.discovery.nodes.state_nodes import AppliedNode, DefinitionNode, StateNode
from gateway.local_platform.discovery.roots.history import request_of, resolve_history
from gateway.local_platform.discovery.roots.lineage import lineage


@dataclass(frozen=True)
class EnvironmentSource:
    """What stands behind Environment, AppliedState and DefinitionState; `view` tells the states apart."""

    session: Session
    state: EnvironmentState
    view: type[StateNode] = AppliedNode

    def everything(self, *kinds: str) -> list[StateNode]:
        """Every node of these kinds."""
        return everything(self.session, self.state, kinds, self.view)


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


def _history(source: EnvironmentSource, info: Info, arguments: Arguments) -> list[RunNode]:
    return resolve_history(source.session, info, request_of(source.state.row.id, arguments))


def _list_of(*kinds: str) -> Resolver:
    def resolve(source: EnvironmentSource, _info: Info, arguments: Arguments) -> dict[str, Any]:
        return state_page(source.session, source.state, kinds, source.view, arguments)

    return resolve


def _resources(source: EnvironmentSource, _info: Info, arguments: Arguments) -> dict[str, Any]:
    kinds = kinds_of(arguments["filter"]["types"])
    return state_page(source.session, source.state, kinds, source.view, arguments)


def _lineage(source: EnvironmentSource, _info: Info, arguments: Arguments) -> Sequence[StateNode]:
    return lineage(source.session, source.state, source.view, arguments["filter"])


def _exposures(source: EnvironmentSource, _info: Info, arguments: Arguments) -> dict[str, Any]:
    """The list of exposures. Unique ids of its filter may be those of exposures, or of what exposures depend on."""
    filters = arguments.get("filter") or {}
    if filters.get("uniqueIds") is not None:
        unique_ids = _with_exposures_of(source, filters["uniqueIds"])
        arguments = {**arguments, "filter": {**filters, "uniqueIds": unique_ids}}
    return state_page(source.session, source.state, ("exposure",), source.view, arguments)


def _with_exposures_of(source: EnvironmentSource, unique_ids: Sequence[str]) -> list[str]:
    """These ids, and those of the exposures that depend on them, near ones first."""
    defining = source.state.defining
    graph = source.session.graph(defining.manifest_id) if defining else None
    return [*unique_ids, *(graph.dependents_of(unique_ids, ("exposure",)) if graph else ())]


def _exposure_tile(source: EnvironmentSource, _info: Info, arguments: Arguments) -> StateNode | None:
    """The exposure of this id, or the one nearest to the node of this id. No artifact knows exposures by their
    dashboard in a BI tool."""
    unique_id = arguments["filter"].get("uniqueId")
    exposures = {node.unique_id: node for node in source.everything("exposure")} if unique_id else {}
    nearest = _with_exposures_of(source, [unique_id]) if exposures else []
    return next((exposures[name] for name in nearest if name in exposures), None)


def _packages(source: EnvironmentSource, _info: Info, arguments: Arguments) -> list[str]:
    defining = source.state.defining
    if defining is None:
        return []
    names = source.session.packages(defining.manifest_id, arguments["resource"])
    return list(names)


def _owners(source: EnvironmentSource, _info: Info, arguments: Arguments) -> list[dict[str, str]]:
    return owners(source.everything(arguments["resource"]))


def _manifest_column(name: str) -> Callable[[EnvironmentSource], Any]:
    def read(source: EnvironmentSource) -> Any:
        defining = source.state.defining
        query = select(manifests.c[name])
        return (
            source.session.connection.scalar(query.where(manifests.c.id == defining.manifest_id)) if defining else None
        )

    return read


def _git_sha(source: EnvironmentSource) -> Any:
    executed = source.state.executed
    if executed is None:
        return None
    return source.session.connection.scalar(select(runs.c.git_sha).where(runs.c.id == executed.run_id))


def _resource_counts(source: EnvironmentSource) -> dict[str, int]:
    """How many nodes of each kind the environment's newest manifest holds."""
    defining = source.state.defining
    if defining is None:
        return {}
    counted = (
        select(nodes.c.kind, func.count())
        .join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id)
        .where(manifest_nodes.c.manifest_id == defining.manifest_id)
        .group_by(nodes.c.kind)
        .order_by(nodes.c.kind)
    )
    return dict(source.session.connection.execute(counted).all())


def _definition(source: EnvironmentSource) -> EnvironmentSource | None:
    known = source.state.defining is not None
    return EnvironmentSource(source.session, source.state, DefinitionNode) if known else None


_LABELS: Readers = {
    "resourceCounts": _resource_counts,
    "tags": lambda source: tag_names(source.everything(*kinds_of(None))),
}

ENVIRONMENT_FIELDS: Readers = {
    "adapterType": _manifest_column("adapter_type"),
    "dbtProjectName": _manifest_column("project_name"),
    "applied": lambda source: source if source.state.executed is not None else None,
    "definition": _definition,
}

APPLIED_STATE_FIELDS: Readers = {
    **_LABELS,
    "lastUpdatedAt": lambda source: source.state.row.updated_at,
    "latestGitSha": _git_sha,
}

DEFINITION_STATE_FIELDS: Readers = {
    **_LABELS,
    "lastUpdatedAt": lambda source: source.state.defining.generated_at,
}

_LISTS: dict[str, Resolver] = {
    "exposures": _exposures,
    "lineage": _lineage,
    "models": _list_of("model"),
    "packages": _packages,
    "resources": _resources,
    "seeds": _list_of("seed"),
    "snapshots": _list_of("snapshot"),
    "sources": _list_of("source"),
}

APPLIED_STATE_LISTS: dict[str, Resolver] = {
    **_LISTS,
    "exposureTile": _exposure_tile,
    "modelHistoricalRuns": _history,
    "owners": _owners,
    "tests": _list_of("test", "unit_test"),
}

DEFINITION_STATE_LISTS: dict[str, Resolver] = {
    **_LISTS,
    "groups": _list_of("group"),
    "macros": _list_of("macro"),
    "metrics": _list_of("metric"),
    "savedQueries": _list_of("saved_query"),
    "semanticModels": _list_of("semantic_model"),
    "tests": _list_of("test", "unit_test"),
}

"""`applied.models`: filters, sorting and pages of an environment's models, and the readers of their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from gateway.local_platform.artifacts import Node
from gateway.local_platform.discovery import content
from gateway.local_platform.discovery.applied import AppliedBatch, AppliedNode
from gateway.local_platform.discovery.execution_info import MODEL_EXECUTION_FIELDS, attempted, run_status
from gateway.local_platform.discovery.fields import Arguments, Info, Readers
from gateway.local_platform.discovery.graph import Graph
from gateway.local_platform.discovery.node_fields import CODE_FIELDS, NESTED_FIELDS, NODE_FIELDS, WHOLE_MODEL_FIELDS
from gateway.local_platform.discovery.paging import ENVIRONMENT_PAGE, Page, page_size, rows_after
from gateway.local_platform.discovery.session import EnvironmentState, Session

Criterion = Callable[[AppliedNode], bool]


def _is(reader: Callable[[Node], Any], value: Any) -> Criterion:
    return lambda node: bool(reader(node.node) == value)


CRITERIA: Mapping[str, Callable[[Any], Criterion]] = {
    "access": partial(_is, attrgetter("access")),
    "database": partial(_is, attrgetter("database")),
    "group": partial(_is, attrgetter("group")),
    "identifier": partial(_is, content.relation_identifier),
    "lastRunStatus": lambda value: lambda node: run_status(node.member.last_status) == value,
    "modelingLayer": lambda _value: lambda _node: False,
    "packageName": partial(_is, attrgetter("package_name")),
    "schema": partial(_is, attrgetter("schema")),
    "tags": lambda value: lambda node: not set(value).isdisjoint(content.tags_of(node.node)),
    "uniqueIds": lambda value: lambda node: node.unique_id in set(value),
}


def filtered(nodes: Sequence[AppliedNode], wanted: Mapping[str, Any] | None) -> Sequence[AppliedNode]:
    """The nodes that meet every criterion of a filter input. Several tags mean any of them."""
    for name, value in (wanted or {}).items():
        if value is not None:
            criterion = CRITERIA[name](value)
            nodes = [node for node in nodes if criterion(node)]
    return nodes


def page_of(
    session: Session, state: EnvironmentState, nodes: Sequence[AppliedNode], arguments: Mapping[str, Any]
) -> Page:
    """The page that `first` and `after` ask for, its nodes in a batch of their own."""
    start = rows_after(nodes, arguments.get("after"), lambda node: node.unique_id)
    stop = start + page_size(arguments.get("first"), ENVIRONMENT_PAGE)
    members = [node.member for node in nodes[start:stop]]
    batch = AppliedBatch(session, state, members)
    return Page(batch.nodes, [member.unique_id for member in members], start, len(nodes))


def models_page(session: Session, state: EnvironmentState, arguments: Mapping[str, Any]) -> Page:
    """One page of the environment's models."""
    everything = AppliedBatch(session, state, session.members(state, "model")).nodes
    nodes = filtered(everything, arguments.get("filter"))
    return page_of(session, state, _sorted(nodes, arguments.get("sort")), arguments)


def _sorted(nodes: Sequence[AppliedNode], sort: Mapping[str, Any] | None) -> Sequence[AppliedNode]:
    """By unique id unless asked otherwise; nodes without the value stand last, whatever the direction."""
    if sort is None:
        return nodes
    value = _SORT_VALUES[sort["field"]]
    known = [node for node in nodes if value(node) is not None]
    known.sort(key=value, reverse=sort["direction"] == "desc")
    return known + [node for node in nodes if value(node) is None]


# No artifact counts queries, and row counts are read with the catalog only, so both sort as unknown.
_SORT_VALUES: Mapping[str, Callable[[AppliedNode], Any]] = {
    "uniqueId": attrgetter("unique_id"),
    "executeCompletedAt": attrgetter("member.execute_completed_at"),
    "queryUsageCount": lambda _node: None,
    "rowCount": lambda _node: None,
}


def parents(node: AppliedNode) -> list[AppliedNode]:
    """Direct parents that the state holds."""
    return node.relatives("parents", Graph.parents_of)


def children(node: AppliedNode) -> list[AppliedNode]:
    """Direct children but tests."""
    return node.relatives("children", partial(Graph.children_of, tests=False))


def tests(node: AppliedNode) -> list[AppliedNode]:
    """Tests of the node."""
    return node.relatives("tests", partial(Graph.children_of, tests=True))


def ancestors(node: AppliedNode, _info: Info, arguments: Arguments) -> list[AppliedNode]:
    """Every node upstream of this one, of the given types."""
    kinds = tuple(sorted(kind.lower() for kind in arguments["types"]))
    return node.relatives(("ancestors", kinds), partial(Graph.ancestors_of, kinds=kinds))


def test_statuses(node: AppliedNode) -> dict[str, int]:
    """How many tests of the node ended how at their last attempt."""
    counts: dict[str, int] = {}
    for test in tests(node):
        status = test.member.last_status
        if status is not None:
            counts[status] = counts.get(status, 0) + 1
    return counts


def dbt_version(node: AppliedNode) -> str | None:
    """The dbt that built the node last, or that read the project last."""
    if node.success is not None:
        return str(node.success.dbt_version)
    return node.batch.state.defining.dbt_version if node.batch.state.defining else None


PLACE_FIELDS: Readers = {
    "accountId": attrgetter("batch.state.row.account_id"),
    "projectId": attrgetter("batch.state.row.project_id"),
    "environmentId": attrgetter("batch.state.row.id"),
}

MODEL_APPLIED_FIELDS: Readers = {
    **NODE_FIELDS,
    **WHOLE_MODEL_FIELDS,
    **CODE_FIELDS,
    **PLACE_FIELDS,
    "children": children,
    "compiledCode": attrgetter("compiled_code"),
    "dbtVersion": dbt_version,
    "executionInfo": attempted,
    "packages": lambda node: packages(node.batch.session, node.batch.state),
    "parents": parents,
    "relationName": attrgetter("node.relation_name"),
    "tests": tests,
    "versions": lambda node: versions(node),
}

MODEL_NESTED_FIELDS: Readers = {
    **NESTED_FIELDS,
    **WHOLE_MODEL_FIELDS,
    "dbtVersion": dbt_version,
    "executionInfo": attempted,
    "relationName": attrgetter("node.relation_name"),
    "testStatuses": test_statuses,
}

MODEL_EXECUTION_INFO_FIELDS: Readers = MODEL_EXECUTION_FIELDS


def packages(session: Session, state: EnvironmentState) -> list[str]:
    """The packages whose models the environment holds."""
    nodes = AppliedBatch(session, state, session.members(state, "model")).nodes
    return sorted({node.node.package_name for node in nodes if node.node.package_name})


def versions(node: AppliedNode) -> list[dict[str, Any]]:
    """Every version of a versioned model, itself among them."""
    if node.node.version is None:
        return []
    siblings = _versioned(node.batch).get((node.node.package_name, node.node.name), [])
    return [
        {
            "name": other.node.name or "",
            "releaseVersion": content.release_version(other.node),
            "uniqueId": other.unique_id,
        }
        for other in siblings
    ]


def _versioned(batch: AppliedBatch) -> dict[tuple[str | None, str | None], list[AppliedNode]]:
    key = ("versions", batch.state.row.id)
    if key not in batch.session.prepared:
        found: dict[tuple[str | None, str | None], list[AppliedNode]] = {}
        for other in AppliedBatch(batch.session, batch.state, batch.session.members(batch.state, "model")).nodes:
            if other.node.version is not None:
                found.setdefault((other.node.package_name, other.node.name), []).append(other)
        batch.session.prepared[key] = found
    prepared: dict[tuple[str | None, str | None], list[AppliedNode]] = batch.session.prepared[key]
    return prepared

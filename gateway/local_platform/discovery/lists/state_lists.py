"""Lists of an environment's nodes: filters, sorting and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from gateway.archive.artifacts.node_content import tags_of
from gateway.archive.tables.rows import AnyRow
from gateway.local_platform.discovery.fields.catalog_fields import columns_of, row_count, table_of
from gateway.local_platform.discovery.fields.data_test_fields import last_known_result, test_type
from gateway.local_platform.discovery.fields.execution_info import run_status
from gateway.local_platform.discovery.fields.field_readers import Arguments
from gateway.local_platform.discovery.fields.freshness_fields import freshness_status
from gateway.local_platform.discovery.lists.paging import ENVIRONMENT_PAGE, ConnectionPage, page_size, rows_after
from gateway.local_platform.discovery.nodes import content
from gateway.local_platform.discovery.nodes.session import EnvironmentState, Session
from gateway.local_platform.discovery.nodes.state_nodes import StateBatch, StateNode

Criterion = Callable[[StateNode], bool]

# The API's names of kinds of nodes, and dbt's.
TYPE_KINDS: Mapping[str, tuple[str, ...]] = {
    "Exposure": ("exposure",),
    "Macro": ("macro",),
    "Metric": ("metric",),
    "Model": ("model",),
    "SavedQuery": ("saved_query",),
    "Seed": ("seed",),
    "SemanticModel": ("semantic_model",),
    "Snapshot": ("snapshot",),
    "Source": ("source",),
    "Test": ("test", "unit_test"),
}


def kinds_of(types: Iterable[str] | None) -> tuple[str, ...]:
    """dbt's kinds of the API's types, all of them for None."""
    return tuple(kind for name in (TYPE_KINDS if types is None else types) for kind in TYPE_KINDS[name])


def _is(reader: Callable[[Any], Any], value: Any) -> Criterion:
    return lambda node: bool(reader(node) == value)


def _among(reader: Callable[[Any], Any], values: Iterable[Any]) -> Criterion:
    value_set = set(values)
    return lambda node: reader(node) in value_set


def _any_tag(values: Iterable[str]) -> Criterion:
    value_set = set(values)
    return lambda node: not value_set.isdisjoint(tags_of(node.node))


def _any_column(names: Iterable[str]) -> Criterion:
    """A column of the catalog, or a documented one where there is no catalog; in any case of letters."""
    lower_names = {name.lower() for name in names}
    return lambda node: any(
        str(column["name"]).lower() in lower_names for column in columns_of(table_of(node), node.node)
    )


_CRITERIA: Mapping[str, Callable[[Any], Criterion]] = {
    "access": partial(_is, attrgetter("node.access")),
    "columnNames": _any_column,
    "database": partial(_is, attrgetter("node.database")),
    "exposureType": partial(_is, attrgetter("node.type")),
    "freshnessChecked": partial(_is, lambda node: node.freshness is not None),
    "freshnessStatus": partial(_is, lambda node: freshness_status(node.freshness)),
    "group": partial(_is, attrgetter("node.group")),
    "identifier": partial(_is, lambda node: content.relation_identifier(node.node)),
    "lastKnownResult": partial(_is, last_known_result),
    "lastKnownResults": partial(_among, last_known_result),
    "lastRunStatus": partial(_is, lambda node: run_status(node.member.last_status)),
    "modelingLayer": lambda _value: lambda _node: False,
    "packageName": partial(_is, attrgetter("node.package_name")),
    "schema": partial(_is, attrgetter("node.schema")),
    "sourceNames": partial(_among, attrgetter("node.source_name")),
    "status": partial(_is, attrgetter("member.last_status")),
    "tags": _any_tag,
    "testTypes": partial(_among, test_type),
    "types": lambda _value: lambda _node: True,
    "uniqueIds": partial(_among, attrgetter("unique_id")),
}


def everything(
    session: Session, state: EnvironmentState, kinds: Sequence[str], view: type[StateNode]
) -> list[StateNode]:
    """Every node of these kinds, by unique id."""
    return StateBatch(session, state, session.members(state, *kinds), view).nodes


def filtered(nodes: Sequence[StateNode], filter: Mapping[str, Any] | None) -> Sequence[StateNode]:
    """The nodes that meet every criterion of a filter input. Several tags mean any of them."""
    for name, value in (filter or {}).items():
        if value is not None:
            criterion = _CRITERIA[name](value)
            nodes = [node for node in nodes if criterion(node)]
    return nodes


def state_page(
    session: Session, state: EnvironmentState, kinds: Sequence[str], view: type[StateNode], arguments: Arguments
) -> dict[str, Any]:
    """The connection that `filter`, `sort`, `first` and `after` ask for; its nodes form a batch of their own."""
    members = _members_in_order(session, state, kinds, view, arguments)
    start = rows_after(members, arguments.get("after"), attrgetter("unique_id"))
    page = members[start : start + page_size(arguments.get("first"), ENVIRONMENT_PAGE)]
    batch = StateBatch(session, state, page, view)
    return ConnectionPage(batch.nodes, [member.unique_id for member in page], start, len(members)).connection()


def _members_in_order(
    session: Session, state: EnvironmentState, kinds: Sequence[str], view: type[StateNode], arguments: Arguments
) -> Sequence[AnyRow]:
    """The rows of the whole list: as they are known, where it is neither filtered nor sorted."""
    filter, sort = arguments.get("filter"), arguments.get("sort")
    if not filter and sort is None:
        return session.members(state, *kinds)
    named = filter.get("uniqueIds") if filter else None
    members = session.members(state, *kinds) if named is None else session.members_named(state, kinds, named)
    nodes = _sorted(filtered(StateBatch(session, state, members, view).nodes, filter), sort)
    return [node.member for node in nodes]


def _sorted(nodes: Sequence[StateNode], sort: Mapping[str, Any] | None) -> Sequence[StateNode]:
    """By unique id unless asked otherwise; nodes without the value stand last, whatever the direction."""
    if sort is None:
        return nodes
    value = _SORT_VALUES[sort["field"]]
    known = [node for node in nodes if value(node) is not None]
    known.sort(key=value, reverse=sort["direction"] == "desc")
    return known + [node for node in nodes if value(node) is None]


# No artifact counts queries, and few adapters count rows.
_SORT_VALUES: Mapping[str, Callable[[StateNode], Any]] = {
    "uniqueId": attrgetter("unique_id"),
    "executeCompletedAt": attrgetter("member.execute_completed_at"),
    "queryUsageCount": lambda _node: None,
    "rowCount": lambda node: row_count(node),
}


def tag_names(nodes: Iterable[StateNode]) -> list[dict[str, str]]:
    """Every tag these nodes bear, once, as the schema's Tag."""
    return [{"name": name} for name in sorted({tag for node in nodes for tag in tags_of(node.node)})]


def package_names(nodes: Iterable[Any]) -> list[str]:
    """Every package these nodes come from, once."""
    return sorted({node.node.package_name for node in nodes if node.node.package_name})

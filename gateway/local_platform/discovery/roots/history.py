"""`modelHistoricalRuns`: the last runs of a model. All lookups of one operation, however many and over however many
environments, are answered together by a handful of statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from graphql import GraphQLError
from sqlalchemy import select

from gateway.archive.reading.model_results import node_contents
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import runs
from gateway.local_platform.discovery.fields.field_readers import Arguments, Info
from gateway.local_platform.discovery.lists.selection import Found, arguments_of, selected_below, selected_fields
from gateway.local_platform.discovery.nodes.content import relation_identifier
from gateway.local_platform.discovery.nodes.reading import history_rows, resource_keys
from gateway.local_platform.discovery.nodes.run_node import RunBatch, RunNode
from gateway.local_platform.discovery.nodes.session import Session

_PREPARED = "histories"


@dataclass(frozen=True)
class HistoryLookup:
    """One lookup: by unique id, or by the name of the table in the warehouse."""

    environment_id: int
    unique_id: str | None
    identifier: str | None
    count: int


def resolve_history(session: Session, info: Info, lookup: HistoryLookup) -> list[RunNode]:
    """The model's last runs, newest first, one node per run."""
    if lookup.count < 0:
        raise GraphQLError("Argument 'lastRunCount' must not be negative.", extensions={"code": "BAD_USER_INPUT"})
    if _PREPARED not in session.prepared:
        session.prepared[_PREPARED] = _load(session, {*_requests(info), lookup})
    answers: dict[HistoryLookup, list[RunNode]] = session.prepared[_PREPARED]
    if lookup not in answers:
        answers.update(_load(session, {lookup}))
    return answers[lookup]


def request_of(environment_id: int, arguments: Arguments) -> HistoryLookup:
    """The lookup that a field's arguments ask for."""
    count = arguments.get("lastRunCount")
    return HistoryLookup(
        environment_id, arguments.get("uniqueId"), arguments.get("identifier"), 1 if count is None else count
    )


def _requests(info: Info) -> Iterable[HistoryLookup]:
    query = info.schema.query_type
    if query is None:
        return
    for selected_field in selected_fields(info, query, info.operation.selection_set):
        if selected_field[1].name.value == "modelByEnvironment":
            yield _request(info, selected_field, arguments_of(info, selected_field)["environmentId"])
        elif selected_field[1].name.value == "environment":
            yield from _requests_below(info, selected_field)


def _requests_below(info: Info, environment: Found) -> Iterable[HistoryLookup]:
    environment_id = arguments_of(info, environment)["id"]
    for applied in selected_below(info, environment, "applied"):
        for history in selected_below(info, applied, "modelHistoricalRuns"):
            yield _request(info, history, environment_id)


def _request(info: Info, selected_field: Found, environment_id: int) -> HistoryLookup:
    return request_of(environment_id, arguments_of(info, selected_field))


def _load(session: Session, requests: set[HistoryLookup]) -> dict[HistoryLookup, list[RunNode]]:
    keys = _resources(session, requests)
    rows: dict[tuple[int, int], list[AnyRow]] = {}
    for count in {request.count for request in requests if request.count > 0}:
        wanted_keys = {key for request in requests if request.count == count for key in keys[request].values()}
        for key, history in history_rows(session.connection, sorted(wanted_keys), count).items():
            rows[count, key] = history
    return _nodes(session, keys, rows)


def _resources(session: Session, requests: set[HistoryLookup]) -> dict[HistoryLookup, dict[str, int]]:
    """The models each lookup means, as resource keys by unique id."""
    names = {request: _model_ids(session, request) for request in requests}
    by_environment: dict[int, set[str]] = {}
    for request, lookup_names in names.items():
        by_environment.setdefault(request.environment_id, set()).update(lookup_names)
    keys = {
        place: resource_keys(session.connection, place, place_names) for place, place_names in by_environment.items()
    }
    return {
        request: {
            name: keys[request.environment_id][name] for name in lookup_names if name in keys[request.environment_id]
        }
        for request, lookup_names in names.items()
    }


def _model_ids(session: Session, request: HistoryLookup) -> list[str]:
    if request.unique_id is not None:
        return [request.unique_id] if request.unique_id.startswith("model.") else []
    if request.identifier is None:
        return []
    members = session.members(session.environment(request.environment_id), "model")
    contents = node_contents(session.connection, [member.manifest_node_id for member in members])
    identifiers = ((member.unique_id, relation_identifier(contents[member.manifest_node_id])) for member in members)
    return [unique_id for unique_id, identifier in identifiers if identifier == request.identifier]


def _nodes(
    session: Session, keys: dict[HistoryLookup, dict[str, int]], rows: dict[tuple[int, int], list[AnyRow]]
) -> dict[HistoryLookup, list[RunNode]]:
    known = run_rows(session, {row.run_id for rows_of_key in rows.values() for row in rows_of_key})
    batch = RunBatch(session)
    answers: dict[HistoryLookup, list[RunNode]] = {}
    for request, resources in keys.items():
        pairs = [(name, row) for name, key in resources.items() for row in rows.get((request.count, key), ())]
        pairs.sort(key=lambda item: (item[1].generated_at, item[1].run_id), reverse=True)
        answers[request] = [_node(batch, known[row.run_id], name, row) for name, row in pairs[: request.count]]
    return answers


def _node(batch: RunBatch, run: AnyRow, name: str, row: AnyRow) -> RunNode:
    return batch.add(run, name, kind="model", node_id=row.node_id, manifest_id=row.manifest_id, result=row)


def run_rows(session: Session, run_ids: Iterable[int]) -> dict[int, AnyRow]:
    """Runs by id."""
    rows: list[AnyRow] = []
    for part in chunks(run_ids):
        rows += session.connection.execute(select(runs).where(runs.c.id.in_(part))).all()
    return {row.id: row for row in rows}

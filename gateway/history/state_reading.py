"""The states of all models of environments, as far as lists order and filter by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from gateway.archive.artifacts.node_content import tags_of
from gateway.archive.reading.last_runtimes import last_runtimes
from gateway.archive.reading.model_states import described_node, model_states
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import from_micros
from gateway.hierarchy.lists.listed_models import ListedState
from gateway.hierarchy.measures.durations import seconds_or_none
from gateway.hierarchy.vocabulary.status import RunStatus, status_of_word
from gateway.hierarchy.vocabulary.unique_ids import local_name

_MILLISECOND = 1_000


def read_model_states(
    connection: Connection, environment_ids: Sequence[int], *, described: bool
) -> dict[int, tuple[ListedState, ...]]:
    """The states of each environment's models, in no order; names, tags and the like where they are to be
    `described`."""
    states_of: dict[int, list[ListedState]] = {environment_id: [] for environment_id in environment_ids}
    times: dict[int, datetime] = {}
    for row in model_states(connection, environment_ids, contents=described):
        state = ListedState(
            row.unique_id,
            seconds_or_none(row.execution_time),
            None if row.attempt is None else _status(row.status),
            None if row.generated_at is None else _time(row.generated_at, times),
            row.materialization,
        )
        states_of[row.environment_id].append(_described(state, row) if described else state)
    return {environment_id: tuple(states) for environment_id, states in states_of.items()}


def read_last_runtimes(
    connection: Connection, environment_ids: Sequence[int]
) -> Mapping[int, Mapping[str, float | None]]:
    """The runtime of the last success of each environment's models in seconds, by unique id; None where there was
    none."""
    runtimes: dict[int, dict[str, float | None]] = {environment_id: {} for environment_id in environment_ids}
    for environment_id, unique_id, seconds in last_runtimes(connection, environment_ids):
        runtimes[environment_id][unique_id] = seconds_or_none(seconds)
    return runtimes


def _status(word: str | None) -> RunStatus:
    return status_of_word(word or "")


def _time(micros: int, known: dict[int, datetime]) -> datetime:
    """As dbt reports it: to the millisecond. Models of one run share it."""
    time = known.get(micros)
    if time is None:
        time = known[micros] = from_micros(micros - micros % _MILLISECOND)
    return time


def _described(state: ListedState, row: AnyRow) -> ListedState:
    node = described_node(row.content)
    return ListedState(
        *state[:5],
        name=node.name or local_name(state.unique_id),
        tags=tuple(tags_of(node)),
        file_path=node.original_file_path or node.path or "",
        group=node.group,
        access=node.access,
        meta=_owner(node.meta),
    )


def _owner(meta: msgspec.Raw) -> Mapping[str, str] | None:
    """What of a node's meta lists look at."""
    data = bytes(meta)
    if b'"owner"' not in data:
        return None
    parsed = msgspec.json.decode(data)
    owner = parsed.get("owner") if isinstance(parsed, dict) else None
    return {"owner": owner} if isinstance(owner, str) else None

"""The states of all models of environments, as far as lists order and filter by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from gateway.archive.artifacts.node_content import tags_of
from gateway.archive.reading.last_runtimes import last_runtimes
from gateway.archive.reading.model_states import AppliedModelRow, described_node, model_states
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
    known = _SharedValues()
    for row in model_states(connection, environment_ids, contents=described):
        states_of[row.environment_id].append(_state(row, known))
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


class _SharedValues:
    """What many models share: the times of their runs, the words for outcomes, tags."""

    def __init__(self) -> None:
        self.times: dict[int, datetime] = {}
        self.statuses: dict[str | None, RunStatus] = {}
        self.tags: dict[tuple[str, ...], tuple[str, ...]] = {}

    def time(self, micros: int) -> datetime:
        """As dbt reports it: to the millisecond."""
        time = self.times.get(micros)
        if time is None:
            time = self.times[micros] = from_micros(micros - micros % _MILLISECOND)
        return time

    def status(self, word: str | None) -> RunStatus:
        status = self.statuses.get(word)
        if status is None:
            status = self.statuses[word] = status_of_word(word or "")
        return status


def _state(row: AppliedModelRow, known: _SharedValues) -> ListedState:
    _, unique_id, attempt, word, generated_at, seconds, materialization, content = row
    runtime = seconds_or_none(seconds)
    status = None if attempt is None else known.status(word)
    time = None if generated_at is None else known.time(generated_at)
    if content is None:
        return ListedState(unique_id, runtime, status, time, materialization)
    node = described_node(content)
    tags = tuple(tags_of(node))
    return ListedState(
        unique_id,
        runtime,
        status,
        time,
        materialization,
        node.name or local_name(unique_id),
        known.tags.setdefault(tags, tags),
        node.original_file_path or node.path or "",
        node.group,
        node.access,
        _owner(node.meta) if b'"owner"' in content else None,
    )


def _owner(meta: msgspec.Raw) -> Mapping[str, str] | None:
    """What of a node's meta lists look at."""
    data = bytes(meta)
    if b'"owner"' not in data:
        return None
    parsed = msgspec.json.decode(data)
    owner = parsed.get("owner") if isinstance(parsed, dict) else None
    return {"owner": owner} if isinstance(owner, str) else None

"""Reading the histories of many models: aliases within their environment, several environments in one document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.concurrency.checkpoints import pieces
from gateway.errors import GatewayError, UpstreamRejected
from gateway.hierarchy.objects.model import ModelRun
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.discovery.batch_sizes import has_time_for_halves, is_too_heavy
from gateway.services.rows.discovery_types import EnvironmentHistories
from gateway.services.rows.mapping import Share, to_model_run
from gateway.services.transport.upstream_errors import PartsRejected

# One document holds at most this many histories, and at most this many rows of them: a hundred times twenty, and of
# each one more, by which it is seen that there are more.
_HISTORIES_PER_DOCUMENT = 100
_ROWS_PER_DOCUMENT = 2_100

# dbt says of all histories of an answer at once which ones failed; one that names others each time is not asked on.
_MOST_REPEATS = 3

# What sizes are remembered under: histories, not environments, are counted.
_HISTORIES = "histories in ModelHistories"

MODEL_RUN_FIELDS = """uniqueId name packageName tags materializedType runId jobId environmentId status error
  executionTime compileStartedAt compileCompletedAt executeStartedAt executeCompletedAt
  threadId invocationId runGeneratedAt"""

_OPERATION = BatchOperation("ModelHistories", f"fragment H on ModelNode {{ {MODEL_RUN_FIELDS} }}", EnvironmentHistories)


class HistoryKey(NamedTuple):
    """One model of one environment."""

    environment_id: int
    unique_id: str


def histories_per_document(count: int) -> int:
    """How many histories of `count` runs one document holds."""
    return max(1, min(_HISTORIES_PER_DOCUMENT, _ROWS_PER_DOCUMENT // count))


async def read_histories(
    query: BaseQuery, keys: Sequence[HistoryKey], count: int
) -> dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
    """The newest `count` runs of each model, newest first.

    Documents that are too complex, or too slow, are halved; what the others answered is kept. A history that fails
    costs its environment's others only a repeat: dbt leaves out all of them, since none of them may be null, and they
    are asked again without it. Where dbt refuses all for their length, shorter ones are read.
    """
    limit = query.history_limit
    histories = await _read_histories(query, keys, limit.count(count))
    shorter = limit.smaller(limit.count(count))
    while (
        shorter is not None and histories and all(isinstance(answer, UpstreamRejected) for answer in histories.values())
    ):
        again = await _read_histories(query, keys, shorter)
        if not all(isinstance(answer, UpstreamRejected) for answer in again.values()):
            limit.accepted(shorter)
            return again
        shorter = limit.smaller(shorter)
    return histories


async def _read_histories(
    query: BaseQuery, keys: Sequence[HistoryKey], count: int
) -> dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
    sizes, most = query.batch_sizes, histories_per_document(count)
    histories = await _read(query, sorted(keys), count)
    while (refused := _too_heavy(query, histories, most)) and has_time_for_halves():
        for environment_id, tried in refused.items():
            sizes.refused(_HISTORIES, tried, (environment_id,))
        again = [key for key, answer in histories.items() if is_too_heavy(answer) and key.environment_id in refused]
        histories |= await _read(query, again, count)
    for _ in range(_MOST_REPEATS):
        lost = [key for key, answer in histories.items() if isinstance(answer, PartsRejected)]
        if not lost:
            break
        histories |= await _read(query, lost, count)
    return histories


def _too_heavy(
    query: BaseQuery, histories: Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError], most: int
) -> dict[int, int]:
    """The environments whose histories were too heavy for their documents, and how many those held; not those of which
    one alone is."""
    keys = [key for key, answer in histories.items() if is_too_heavy(answer)]
    sizes = {
        environment_id: min(len(keys), query.batch_sizes.size(_HISTORIES, most, environment_id))
        for environment_id in {key.environment_id for key in keys}
    }
    return {environment_id: size for environment_id, size in sizes.items() if size > 1}


async def _read(
    query: BaseQuery, keys: Sequence[HistoryKey], count: int
) -> dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
    most = histories_per_document(count)
    chunks = query.batch_sizes.documents(_HISTORIES, most, keys, lambda key: key.environment_id)
    groups_of = [_by_environment(chunk) for chunk in chunks]
    groups = [group for groups in groups_of for group in groups]
    lookups = iter([_lookup(n, group, count) for n, group in enumerate(groups)])
    documents = [[next(lookups) for _ in groups] for groups in groups_of]
    answers = await query.look_up_documents(_OPERATION, documents)
    histories: dict[HistoryKey, tuple[ModelRun, ...] | GatewayError] = {}
    share = Share()
    for n, group in enumerate(groups):
        histories |= await _sort_out(group, answers.get(f"e{n}"), share, count)
    return histories


def _by_environment(keys: Sequence[HistoryKey]) -> list[list[HistoryKey]]:
    groups: dict[int, list[HistoryKey]] = {}
    for key in keys:
        groups.setdefault(key.environment_id, []).append(key)
    return list(groups.values())


def _lookup(n: int, group: Sequence[HistoryKey], count: int) -> RootLookup:
    variables: dict[str, tuple[str, object]] = {
        f"e{n}": ("BigInt!", group[0].environment_id),
        "count": ("Int!", count),
    }
    aliases = []
    for m, key in enumerate(group):
        variables[f"u{n}_{m}"] = ("String!", key.unique_id)
        aliases.append(f"m{m}: modelHistoricalRuns(uniqueId: $u{n}_{m}, lastRunCount: $count) {{ ...H }}")
    text = f"environment(id: $e{n}) {{ applied {{ {' '.join(aliases)} }} }}"
    return RootLookup(f"e{n}", text, variables)


async def _sort_out(
    group: Sequence[HistoryKey], answer: EnvironmentHistories | GatewayError | None, share: Share, count: int
) -> Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
    if isinstance(answer, PartsRejected):
        # Those that it does not name keep the PartsRejected: they are asked again.
        named = UpstreamRejected(answer.message)
        return {key: named if f"m{m}" in answer.parts else answer for m, key in enumerate(group)}
    if isinstance(answer, GatewayError):
        return dict.fromkeys(group, answer)
    histories = (answer.applied if answer else None) or {}
    runs: dict[HistoryKey, tuple[ModelRun, ...] | GatewayError] = {}
    async for piece in pieces(group, steps=8 * count):
        for key in piece:
            rows = histories.get(f"m{len(runs)}", ())
            runs[key] = _superseding(_newest_first(to_model_run(row, share) for row in rows))
    return runs


def _superseding(runs: Sequence[ModelRun]) -> tuple[ModelRun, ...]:
    """The same runs, newest first; of several results of one run all but the newest are marked as superseded."""
    if len({run.run_id for run in runs}) == len(runs):
        return tuple(runs)
    seen: set[int] = set()
    marked = []
    for run in runs:
        marked.append(replace(run, superseded=True) if run.run_id in seen else run)
        seen.add(run.run_id)
    return tuple(marked)


def _newest_first(runs: Iterable[ModelRun | None]) -> tuple[ModelRun, ...]:
    touched = (run for run in runs if run is not None)
    return tuple(sorted(touched, key=lambda run: run.recency, reverse=True))

"""The runtime of the last success of every model, from one packed row for each: results are read of few."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from gateway.archive.reading.applied_state import defining_manifests
from gateway.archive.reading.model_states import newest_successes
from gateway.archive.reading.rankings import packed_by_model
from gateway.archive.rollups.day_buckets import damaged
from gateway.archive.rollups.outcomes import builds_successfully, is_timed, may_have_succeeded
from gateway.archive.rollups.packed_results import LEAST_KEPT
from gateway.archive.rollups.result_events import CI_JOB_TYPES
from gateway.archive.tables.rows import driver_rows
from gateway.archive.tables.run_tables import invocations, jobs

_SECONDS = struct.Struct("<d")
_SUCCESS, _UNCERTAIN = b"\1", b"\2"
_KINDS = bytes(
    _SUCCESS[0] if builds_successfully(outcome) else _UNCERTAIN[0] if may_have_succeeded(outcome) else 0
    for outcome in range(256)
)
_UNTIMED = bytes(outcome for outcome in range(256) if not is_timed(outcome))


class LastRuntime(NamedTuple):
    """The execution time of a model's last success in seconds, as dbt reported it; None where there was none."""

    environment_id: int
    unique_id: str
    seconds: float | None


def last_runtimes(connection: Connection, environment_ids: Sequence[int]) -> Iterator[LastRuntime]:
    """Of all models of the applied states of environments, in no order: the same as `model_states`, about 4 µs a model.

    Two statements, and one for each thousand models whose last success does not show in their rows. Raises
    ConfigurationError for a damaged row.
    """
    shown = _shown_by_rows(connection, environment_ids)
    hidden: dict[bool, dict[int, tuple[int, str]]] = {True: {}, False: {}}
    rows = driver_rows(connection, packed_by_model(environment_ids))
    for environment_id, unique_id, resource_id, deploys, outcomes, seconds in rows:
        if outcomes is None:
            yield LastRuntime(environment_id, unique_id, None)
            continue
        place = _place_of_success(outcomes) if environment_id in shown else None
        if place is None:
            hidden[bool(deploys)][resource_id] = environment_id, unique_id
        else:
            yield LastRuntime(environment_id, unique_id, None if place < 0 else _runtime_at(place, outcomes, seconds))
    for deploys, models in hidden.items():
        runtimes = newest_successes(connection, list(models), deploys=deploys)
        yield from (LastRuntime(*model, runtimes[key]) for key, model in models.items())


def _place_of_success(outcomes: bytes) -> int | None:
    """Where the last success stands among outcomes, -1 where there was none; None where they do not say."""
    kinds = outcomes.translate(_KINDS)
    place = kinds.find(_SUCCESS)
    if kinds.find(_UNCERTAIN, 0, place if place >= 0 else len(kinds)) >= 0:
        return None
    return None if place < 0 and len(outcomes) >= LEAST_KEPT else place


def _runtime_at(place: int, outcomes: bytes, seconds: bytes) -> float:
    try:
        (runtime,) = _SECONDS.unpack_from(seconds, 8 * len(outcomes[:place].translate(None, _UNTIMED)))
    except struct.error as error:
        raise damaged("recent_results") from error
    return float(runtime)


def _shown_by_rows(connection: Connection, environment_ids: Sequence[int]) -> frozenset[int]:
    """The environments of which outcomes tell apart what deployed: their state is that of runs that deploy, and what
    did not deploy was run by jobs that are known to be CI."""
    by_ci = func.coalesce(jobs.c.job_type, "").in_(CI_JOB_TYPES)
    otherwise = (
        select(invocations.c.environment_id)
        .outerjoin(jobs, jobs.c.id == invocations.c.job_id)
        .where(invocations.c.environment_id.in_(environment_ids), invocations.c.deploys == by_ci)
    )
    defining = defining_manifests(environment_ids)
    shown = select(defining.c.environment_id).where(defining.c.deploys, defining.c.environment_id.not_in(otherwise))
    return frozenset(connection.scalars(shown))

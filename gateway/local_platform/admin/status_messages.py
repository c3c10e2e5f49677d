"""The `status_message` of runs whose orchestrator recorded none: a sentence about what failed first in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from gateway.archive.artifacts.node_names import name_in
from gateway.archive.reading.first_failures import first_failures
from gateway.archive.tables.rows import AnyRow
from gateway.hierarchy.runs.run_failure import message_about, sentence_of_failure
from gateway.hierarchy.vocabulary.resource_type import resource_type_of


def status_messages(connection: Connection, run_ids: Iterable[int]) -> Mapping[int, str]:
    """One or two sentences for each of these runs in which a result failed, as the gateway's `Run.error` has them."""
    return {run_id: _sentence(row) for run_id, row in first_failures(connection, run_ids).items()}


def _sentence(row: AnyRow) -> str:
    message = message_about(row.message, row.status.lower(), row.age)
    kind = resource_type_of(row.unique_id)
    return sentence_of_failure(kind, name_in(row.content, row.unique_id), message, row.failed_count - 1)

"""dbt's own word for a model's last attempt, where the state of the environment has none.

`lastRunStatus` is an enum that knows success, warn, error and skipped. For other outcomes, `reused` among them, it is
null beside a `lastRunId`. The run itself reports the word: one lookup for each such run, twenty in a document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from gateway.errors import GatewayError
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.rows.discovery_types import ModelRow, RunWords
from gateway.services.rows.mapping import whole
from gateway.services.runs.run_rows import RunKey, read_rows

_OPERATION = BatchOperation(
    "RunWords", "fragment R on ModelNode { uniqueId status paginationCursor }", RunWords, nullable=True
)

M = TypeVar("M", bound=ModelRow)
Read = Mapping[int, list[M] | GatewayError]
Revised = Mapping[int, tuple[list[M], datetime | None] | GatewayError]


async def with_last_words(query: BaseQuery, read: Read[M]) -> Read[M]:
    """The same models, by environment, those without a word for their last attempt with the one their run reports.

    A run that cannot be read, or says nothing of the model, leaves the word unknown.
    """
    wordless = [row for rows in read.values() if not isinstance(rows, GatewayError) for row in rows if _run_of(row)]
    if not wordless:
        return read
    keys = {key for row in wordless if (key := _run_of(row)) is not None}
    rows_by_run = await read_rows(query, _OPERATION, sorted(keys))
    words = {
        (key, row.unique_id): row.status
        for key, rows in rows_by_run.items()
        if not isinstance(rows, GatewayError)
        for row in rows.rows
    }
    return {
        environment_id: rows if isinstance(rows, GatewayError) else _told(rows, words)
        for environment_id, rows in read.items()
    }


async def with_revised_last_words(query: BaseQuery, read: Revised[M]) -> Revised[M]:
    """The same for models that come with the revision under which they were read."""
    rows = {
        environment_id: revised_rows if isinstance(revised_rows, GatewayError) else revised_rows[0]
        for environment_id, revised_rows in read.items()
    }
    told_rows = await with_last_words(query, rows)
    revised: dict[int, tuple[list[M], datetime | None] | GatewayError] = {}
    for environment_id, revised_rows in read.items():
        models = told_rows[environment_id]
        if isinstance(revised_rows, GatewayError) or isinstance(models, GatewayError):
            revised[environment_id] = revised_rows
        else:
            revised[environment_id] = (models, revised_rows[1])
    return revised


def _run_of(row: ModelRow) -> RunKey | None:
    """The run of a last attempt for which there is no word."""
    info = row.execution_info
    if info is None or info.last_run_status is not None:
        return None
    if info.last_run_id is None or info.last_job_definition_id is None:
        return None
    return RunKey(whole(info.last_job_definition_id), whole(info.last_run_id))


def _told(rows: Sequence[M], words: Mapping[tuple[RunKey, str], str | None]) -> list[M]:
    return [_with_word(row, words.get((key, row.unique_id))) if (key := _run_of(row)) else row for row in rows]


def _with_word(row: M, word: str | None) -> M:
    info = row.execution_info
    if info is None or word is None:
        return row
    return msgspec.structs.replace(row, execution_info=msgspec.structs.replace(info, last_run_status=word))

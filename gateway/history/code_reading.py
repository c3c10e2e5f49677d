"""The code of models in chosen runs, as an archive has it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from gateway.archive.reading.run_codes import codes_in_runs
from gateway.concurrency.struct_decoders import json_decoder
from gateway.hierarchy.objects.model import CodeInRun
from gateway.services.runs.run_nodes import NodeInRun

_UNKNOWN = CodeInRun(None, None)


class _Written(msgspec.Struct, frozen=True):
    """A node's code as written; dbt before 1.3 calls it raw_sql."""

    raw_code: str | None = None
    raw_sql: str | None = None


def read_codes(connection: Connection, keys: Sequence[NodeInRun]) -> dict[NodeInRun, CodeInRun]:
    """The code of each model in its run."""
    rows = codes_in_runs(connection, (key.run_id for key in keys), {key.unique_id for key in keys})
    codes = {(row.run_id, row.unique_id): CodeInRun(_written(row.content), row.compiled) for row in rows}
    return {key: codes.get((key.run_id, key.unique_id), _UNKNOWN) for key in keys}


def _written(content: bytes | None) -> str | None:
    if content is None:
        return None
    node = json_decoder(_Written).decode(content)
    return node.raw_code if node.raw_code is not None else node.raw_sql

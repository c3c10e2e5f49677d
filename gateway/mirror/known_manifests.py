"""Finds in the archive the manifest that a command's own is equal to, so that dbt need not send it again.

It is that of another run of the same job, of the same commit, by the same dbt, with the same variables, target and
profile; and every node that the command has a result of is in it. Runs that write to a schema of their own, as those
of pull requests do, are told apart by nothing of it: they are always read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.ownership import numeric
from gateway.archive.artifacts.records import RunRecord
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import invocations, manifest_files, manifest_nodes, nodes, runs, texts
from gateway.archive.writing.run_rows import is_proposed

_SHAPING = ("vars", "target", "profile")
_MOST_LOOKED_AT = 20
_LEAST_VERSION = 6
"""Of run_results.json: since then it holds the code that was compiled, which older ones leave to the manifest."""


def known_manifest(connection: Connection, record: RunRecord, command: Invocation) -> int | None:
    """The key of such a manifest; None where there is none."""
    if record.git_sha is None or command.dbt_version is None or is_proposed(record.trigger.cause_category):
        return None
    if not _holds_compiled_code(command):
        return None
    query = (
        select(invocations.c.manifest_id, texts.c.body)
        .join(runs, runs.c.id == invocations.c.run_id)
        .outerjoin(texts, texts.c.id == invocations.c.args_id)
        .where(
            runs.c.job_id == numeric(record.job_definition_id),
            invocations.c.environment_id == numeric(record.environment_id),
            invocations.c.dbt_version == command.dbt_version,
            invocations.c.manifest_id.in_(select(manifest_files.c.manifest_id)),
            runs.c.git_sha == record.git_sha,
        )
        .order_by(invocations.c.id.desc())
        .limit(_MOST_LOOKED_AT)
    )
    shape = _shape(command.args_text)
    for key, args in connection.execute(query):
        if _shape(args) == shape and _holds_nodes(connection, key, command):
            return int(key)
    return None


def _holds_compiled_code(command: Invocation) -> bool:
    versions = [file.metadata.dbt_schema_version for name, file in command.files.items() if name == "run_results.json"]
    numbers = [version.rpartition("/v")[2].partition(".")[0] for version in versions]
    return all(number.isdigit() and int(number) >= _LEAST_VERSION for number in numbers)


def _shape(args: str | None) -> Mapping[str, Any]:
    try:
        arguments = msgspec.json.decode(args or "{}")
    except msgspec.DecodeError:
        return {}
    return {name: arguments.get(name) for name in _SHAPING} if isinstance(arguments, dict) else {}


def _holds_nodes(connection: Connection, manifest_id: int, command: Invocation) -> bool:
    names = set(command.unique_ids)
    query = (
        select(func.count())
        .select_from(nodes.join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id))
        .where(manifest_nodes.c.manifest_id == manifest_id)
    )
    count = sum(connection.scalar(query.where(nodes.c.unique_id.in_(part))) or 0 for part in chunks(names))
    return count == len(names)

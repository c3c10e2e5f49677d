"""Writes `target/` folders in which anything may have failed: nodes of every type, their parents, how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.archive.small_target import NOON, head, result, write

SECTIONS = {"unit_test": "unit_tests", "source": "sources", "exposure": "exposures", "function": "functions"}
EXECUTED = ("success", "pass", "error", "fail", "warn", "runtime error")


@dataclass(frozen=True)
class Ended:
    """How one node ended, and what it stands on; `status` None: it is in the manifest alone."""

    unique_id: str
    status: str | None = "success"
    message: str | None = None
    parents: tuple[str, ...] = ()
    failures: int | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: {"materialized": "table"})


def write_run(
    folder: Path,
    invocation: str,
    nodes: Iterable[Ended],
    *,
    ended: datetime = NOON,
    manifest: bool = True,
    args: Mapping[str, Any] | None = None,
) -> Path:
    """The folder of one command of the project `shop`."""
    listed = list(nodes)
    if manifest:
        sections: dict[str, dict[str, Any]] = {"nodes": {}, **{name: {} for name in SECTIONS.values()}}
        for one in listed:
            kind = one.unique_id.partition(".")[0]
            if kind not in ("operation", "mystery"):
                sections[SECTIONS.get(kind, "nodes")][one.unique_id] = _node(one, kind)
        about = {**head("manifest", 12, invocation, ended, None), "project_name": "shop", "adapter_type": "duckdb"}
        write(folder / "manifest.json", {"metadata": about, **sections})
    results = [_result(one, ended) for one in listed if one.status is not None]
    command = {"which": "build", "select": [], "invocation_command": "dbt build", **(args or {})}
    metadata = head("run-results", 6, invocation, ended, None)
    write(
        folder / "run_results.json",
        {"metadata": metadata, "results": results, "elapsed_time": 10.0, "args": command},
    )
    return folder


def _node(one: Ended, kind: str) -> dict[str, Any]:
    return {
        "unique_id": one.unique_id,
        "name": one.unique_id.split(".")[2],
        "resource_type": kind,
        "package_name": "shop",
        "fqn": ["shop", one.unique_id.split(".")[2]],
        "tags": [],
        "config": dict(one.config),
        "raw_code": "select 1",
        "depends_on": {"nodes": list(one.parents)},
    }


def _result(one: Ended, ended: datetime) -> dict[str, Any]:
    assert one.status is not None
    told = result(one.unique_id, ended - timedelta(seconds=5), 1.0, one.status)
    if one.status not in EXECUTED:
        told |= {"timing": [], "execution_time": 0.0}
    return told | {"message": one.message, "failures": one.failures}

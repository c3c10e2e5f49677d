"""Writes the `target/` folders of small dbt builds: what each node took, stands on, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.archive.small_target import NOON, head, model, result, write


@dataclass(frozen=True)
class Node:
    """A node of the project `shop`: a model, or a test by its unique id. `seconds` None: it is not built."""

    name: str
    seconds: float | None = 1.0
    parents: tuple[str, ...] = ()
    code: str = "select 1"
    status: str = "success"
    message: str | None = None

    @property
    def unique_id(self) -> str:
        return self.name if "." in self.name else f"model.shop.{self.name}"


def write_build(
    folder: Path, invocation: str, nodes: Iterable[Node], *, ended: datetime = NOON, environment: str | None = None
) -> Path:
    """A folder as `dbt build` leaves it: its nodes executed one after the other until `ended`, in one thread."""
    listed = list(nodes)
    built = [node for node in listed if node.seconds is not None]
    whole = sum(node.seconds or 0.0 for node in built)
    began = ended - timedelta(seconds=whole)
    manifest = {
        "metadata": {**head("manifest", 12, invocation, ended, None), "project_name": "shop", "adapter_type": "duckdb"},
        "nodes": {node.unique_id: _node(node) for node in listed},
        "sources": {},
    }
    write(folder / "manifest.json", manifest)
    results = []
    for node in built:
        results.append(result(node.unique_id, began, node.seconds or 0.0, node.status) | {"message": node.message})
        began += timedelta(seconds=node.seconds or 0.0)
    command: dict[str, Any] = {"which": "build", "select": [], "invocation_command": "dbt build"}
    if environment:
        command["target"] = environment
    run_results = {"metadata": head("run-results", 6, invocation, ended, None), "results": results}
    write(folder / "run_results.json", {**run_results, "elapsed_time": whole, "args": command})
    return folder


def _node(node: Node) -> Mapping[str, Any]:
    kind = node.unique_id.partition(".")[0]
    parents = [parent if "." in parent else f"model.shop.{parent}" for parent in node.parents]
    described = model("shop", node.unique_id.split(".")[2]) | {"unique_id": node.unique_id, "resource_type": kind}
    checksum = {"name": "sha256", "checksum": node.code}
    return described | {"raw_code": node.code, "checksum": checksum, "depends_on": {"nodes": parents}}

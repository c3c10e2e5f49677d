"""What an environment defines, read from the newest manifest with the standard library alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECTIONS = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "macros")
TYPES = {"test": "DATA_TEST"}


@dataclass(frozen=True)
class Defined:
    """A node of a manifest; `parents` are unique ids."""

    unique_id: str
    name: str
    tags: tuple[str, ...]
    parents: tuple[str, ...]

    @property
    def resource_type(self) -> str:
        kind = self.unique_id.partition(".")[0]
        return TYPES.get(kind, kind.upper())


def read_manifest(path: Path) -> dict[str, Defined]:
    """Everything that a manifest defines, by unique id."""
    manifest: dict[str, Any] = json.loads(path.read_bytes())
    found = {}
    for section in SECTIONS:
        for unique_id, node in (manifest.get(section) or {}).items():
            on = node.get("depends_on") or {}
            parents = on.get("macros") if section == "macros" else on.get("nodes")
            if unique_id.startswith("operation."):
                continue  # hooks exist only in runs
            found[unique_id] = Defined(unique_id, node["name"], tuple(node.get("tags") or ()), tuple(parents or ()))
    return found


def levels(defined: Mapping[str, Defined], start: str, *, down: bool) -> dict[str, int]:
    """The fewest steps from a node to each other one in a direction, found by relaxing until nothing changes."""
    edges = [(one.unique_id, parent) for one in defined.values() for parent in one.parents if parent in defined]
    if down:
        edges = [(parent, child) for child, parent in edges]
    distance = {start: 0}
    changed = True
    while changed:
        changed = False
        for near, far in edges:
            if near in distance and distance[near] + 1 < distance.get(far, 10**9):
                distance[far] = distance[near] + 1
                changed = True
    return distance

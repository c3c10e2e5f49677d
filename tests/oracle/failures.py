"""Why runs of an archive failed, and what each failure held up, read with the standard library alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle.nodes import NodeResult

TESTS = ("DATA_TEST", "UNIT_TEST")
KINDS = {"DATA_TEST": "Test", "UNIT_TEST": "Unit test", "OPERATION": "Hook", "SAVED_QUERY": "Export"}
OUTSIDE = "The run ended in an error, and no result"


@dataclass(frozen=True)
class Failure:
    """A result that failed, its message on one line, and the unique ids of what was skipped because of it."""

    result: NodeResult
    message: str
    skipped: tuple[str, ...]


def read_failures(run_folder: Path, results: Mapping[str, NodeResult]) -> list[Failure]:
    """The failures of a run, most serious first."""
    failed = [one for one in results.values() if one.status == "FAILURE"]
    failed.sort(key=lambda one: (one.resource_type in TESTS, one.unique_id))
    parents = _parents(run_folder)
    return [Failure(one, one_line(one), _skipped(one, results, parents)) for one in failed]


def one_line(result: NodeResult) -> str:
    """The message as it is shown."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.message or "")
    words = " ".join(re.sub(r"(?m)^ *\^+ *$", "", text).split())
    if words:
        return words if len(words) <= 500 else words[:499].rstrip() + "…"
    if result.age is not None:
        return (
            f"Its newest row was {result.age / 3600:.1f} hours old when it was checked, more than its freshness allows."
        )
    return f"It ended with '{result.status_text}', and dbt wrote no message."


def sentence(failures: list[Failure]) -> str:
    """What a run's error says of them."""
    first = failures[0].result
    kind = KINDS.get(first.resource_type, first.resource_type.capitalize())
    more = len(failures) - 1
    rest = f" ({more} other resource{'s' if more > 1 else ''} failed too.)" if more else ""
    return f"{kind} {first.name} failed: {failures[0].message}{rest}"


def _parents(run_folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted(run_folder.glob("step_*/manifest.json")):
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        for section in ("nodes", "unit_tests", "exposures"):
            for key, node in (manifest.get(section) or {}).items():
                found[key] = set(node["depends_on"].get("nodes") or ())
    return found


def _skipped(failed: NodeResult, results: Mapping[str, NodeResult], parents: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Asked of each skipped node: does a way without results, or of skipped ones, lead up to the failure, and how long
    is the shortest?"""
    distances = {}
    for one in results.values():
        if one.status == "SKIPPED":
            distance = _distance(one.unique_id, failed, results, parents)
            if distance is not None:
                distances[one.unique_id] = distance
    return tuple(sorted(distances, key=lambda name: (distances[name], name)))


def _distance(
    start: str, failed: NodeResult, results: Mapping[str, NodeResult], parents: Mapping[str, set[str]]
) -> int | None:
    seen, level, steps = {start}, {start}, 0
    while level:
        steps += 1
        if any(_leads(one, failed, parents) for one in level):
            return steps
        above = {parent for one in level for parent in parents.get(one, ())} - seen
        level = {one for one in above if one not in results or results[one].status == "SKIPPED"}
        seen |= level
    return None


def _leads(name: str, failed: NodeResult, parents: Mapping[str, set[str]]) -> bool:
    direct = parents.get(name, set())
    if failed.unique_id in direct:
        return True
    if failed.resource_type == "UNIT_TEST":
        return name in parents.get(failed.unique_id, ())
    if failed.resource_type == "DATA_TEST" and not name.startswith("test."):
        return bool(direct & parents.get(failed.unique_id, set()))
    return False

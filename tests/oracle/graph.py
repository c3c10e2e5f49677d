"""What stands around the models of one project: parents, owners, tests and the freshness of sources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.oracle.account import Project
from tests.oracle.artifacts import EXECUTING, FAILED, SUCCEEDED, cut, moment


class Graph:
    """The newest manifest of a project's environment, and what its runs found out about tests and sources."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._document: dict[str, Any] = json.loads(project.newest.path.read_bytes())

    @property
    def nodes(self) -> Mapping[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._document["nodes"]
        return found

    def upstream(self, unique_id: str) -> list[str]:
        """The models that a model names as its parents."""
        return sorted(one for one in self.nodes[unique_id]["depends_on"].get("nodes", []) if one.startswith("model."))

    def downstream(self, unique_id: str) -> list[str]:
        """The models that name it as their parent."""
        children = (name for name, node in self.nodes.items() if unique_id in node["depends_on"].get("nodes", []))
        return sorted(one for one in children if one.startswith("model."))

    def sources_behind(self, unique_id: str) -> list[str]:
        """Every source that a model stands on, through whatever stands between."""
        seen: set[str] = set()
        pending = [unique_id]
        while pending:
            node = self.nodes.get(pending.pop(), {"depends_on": {"nodes": []}})
            fresh = set(node["depends_on"].get("nodes", [])) - seen
            seen |= fresh
            pending += fresh
        return sorted(one for one in seen if one.startswith("source."))

    def owner(self, unique_id: str) -> dict[str, str | None] | None:
        """The owner of a model's group, else the one its meta names."""
        node = self.nodes[unique_id]
        for group in self._document["groups"].values():
            if group["name"] == node.get("group"):
                return {"name": group["owner"].get("name"), "email": group["owner"].get("email")}
        named = node["meta"].get("owner")
        return {"name": named, "email": None} if isinstance(named, str) else None

    def tests(self, unique_id: str) -> list[dict[str, Any]]:
        """The data tests and unit tests of a model with their last attempt."""
        nodes = {**self.nodes, **self._document["unit_tests"]}
        names = [name for name, node in nodes.items() if _tests(name, node, unique_id)]
        return [self._test(name, nodes[name].get("column_name")) for name in sorted(names)]

    def test_node(self, name: str) -> dict[str, str]:
        """What a test is, by its manifest."""
        node = {**self.nodes, **self._document["unit_tests"]}[name]
        kind = "GENERIC_DATA_TEST" if node.get("test_metadata") else "SINGULAR_DATA_TEST"
        return {"name": node["name"], "kind": "UNIT_TEST" if name.startswith("unit_test.") else kind}

    def source(self, name: str) -> dict[str, Any]:
        """A source and what its last check found, the thresholds in seconds."""
        node, check = self._document["sources"][name], self.freshness.get(name, {})
        thresholds = node.get("freshness") or {}
        word = check.get("status")
        return {
            "uniqueId": name,
            "sourceName": node["source_name"],
            "name": node["name"],
            "status": {"pass": "FRESH", "warn": "WARN", "error": "STALE"}.get(word or "", "NEVER_CHECKED"),
            "statusText": word and word.title(),
            "maxLoadedAt": _moment(check.get("max_loaded_at")),
            "ageSeconds": check.get("max_loaded_at_time_ago_in_s"),
            "checkedAt": _moment(check.get("snapshotted_at")),
            "warnAfterSeconds": _seconds(thresholds.get("warn_after")),
            "errorAfterSeconds": _seconds(thresholds.get("error_after")),
        }

    def sources(self) -> list[dict[str, Any]]:
        """All sources of the project."""
        return [self.source(name) for name in sorted(self._document["sources"])]

    @cached_property
    def freshness(self) -> Mapping[str, dict[str, Any]]:
        """The last check of each source."""
        found: dict[str, tuple[datetime, dict[str, Any]]] = {}
        for path in self._files("sources.json"):
            content = json.loads(path.read_bytes())
            checked = moment(content["metadata"]["generated_at"])
            for one in content["results"]:
                if one["unique_id"] not in found or checked > found[one["unique_id"]][0]:
                    found[one["unique_id"]] = (checked, one)
        return {name: one for name, (_, one) in found.items()}

    @cached_property
    def _test_results(self) -> Mapping[str, list[tuple[datetime, dict[str, Any]]]]:
        """All attempts at each test, newest first."""
        found: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
        for path in self._files("run_results.json"):
            content = json.loads(path.read_bytes())
            if content["args"]["which"] in EXECUTING:
                ended = cut(moment(content["metadata"]["generated_at"]))
                for one in content["results"]:
                    found.setdefault(one["unique_id"], []).append((ended, one))
        return {name: sorted(one, key=lambda attempt: attempt[0], reverse=True) for name, one in found.items()}

    def _test(self, name: str, column: str | None) -> dict[str, Any]:
        attempts = self._test_results.get(name, [])
        ended, last = attempts[0] if attempts else (None, {})
        success = next((one for _, one in attempts if one["status"] in SUCCEEDED), {})
        word = last.get("status")
        return {
            "uniqueId": name,
            "columnName": column,
            "statusText": word,
            "error": last.get("message") if word in (*FAILED, "warn") else None,
            "failingRows": None if last.get("failures") is None else float(last["failures"]),
            "lastRunTime": ended.isoformat() if ended else None,
            "runtime": success.get("execution_time"),
        }

    def _files(self, name: str) -> Iterator[Path]:
        """A run may keep one manifest for all its steps."""
        for run in self._project.runs:
            for folder in {manifest.path.parents[1] for manifest in run.manifests}:
                yield from sorted(folder.glob(f"step_*/{name}"))


def _tests(name: str, node: Mapping[str, Any], unique_id: str) -> bool:
    return name.startswith(("test.", "unit_test.")) and unique_id in node["depends_on"].get("nodes", [])


def _moment(text: str | None) -> str | None:
    return cut(moment(text)).isoformat() if text else None


def _seconds(threshold: Mapping[str, Any] | None) -> int | None:
    if not threshold or not threshold.get("count"):
        return None
    return int(threshold["count"]) * {"minute": 60, "hour": 3600, "day": 86400}[threshold["period"]]

"""Every result, failure, look-back and resource of generated runs: an independent computation over the artifacts, the
archive and dbt's API agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.comparison.whole_runs import WrittenRun, write_runs
from tests.conftest import stored
from tests.oracle.failures import Failure, read_failures, sentence
from tests.oracle.nodes import NodeResult, read_results
from tests.oracle.resources import read_manifest
from tests.serving import serving

RUNS = """{ account { runs(first: 7) { nodes { id status error failureCount
  failures(first: 40) { message result { uniqueId } skippedCount skipped(first: 40) { uniqueId }
    isNew failingSince { id } }
  newlyBroken(first: 40) { uniqueId } recovered(first: 40) { uniqueId }
  nodeResults(first: 100) { totalCount byStatus { status count } nodes { uniqueId resourceType status statusText
    message runtime step ... on TestRun { failingRows } ... on ModelRun { model { uniqueId } } } } } } } }"""
PROJECT = """{ project(id: "shop") { removedModels(first: 100) { nodes { id uniqueId removed lastRunStatus
    lastSeenRun { id } columns { name } } }
  resources(first: 100) { nodes { __typename uniqueId name
    ... on Model { removed lastRunStatus columns { name } } ... on Seed { lastRunStatus columns { name } }
    ... on Snapshot { lastRunStatus columns { name } }
    ... on Exposure { exposureType url owner { name email } models { nodes { uniqueId } } } } } } }"""
NOT_IN_DBTS_API = ("operation.", "unit_test.", "function.")
TESTS = ("test.", "unit_test.")
ATTEMPTED = ("SUCCESS", "WARN", "FAILURE")
WORST_FIRST = ("FAILURE", "WARN", "UNKNOWN", "SKIPPED", "REUSED", "SUCCESS")

Results = Mapping[str, NodeResult]


class Expected:
    """What the artifacts say, as far as a source tells of it; runs are numbered from the oldest."""

    def __init__(self, runs: Sequence[WrittenRun], *, archived: bool) -> None:
        self.archived = archived
        self.folders = [run.folder for run in runs]
        self.whole: list[Results] = [named(read_results(folder)) for folder in self.folders]
        self.results: list[Results] = [self._told(of_run) for of_run in self.whole]

    def _told(self, results: Results) -> Results:
        return {name: one for name, one in results.items() if self.archived or not name.startswith(NOT_IN_DBTS_API)}

    def run(self, place: int, ids: Sequence[str], defined: set[str]) -> dict[str, Any]:
        results, whole = self.results[place], read_failures(self.folders[place], self.whole[place])
        failures = read_failures(self.folders[place], results)
        broken = [one.result.unique_id for one in failures if self._is_new(place, one.result.unique_id)]
        told = [self._failure(place, one, ids) for one in failures]
        if whole and not failures:
            told = [{"message": cut(sentence(whole)), "result": None}]
        fine = [name for name, one in results.items() if one.status in ("SUCCESS", "WARN")]
        counts = Counter(one.status for one in results.values())
        return {
            "id": ids[place],
            "status": "FAILURE" if whole else "SUCCESS",
            "error": sentence(whole) if whole else None,
            "failureCount": len(told),
            "failures": told,
            "newlyBroken": [{"uniqueId": name} for name in broken],
            "recovered": [{"uniqueId": name} for name in sorted(fine) if failed_before(self._before(place, name))],
            "nodeResults": {
                "totalCount": len(results),
                "byStatus": [{"status": one, "count": counts[one]} for one in WORST_FIRST if counts[one]],
                "nodes": [self._result(results[name], defined) for name in sorted(results)],
            },
        }

    def _before(self, place: int, name: str) -> list[tuple[int, bool]]:
        """The attempts of a resource before a run, newest first: the run, and whether it failed."""
        earlier = [(n, self.results[n].get(name)) for n in reversed(range(place))]
        return [(n, one.status == "FAILURE") for n, one in earlier if one is not None and one.status in ATTEMPTED]

    def _is_new(self, place: int, name: str) -> bool:
        before = self._before(place, name)
        return bool(before) and not before[0][1]

    def _failure(self, place: int, failure: Failure, ids: Sequence[str]) -> dict[str, Any]:
        name, first = failure.result.unique_id, place
        for attempt, failed in self._before(place, name):
            if not failed:
                break
            first = attempt
        return {
            "message": failure.message,
            "result": {"uniqueId": name},
            "skippedCount": len(failure.skipped),
            "skipped": [{"uniqueId": one} for one in failure.skipped],
            "isNew": self._is_new(place, name),
            "failingSince": {"id": ids[first]},
        }

    def _result(self, one: NodeResult, defined: set[str]) -> dict[str, Any]:
        told: dict[str, Any] = {
            "uniqueId": one.unique_id,
            "resourceType": one.resource_type,
            "status": one.status,
            "statusText": one.status_text,
            "message": one.message or None,
            "runtime": one.runtime,
            "step": one.step if self.archived else None,
        }
        if one.unique_id.startswith(TESTS):
            rows = one.failing_rows
            told["failingRows"] = float(rows) if self.archived and rows is not None else None
        if one.unique_id.startswith("model."):
            told["model"] = {"uniqueId": one.unique_id} if one.unique_id in defined else None
        return told

    def last(self, name: str) -> tuple[int, str] | None:
        """The newest run that has a resource, and how it ended there."""
        found = [(n, results[name].status) for n, results in enumerate(self.whole) if name in results]
        return found[-1] if found else None

    def columns(self, name: str) -> list[dict[str, Any]]:
        for folder in reversed(self.folders):
            tables = json.loads((folder / "step_1" / "catalog.json").read_bytes())["nodes"]
            if name in tables:
                columns = sorted(tables[name]["columns"].values(), key=lambda column: column["index"])
                return [{"name": column["name"]} for column in columns]
        return []

    def project(self, ids: Sequence[str]) -> dict[str, Any]:
        newest = self.folders[-1] / "step_1" / "manifest.json"
        defined, manifest = read_manifest(newest), json.loads(newest.read_bytes())
        ran = {name for results in self.whole for name in results if name.startswith("model.")}
        gone = {name: self.last(name) or (0, "") for name in ran - defined.keys()}
        order = sorted(gone, key=lambda name: (-gone[name][0], name))
        return {
            "removedModels": {"nodes": [self._removed(name, gone[name], ids) for name in order]},
            "resources": {"nodes": [self._resource(name, one.name, manifest) for name, one in sorted(defined.items())]},
        }

    def _removed(self, name: str, last: tuple[int, str], ids: Sequence[str]) -> dict[str, Any]:
        told = {"id": f"shop.{name.split('.', 2)[2]}", "uniqueId": name, "removed": True, "lastRunStatus": last[1]}
        return {**told, "lastSeenRun": {"id": ids[last[0]]}, "columns": []}

    def _resource(self, name: str, short: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
        kind = name.partition(".")[0]
        if kind == "exposure":
            node = manifest["exposures"][name]
            owner = {part: node["owner"].get(part) for part in ("name", "email")}
            used = sorted(one for one in node["depends_on"]["nodes"] if one.startswith("model."))
            return {
                "__typename": "Exposure",
                "uniqueId": name,
                "name": short,
                "exposureType": node["type"],
                "url": node.get("url"),
                "owner": owner if any(owner.values()) else None,
                "models": {"nodes": [{"uniqueId": one} for one in used]},
            }
        if kind not in ("model", "seed", "snapshot"):
            return {"__typename": "OtherResource", "uniqueId": name, "name": short}
        last = self.last(name)
        told = {"__typename": kind.capitalize(), "uniqueId": name, "name": short, "columns": self.columns(name)}
        return {**told, "lastRunStatus": last[1] if last else None} | ({"removed": False} if kind == "model" else {})


def named(results: Results) -> Results:
    """Hooks stand in no manifest: their ids say their names."""
    return {key: replace(one, name=one.name or key.split(".", 2)[2]) for key, one in results.items()}


def cut(message: str) -> str:
    """A message as a failure shows it: what dbt says of the run, where it lists nothing that failed."""
    return message if len(message) <= 500 else message[:499].rstrip() + "…"


def failed_before(before: Sequence[tuple[int, bool]]) -> bool:
    """Whether the attempt before failed."""
    return bool(before) and before[0][1]


def compared(expected: Any, answer: Any, path: str = "") -> Iterator[str]:
    """Where an answer differs; what is not expected is not compared."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        for name, value in expected.items():
            yield from compared(value, answer.get(name), f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        for n, value in enumerate(expected):
            yield from compared(value, answer[n], f"{path}.{n}")
    elif expected != answer:
        yield f"{path}: {answer!r}, by the artifacts {expected!r}"


SEEDS = [1, 6, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(7, 37))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_both_sources_show_what_the_artifacts_say(tmp_path: Path, seed: int) -> None:
    written = write_runs(tmp_path / "runs", seed)
    url = stored(tmp_path / "runs", tmp_path)
    for source in ("archive", "discovery"):
        expected = Expected(written, archived=source == "archive")
        async with serving(Settings(store_url=url, history_source=source)) as gateway:
            runs = (await gateway.data(RUNS))["account"]["runs"]["nodes"][::-1]
            project = (await gateway.data(PROJECT))["project"]
        ids = [run["id"] for run in runs]
        assert len(ids) == len(written)
        defined = {one["uniqueId"] for one in project["resources"]["nodes"]}
        told = [expected.run(place, ids, defined) for place in range(len(ids))]
        assert list(compared(told, runs)) == [], source
        assert list(compared(expected.project(ids), project)) == [], source

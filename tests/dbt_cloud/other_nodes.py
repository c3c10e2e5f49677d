"""What the account has beside models, and in which shapes dbt shows it: tests, seeds, snapshots, sources, exposures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.dbt_cloud import shapes
from tests.dbt_cloud.account import ACCOUNT, AccountFacts, Environment, Other, Result, Run

LINEAGE_TYPES = {
    "exposure": "ExposureLineageNode",
    "model": "ModelLineageNode",
    "seed": "SeedLineageNode",
    "snapshot": "SnapshotLineageNode",
    "source": "SourceLineageNode",
    "test": "TestLineageNode",
}
LISTS = {"tests": "test", "seeds": "seed", "snapshots": "snapshot", "sources": "source", "exposures": "exposure"}
"""The lists that a job has beside models, and the kind each holds."""

CRITERIA = {"warnAfter": {"count": 12, "period": "hour"}, "errorAfter": {"count": 24, "period": "hour"}}


def listed_nodes(run: Run, environment: Environment) -> Mapping[str, list[shapes.Node]]:
    """What each list of a job holds of a run."""
    done = {result.unique_id: result for result in run.others}
    return {
        name: [run_node(run, node, done.get(node.unique_id)) for node in environment.others if node.kind == kind]
        for name, kind in LISTS.items()
    }


def run_node(run: Run, node: Other, result: Result | None) -> shapes.Node:
    """A node that is no model in a run. One that was skipped has no times; sources have a state, and no status."""
    shown: shapes.Node = {
        "uniqueId": node.unique_id,
        "name": node.name,
        "resourceType": node.kind,
        "tags": [],
        "accountId": ACCOUNT,
        "environmentId": run.environment,
        "projectId": run.project,
        "jobId": run.job,
        "runId": run.id,
        "dependsOn": list(node.parents),
        "parentsModels": [{"uniqueId": one} for one in node.parents if one.startswith("model.")],
        "parentsSources": [],
        "criteria": CRITERIA,
        "paginationCursor": f"cursor:{node.unique_id}",
    }
    if result is None:
        return shown
    shown["runGeneratedAt"] = shapes.written(run.finished, "z")
    if node.kind == "source":
        return shown | {"state": result.status, "maxLoadedAtTimeAgoInS": result.seconds}
    shown |= {"status": result.status, "error": result.error, "skip": result.status == "skipped"}
    if result.status == "skipped":
        return shown
    thread = "thread_id" if node.kind == "seed" else "threadId"
    return shown | {thread: "Thread-2", "invocationId": f"i-{run.id}", **shapes.interval(run, result)}


def applied_sources(facts: AccountFacts, environment: Environment) -> list[shapes.Node]:
    """Sources with the newest check of each."""
    return [_source(facts, environment, node) for node in environment.others if node.kind == "source"]


def _source(facts: AccountFacts, environment: Environment, node: Other) -> shapes.Node:
    checks = [
        (run, result)
        for run in facts.runs
        if run.environment == environment.id
        for result in run.others
        if result.unique_id == node.unique_id
    ]
    freshness: shapes.Node = {"criteria": CRITERIA, "freshnessChecked": bool(checks)}
    if checks:
        run, result = checks[-1]
        freshness |= {
            "freshnessStatus": result.status,
            "maxLoadedAtTimeAgoInS": result.seconds,
            "maxLoadedAt": shapes.written(run.started, "z"),
            "snapshottedAt": shapes.written(run.started, "z"),
        }
    return {
        "uniqueId": node.unique_id,
        "name": node.name,
        "sourceName": node.unique_id.split(".")[2],
        "tags": [],
        "freshness": freshness,
    }


def nested_tests(facts: AccountFacts, environment: Environment, unique_id: str) -> list[shapes.Node]:
    """The tests of a model, each with its last result."""
    found = []
    for node in environment.others:
        if node.kind == "test" and unique_id in node.parents:
            last = [
                (run, result)
                for run in facts.runs
                if run.environment == environment.id
                for result in run.others
                if result.unique_id == node.unique_id
            ][-1:]
            info: shapes.Node = {}
            for run, result in last:
                info = {
                    "lastRunStatus": result.status,
                    "lastRunError": result.error,
                    "lastRunGeneratedAt": shapes.written(run.finished, "z"),
                    "executionTime": result.seconds,
                }
            found.append(
                {
                    "uniqueId": node.unique_id,
                    "name": node.name,
                    "resourceType": "test",
                    "testType": "GENERIC_DATA_TEST",
                    "columnName": "id",
                    "executionInfo": info,
                }
            )
    return found


def lineage(environment: Environment, types: Sequence[str] | None) -> list[shapes.Node]:
    """Every node of some types with its parents."""
    nodes: Iterable[Any] = (*environment.models, *environment.others)
    shown = []
    for node in nodes:
        kind = node.unique_id.split(".")[0]
        if types is None or LINEAGE_TYPES[kind].removesuffix("LineageNode") in types:
            parents = [one for one in node.parents if not one.startswith("macro.")]
            shown.append(
                {
                    "__typename": LINEAGE_TYPES[kind],
                    "uniqueId": node.unique_id,
                    "name": node.name,
                    "tags": list(getattr(node, "tags", ())),
                    "parentIds": parents,
                }
            )
    return shown

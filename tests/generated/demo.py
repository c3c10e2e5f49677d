"""What the arguments of generated queries may be on the demo account, and the schema they are walked over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema

from tests.oracle.account import Oracle

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"


def read_schema() -> GraphQLSchema:
    """The committed schema."""
    return build_schema(SCHEMA_FILE.read_text("utf-8"), assume_valid_sdl=True)


# Fields with tests of their own, against computations of their own: the oracle of the hierarchy does not know them.
COMPUTED_ELSEWHERE = {
    "Query": {"resource"},
    "Account": {"concurrency", "flaky", "improvements", "incidents", "regressions", "wastedBuilds", "weightedSeconds"},
    "Project": {"removedModels", "resources"},
    "Source": {"columns"},
    "Model": {"changePoints", "codeInRun", "columns", "lineage", "runtimeSeries"},
    "Job": {"changePoints", "deadline", "oftenCritical", "runMatrix", "runtimeSeries", "whatIf"},
    "Run": {
        *{"nodeResults", "error", "failures", "failureCount", "newlyBroken", "recovered", "title", "timeline"},
        *{"criticalPath", "observedChain", "utilization", "weightedSeconds", "whatIf", "compare"},
    },
    "RunStep": {"error"},
    # The archive has them, dbt's Discovery API does not: the oracle has one answer for both.
    "ModelRun": {"step", "rowsAffected"},
}


def read_schema_of_oracle() -> GraphQLSchema:
    """The committed schema without the fields that the oracle does not compute."""
    schema = read_schema()
    for kind, names in COMPUTED_ELSEWHERE.items():
        fields = schema.type_map[kind].fields  # type: ignore[attr-defined]
        for name in names & fields.keys():
            del fields[name]
    return schema


def demo_values(oracle: Oracle) -> Mapping[str, Sequence[Any]]:
    """Values of the demo's own: ids, tags, materializations, runtimes. A lower bound never exceeds an upper one."""
    models = [model.id for model in oracle.models]
    runs = [str(run.id) for run in oracle.runs]
    jobs = [str(job.id) for job in oracle.jobs]
    projects = [project.id for project in oracle.production]
    nodes = [model.node for model in oracle.models]
    entities = {"Model": models, "Job": jobs, "Run": runs, "Project": projects}
    entities["Account"] = [str(oracle.record["account"]["id"])]
    return {
        "Query.account(environment)": ["PRODUCTION", "PRODUCTION", "STAGING"],
        "Query.project(id)": projects,
        "Query.project(environment)": ["PRODUCTION"],
        "Query.model(id)": models,
        "Query.model(environment)": ["PRODUCTION"],
        "Query.job(id)": jobs,
        "Query.resource(id)": [*models, *(f"{one.project}/{one.unique_id}" for one in oracle.models)],
        "Query.run(id)": runs,
        "Query._entities(representations)": [
            {"__typename": kind, "id": one} for kind, ids in entities.items() for one in ids
        ],
        "tags": sorted({tag for node in nodes for tag in node.tags}),
        "materialization": ["table", "VIEW", "Incremental", "ephemeral", "nothing_of_the_kind"],
        "minRuntime": [0, 0.0, 0.01, 0.05, 0.1],
        "maxRuntime": [0.1, 0.2, 0.5, 1.5, 60],
        "modelIds": [*models, *(model.unique_id for model in oracle.models)],
        "packages": sorted({node.package for node in nodes}),
        "projectIds": projects,
        "first": [1, 2, 3, 5, 10, 40],
        "last": [1, 2, 3, 5, 10, 40],
        "offset": [0, 1, 2, 1000],
        "Query.job(name)": [*(job.record["name"] for job in oracle.jobs), "FINANCE daily", "nothing of the kind"],
        "Query.job(project)": projects,
        "ModelFilter.nameContains": ["fct_", "STG", "a", "nothing of the kind"],
        "folder": ["models/staging", "models/marts/", "models"],
        "groups": sorted({node.group for node in nodes if node.group}),
        "lastRunSince": ["2026-03-08T05:00:00+00:00", "2026-03-12T12:30:00+01:00"],
        "lastRunUntil": ["2026-03-13T02:00:00Z"],
        "nameContains": ["finance", "CI", "nothing of the kind"],
        "minSeconds": [0, 1, 5.5],
        "maxSeconds": [6, 12.5, 100],
        "jobIds": jobs,
        "gitBranches": sorted({run.record["git_branch"] for run in oracle.runs}),
        "startedSince": ["2026-02-28T00:00:00Z", "2026-03-08T05:00:00+00:00"],
        "since": ["2026-03-01T00:00:00Z", "2026-03-09T05:00:00+01:00"],
        "bucketMinutes": [60, 90, 1440],
        "finishedBy": ["07:30", "23:59", "00:00"],
        "timeZone": ["Europe/Berlin", "UTC", "Asia/Kolkata"],
        "lastDays": [1, 30, 365],
        "until": ["2026-03-12T00:00:00Z", "2026-03-13T12:30:00+01:00"],
        "startedUntil": ["2026-03-09T00:00:00Z", "2026-03-13T12:30:00+01:00"],
        "depth": [1, 2, 50],
        "lastRuns": [1, 2, 3, 5, 10, 100],
        "runId": runs,
        "SpeedUp.uniqueId": sorted({model.unique_id for model in oracle.models}),
        "SpeedUp.factor": [0.5, 0.8, 1.5],
        "threads": [1, 2, 8],
    }

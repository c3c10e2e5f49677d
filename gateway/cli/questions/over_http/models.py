"""One model with its last runs, and models and jobs by a part of their name, as a gateway answers them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Table, TerminalAnswer
from gateway.cli.questions.over_http.graphql_client import GraphQLClient
from gateway.errors import BadUserInput, NotFound

MODEL = """
query Model($model: ID!, $environment: DeploymentEnvironment, $runs: Int!) {
  model(id: $model, environment: $environment) {
    id uniqueId materialization tags runtime lastRunStatus lastRunError
    owner { name email }
    jobs(first: 100) { nodes { id name } }
    freshness { status }
    runs(first: $runs) { nodes { runId jobId startTime status runtime } }
  }
}
"""
NAMED = """
query ModelsNamed($environment: DeploymentEnvironment, $projects: [ID!], $name: String!) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    models(filter: { nameContains: $name }, first: 1000) { nodes { id name } }
  }
}
"""
SEARCH = """
query Search($environment: DeploymentEnvironment, $projects: [ID!], $text: String!, $first: Int!) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    models(filter: { nameContains: $text }, first: $first) {
      totalCount
      nodes { id name lastRunStatus lastRun { runtime } }
    }
    jobs(filter: { nameContains: $text }, first: $first) {
      totalCount
      nodes { id name lastRun { status runtime } }
    }
  }
}
"""
DOCUMENTS = (MODEL, NAMED, SEARCH)

# GraphQL's words for the freshness of sources, as the library says them.
_FRESHNESS = {"FRESH": "success", "WARN": "warn", "STALE": "failure", "NEVER_CHECKED": "unknown"}


def show_model(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway model`."""
    variables = {"environment": options.environment.upper(), "runs": options.last_runs}
    model = client.ask(MODEL, {"model": _named(client, options), **variables}).data["model"]
    if model is None:
        raise NotFound(f"No model is named {options.name!r}. `gateway search` finds models by a part of their name.")
    rows = tuple(map(_run, model["runs"]["nodes"]))
    owner = model["owner"]
    values: tuple[Cell, ...] = (
        *(model["id"], model["uniqueId"], model["materialization"], ", ".join(model["tags"]) or None),
        (owner["name"] or owner["email"]) if owner else None,
        ", ".join(job["name"] or job["id"] for job in model["jobs"]["nodes"]) or None,
        *(model["runtime"], _lower(model["lastRunStatus"]), model["lastRunError"]),
        _FRESHNESS[model["freshness"]["status"]] if model["freshness"] else None,
    )
    facts = tuple(LabelledValue(column, value) for column, value in zip(columns.MODEL_FACTS, values, strict=True))
    return TerminalAnswer((Table("runs", columns.RUNS_OF_MODEL, rows, "It never ran.", is_series=True),), facts)


def search(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway search`."""
    if not options.text.strip():
        raise BadUserInput("The text to search for is empty: give a part of a name.")
    variables = {"environment": options.environment.upper(), "projects": options.project}
    account = client.ask(SEARCH, {**variables, "text": options.text, "first": options.first}).data["account"]
    rows: list[tuple[Cell, ...]] = [
        ("model", model["id"], model["name"], _lower(model["lastRunStatus"]), (model["lastRun"] or {}).get("runtime"))
        for model in account["models"]["nodes"]
    ]
    for job in account["jobs"]["nodes"]:
        last = job["lastRun"] or {}
        rows.append(("job", job["id"], job["name"], _lower(last.get("status")), last.get("runtime")))
    left = account["models"]["totalCount"] + account["jobs"]["totalCount"] - len(rows)
    notes = (f"{left} more are left out: raise --first.",) if left else ()
    table = Table("found", columns.FOUND, tuple(rows), "No model or job has this in its name.")
    return TerminalAnswer((table,), (), notes)


def _named(client: GraphQLClient, options: argparse.Namespace) -> str:
    name: str = options.name
    if "." in name or not name.strip():
        return name
    narrowed = {"environment": options.environment.upper(), "projects": options.project, "name": name}
    nodes = client.ask(NAMED, narrowed).data["account"]["models"]["nodes"]
    ids = [model["id"] for model in nodes if model["name"] == name]
    if len(ids) > 1:
        raise BadUserInput(f"{len(ids)} models have this name. Take one of {', '.join(ids[:10])}.")
    return ids[0] if ids else name


def _run(run: Mapping[str, Any]) -> tuple[Cell, ...]:
    started = datetime.fromisoformat(run["startTime"]) if run["startTime"] else None
    return (run["runId"], run["jobId"], started, _lower(run["status"]), run["runtime"])


def _lower(word: str | None) -> str | None:
    return word.lower() if word else None

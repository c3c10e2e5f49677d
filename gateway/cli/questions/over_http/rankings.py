"""The slowest models and the longest jobs, as a gateway ranks them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, Measure, Table, TerminalAnswer
from gateway.cli.questions.over_http.graphql_client import GatewayAnswer, GraphQLClient
from gateway.cli.questions.over_http.job_ids import job_id
from gateway.cli.questions.ranking_notes import ranking_notes
from gateway.errors import BadUserInput, NotFound

SLOWEST = """
query Slowest(
  $environment: DeploymentEnvironment, $projects: [ID!], $first: Int!, $lastRuns: Int!, $tags: [String!]
) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    slowestModels(first: $first, lastRuns: $lastRuns, filter: { tags: $tags }) {
      rank runtime runCount runtimes { p50 p95 }
      model { id materialization }
    }
  }
}
"""
SLOWEST_OF_JOB = """
query SlowestOfJob($job: ID!, $first: Int!, $tags: [String!]) {
  job(id: $job) {
    slowestModels(first: $first, filter: { tags: $tags }) {
      rank runtime
      modelRun { materialization model { id } }
    }
  }
}
"""
LONGEST = """
query Longest(
  $environment: DeploymentEnvironment, $projects: [ID!], $first: Int!, $lastRuns: Int!, $tags: [String!]
) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    longestRunningJobs(first: $first, lastRuns: $lastRuns, filter: { models: { tags: $tags } }) {
      rank runtime runCount runtimes { p50 p95 }
      job { id name }
    }
  }
}
"""
DOCUMENTS = (SLOWEST, SLOWEST_OF_JOB, LONGEST)


def slowest(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway slowest`."""
    if options.job:
        return _slowest_of_job(client, options)
    answer = client.ask(SLOWEST, _variables(options))
    ranked = answer.data["account"]["slowestModels"]
    rows = tuple(_row(place, place["model"]["id"], place["model"]["materialization"]) for place in ranked)
    return _ranking("models", rows, _notes(answer, "model"))


def longest(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway longest`."""
    answer = client.ask(LONGEST, _variables(options))
    ranked = answer.data["account"]["longestRunningJobs"]
    rows = tuple(_row(place, place["job"]["id"], place["job"]["name"]) for place in ranked)
    notes = _notes(answer, "job")
    measure = Measure(f"job {rows[0][2] or rows[0][1]}", _seconds(rows[0])) if rows else None
    return TerminalAnswer((Table("jobs", columns.LONGEST, rows, "No job has a runtime."),), (), notes, measure)


def _slowest_of_job(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    if options.last_runs > 1:
        raise BadUserInput("--job ranks the models of one run of the job: leave --last-runs out.")
    variables = {"job": job_id(client, options), "first": options.first, "tags": options.tag}
    answer = client.ask(SLOWEST_OF_JOB, variables)
    if answer.data["job"] is None:
        raise NotFound(f"No job has the id {options.job}. `gateway search` finds jobs by a part of their name.")
    ranked = answer.data["job"]["slowestModels"]
    # Each figure is of one run.
    rows = tuple(
        _row(
            {**place, "runCount": 1, "runtimes": dict.fromkeys(("p50", "p95"), place["runtime"])},
            place["modelRun"]["model"]["id"],
            place["modelRun"]["materialization"],
        )
        for place in ranked
    )
    return _ranking("models", rows, _notes(answer, "model"))


def _ranking(key: str, rows: tuple[tuple[Cell, ...], ...], notes: tuple[str, ...]) -> TerminalAnswer:
    measure = Measure(f"model {rows[0][1]}", _seconds(rows[0])) if rows else None
    return TerminalAnswer((Table(key, columns.SLOWEST, rows, "No model has a runtime."),), (), notes, measure)


def _variables(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "environment": options.environment.upper(),
        "projects": options.project,
        "first": options.first,
        "lastRuns": options.last_runs,
        "tags": options.tag,
    }


def _row(place: Mapping[str, Any], name: str, what: str | None) -> tuple[Cell, ...]:
    spread = place["runtimes"]
    return (place["rank"], name, what, place["runtime"], spread["p50"], spread["p95"], place["runCount"])


def _seconds(row: tuple[Cell, ...]) -> float | None:
    return row[3] if isinstance(row[3], float | int) else None


def _notes(answer: GatewayAnswer, noun: str) -> tuple[str, ...]:
    """The gateway notes what a ranking leaves out, as the library counts it."""
    return tuple(
        line
        for note in answer.notes
        if "ranking" in note
        for line in ranking_notes(noun, note["considered"], note["withoutRuntime"], note["runsLeftOut"])
    )

"""What got slower, and which builds changed nothing, as a gateway answers it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Measure, Table, TerminalAnswer
from gateway.cli.questions.over_http.graphql_client import GraphQLClient

REGRESSIONS = """
query Regressions(
  $environment: DeploymentEnvironment, $projects: [ID!], $since: DateTime, $filter: ModelFilter,
  $certainty: Certainty!, $first: Int!
) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    regressions(since: $since, filter: $filter, certainty: $certainty, first: $first) {
      totalCount
      expectedFalseAlarms
      nodes {
        since secondsPerDay beforeSeconds afterSeconds certainty cause
        firstRun { id }
        job { id }
        model { uniqueId }
      }
      basis { missing }
    }
  }
}
"""
WASTE = """
query Waste(
  $environment: DeploymentEnvironment, $projects: [ID!], $since: DateTime, $until: DateTime, $first: Int!
) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    wastedBuilds(since: $since, until: $until, first: $first) {
      buildsPerDay weightedSecondsPerDay
      costPerDay { amount currency }
      reuse { resultCount savedSeconds }
      models { weightedSeconds buildCount certainty uniqueId }
      basis { missing }
    }
  }
}
"""
DOCUMENTS = (REGRESSIONS, WASTE)


def regressions(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway regressions`."""
    variables = {
        **_window(options),
        "filter": {"tags": options.tag} if options.tag else None,
        "certainty": "SUSPECTED" if options.suspected else "CONFIRMED",
    }
    listed = client.ask(REGRESSIONS, variables).data["account"]["regressions"]
    rows = tuple(map(_change, listed["nodes"]))
    notes = [f"{listed['expectedFalseAlarms']:.2f} false alarms are to be expected among all {listed['totalCount']}."]
    if listed["totalCount"] > len(rows):
        notes.append(f"{listed['totalCount'] - len(rows)} more are left out: raise --first.")
    notes += missing_notes(listed)
    costliest = listed["nodes"][0]["secondsPerDay"] if rows else 0.0
    table = Table("regressions", columns.REGRESSIONS, rows, "No lasting regressions.")
    return TerminalAnswer((table,), (), tuple(notes), Measure("the costliest regression, a day,", costliest))


def waste(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway waste`."""
    until = {"until": options.until.isoformat() if options.until else None}
    wasted = client.ask(WASTE, {**_window(options), **until}).data["account"]["wastedBuilds"]
    rows = tuple(
        (model["weightedSeconds"], model["buildCount"], model["certainty"].lower(), model["uniqueId"])
        for model in wasted["models"]
    )
    cost, seconds = wasted["costPerDay"], wasted["weightedSecondsPerDay"]
    values: tuple[Cell, ...] = (
        wasted["buildsPerDay"],
        seconds,
        f"{cost['amount']:.2f} {cost['currency']}" if cost else None,
        wasted["reuse"]["resultCount"],
        wasted["reuse"]["savedSeconds"],
    )
    facts = tuple(LabelledValue(column, value) for column, value in zip(columns.WASTE_FACTS, values, strict=True))
    table = Table("models", columns.WASTED_BUILDS, rows, "No build is known to be wasted.")
    measure = Measure("builds that changed nothing, a day,", seconds)
    return TerminalAnswer((table,), facts, missing_notes(wasted), measure)


def missing_notes(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """What the basis of an answer lacks, in words."""
    return tuple(f"missing: {part}." for part in answer["basis"]["missing"])


def _window(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "environment": options.environment.upper(),
        "projects": options.project,
        "since": options.since.isoformat() if options.since else None,
        "first": options.first,
    }


def _change(change: Mapping[str, Any]) -> tuple[Cell, ...]:
    first, job, model = change["firstRun"], change["job"], change["model"]
    return (
        datetime.fromisoformat(change["since"]),
        *(change["secondsPerDay"], change["beforeSeconds"], change["afterSeconds"]),
        change["certainty"].lower(),
        change["cause"].lower() if change["cause"] else None,
        *(first["id"] if first else None, job["id"] if job else None, model["uniqueId"] if model else None),
    )

"""Runs, what failed in them, comparisons and what-ifs, as a gateway answers them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Measure, Table, TerminalAnswer
from gateway.cli.questions.changes import ensure_changed
from gateway.cli.questions.over_http.changes import missing_notes
from gateway.cli.questions.over_http.graphql_client import GraphQLClient
from gateway.cli.questions.over_http.job_ids import job_id, run_id
from gateway.errors import BadUserInput, NotFound

_FAILURES = """
fragment Failures on Run {
  id failureCount
  failures(first: $failures) {
    message isNew skippedCount
    failingSince { id }
    result { uniqueId resourceType }
  }
}
"""
RUN = (
    """
query Run($run: ID!, $first: Int!, $failures: Int!, $typical: Boolean!) {
  run(id: $run) {
    title status startTime runtime queueSeconds modelCount gitBranch gitSha error url
    criticalPath { runtime }
    trigger { category }
    slowestModels(first: $first) { rank runtime modelRun { uniqueId model { id } } }
    compare(to: TYPICAL) @include(if: $typical) { base { runtime } }
    ...Failures
  }
}
"""
    + _FAILURES
)
FAILURES = (
    """
query FailuresOfJobs(
  $environment: DeploymentEnvironment, $projects: [ID!], $tags: [String!], $failures: Int!, $runs: Int!,
  $page: Int!, $after: String, $several: Boolean!
) {
  account(environment: $environment, filter: { projectIds: $projects }) {
    jobs(first: $page, after: $after, filter: { models: { tags: $tags } }, orderBy: { field: ID }) {
      nodes {
        id name
        lastRun @skip(if: $several) { ...Failures }
        runs(first: $runs) @include(if: $several) { nodes { ...Failures } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _FAILURES
)
FAILURES_OF_JOB = (
    """
query FailuresOfJob($job: ID!, $failures: Int!, $runs: Int!, $several: Boolean!) {
  job(id: $job) {
    id name
    lastRun @skip(if: $several) { ...Failures }
    runs(first: $runs) @include(if: $several) { nodes { ...Failures } }
  }
}
"""
    + _FAILURES
)
DIFF = """
query Diff($run: ID!, $to: Baseline! = PREVIOUS, $with: ID, $first: Int!) {
  run(id: $run) {
    id runtime
    compare(to: $to, runId: $with) {
      base { id runtime }
      differenceSeconds
      basis { missing }
      differences(first: $first) {
        uniqueId contributionSeconds codeChanged
        before { runtime status }
        after { runtime status }
      }
    }
  }
}
"""
_WHAT_IF = """
fragment Outlook on WhatIf {
  verdict nowSeconds thenSeconds savedSeconds lowerBoundSeconds noiseSeconds
  run { id }
  basis { missing }
}
"""
WHAT_IF_RUN = (
    """
query WhatIfRun($run: ID!, $change: WhatIfChange!) { run(id: $run) { whatIf(change: $change) { ...Outlook } } }
"""
    + _WHAT_IF
)
WHAT_IF_JOB = (
    """
query WhatIfJob($job: ID!, $change: WhatIfChange!) { job(id: $job) { whatIf(change: $change) { ...Outlook } } }
"""
    + _WHAT_IF
)
DOCUMENTS = (RUN, FAILURES, FAILURES_OF_JOB, DIFF, WHAT_IF_RUN, WHAT_IF_JOB)

_MOST_FAILURES = 100
# So that a page stays below a gateway's default limit of costs, by each of several runs and for all runs of a page.
_FAILURES_OF_EACH = 25
_RUNS_OF_PAGE = 80
# Where GraphQL's word is not dbt's.
_TYPES = {"DATA_TEST": "test"}
_NO_RUN = "No run has this id. `gateway run latest` shows the newest one, `gateway model NAME` those of a model."


def show_run(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway run`."""
    if options.trace or options.otlp or options.openlineage:
        raise BadUserInput(
            "--trace, --otlp and --openlineage read the run itself: leave --url out, and name the archive with --store."
        )
    name = run_id(client, options, options.run)
    percent = options.fail_over is not None and options.fail_over.is_percent
    variables = {"run": name, "first": options.first, "failures": min(options.first, _MOST_FAILURES)}
    run = client.ask(RUN, {**variables, "typical": percent}).data["run"]
    if run is None:
        raise NotFound(_NO_RUN)
    ranked = tuple(
        (place["rank"], (place["modelRun"]["model"] or {}).get("id", place["modelRun"]["uniqueId"]), place["runtime"])
        for place in run["slowestModels"]
    )
    tables = (
        Table("slowest_models", columns.SLOWEST_OF_RUN, ranked, "No model succeeded in it."),
        Table("failures", columns.FAILED, tuple(map(_failure, run["failures"])), "Nothing failed."),
    )
    return TerminalAnswer(tables, tuple(_facts(run)), (), _measure(run, percent))


def failures(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway failures`."""
    rows: list[tuple[Cell, ...]] = []
    unread = 0
    for job in _jobs(client, options):
        newest = job["runs"]["nodes"] if options.last_runs > 1 else [job["lastRun"]] if job["lastRun"] else []
        for run in newest:
            rows += [(job["name"] or job["id"], run["id"], *_failure(failure)) for failure in run["failures"]]
            unread += max(0, (run["failureCount"] or 0) - len(run["failures"]))
    first = tuple(rows[: options.first])
    notes = [f"{len(rows) - len(first)} more failures are left out: raise --first."] if len(rows) > len(first) else []
    if unread:
        notes.append(f"{unread} failures beyond {_FAILURES_OF_EACH} of a run are left out: gateway run ID shows them.")
    return TerminalAnswer((Table("failures", columns.FAILED_OF_JOBS, first, "Nothing failed."),), (), tuple(notes))


def diff(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway diff`."""
    name = run_id(client, options, options.run)
    against = {"to": options.base.upper()} if options.base in columns.BASELINES else {"with": options.base}
    run = client.ask(DIFF, {"run": name, "first": options.first, **against}).data["run"]
    if run is None:
        raise NotFound(_NO_RUN)
    comparison = run["compare"]
    if comparison is None:
        raise NotFound(f"Run {run['id']} has no other run of its job to compare with.")
    base, grown = comparison["base"], comparison["differenceSeconds"]
    values: tuple[Cell, ...] = (base["id"], run["id"], base["runtime"], run["runtime"], grown)
    facts = tuple(LabelledValue(column, value) for column, value in zip(columns.DIFF_FACTS, values, strict=True))
    percent = grown / base["runtime"] * 100 if grown is not None and base["runtime"] else None
    measure = Measure(f"run {run['id']} against {base['id']}", grown, percent)
    rows = tuple(map(_difference, comparison["differences"]))
    table = Table("differences", columns.DIFFERENCES, rows, "No resource was executed in either.")
    return TerminalAnswer((table,), facts, missing_notes(comparison), measure)


def what_if(client: GraphQLClient, options: argparse.Namespace) -> TerminalAnswer:
    """`gateway what-if`."""
    ensure_changed(options)
    speed_ups = [
        *({"uniqueId": unique_id, "factor": factor} for unique_id, factor in options.factor),
        *({"uniqueId": unique_id, "seconds": seconds} for unique_id, seconds in options.seconds),
    ]
    order = "LONGEST_TAIL_FIRST" if options.longest_first else "AS_DBT"
    change = {"threads": options.threads, "speedUps": speed_ups, "drop": options.drop, "order": order}
    if options.run is None and options.job:
        subject = client.ask(WHAT_IF_JOB, {"job": job_id(client, options), "change": change}).data["job"]
    else:
        name = run_id(client, options, options.run or "latest")
        subject = client.ask(WHAT_IF_RUN, {"run": name, "change": change}).data["run"]
    outlook = subject["whatIf"] if subject else None
    if outlook is None:
        raise NotFound("No resource of the run has times, or the job never succeeded: there is nothing to change.")
    row = (
        *(outlook["run"]["id"], outlook["verdict"].lower().replace("_", " ")),
        *(outlook["nowSeconds"], outlook["thenSeconds"], outlook["savedSeconds"]),
        *(outlook["lowerBoundSeconds"], outlook["noiseSeconds"]),
    )
    return TerminalAnswer((Table("what_if", columns.WHAT_IF, (row,), ""),), (), missing_notes(outlook))


def _jobs(client: GraphQLClient, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    common = {"failures": _FAILURES_OF_EACH, "runs": options.last_runs, "several": options.last_runs > 1}
    if options.job:
        job = client.ask(FAILURES_OF_JOB, {"job": job_id(client, options), **common}).data["job"]
        if job is None:
            raise NotFound(f"No job has the id {options.job}. `gateway search` finds jobs by a part of their name.")
        yield job
        return
    narrowed = {"environment": options.environment.upper(), "projects": options.project, "tags": options.tag}
    after: str | None = None
    while True:
        variables = {**narrowed, **common, "page": max(1, _RUNS_OF_PAGE // options.last_runs), "after": after}
        page = client.ask(FAILURES, variables).data["account"]["jobs"]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _failure(failure: Mapping[str, Any]) -> tuple[Cell, ...]:
    result, since = failure["result"], failure["failingSince"]
    return (
        result["uniqueId"] if result else None,
        _TYPES.get(result["resourceType"], result["resourceType"].lower()) if result else None,
        failure["isNew"],
        since["id"] if since else None,
        failure["skippedCount"],
        failure["message"],
    )


def _facts(run: Mapping[str, Any]) -> Sequence[LabelledValue]:
    trigger, path = run["trigger"], run["criticalPath"]
    values: tuple[Cell, ...] = (
        *(run["id"], run["title"], run["status"].lower()),
        datetime.fromisoformat(run["startTime"]) if run["startTime"] else None,
        *(run["runtime"], run["queueSeconds"], path["runtime"] if path else None, run["modelCount"]),
        _trigger(trigger["category"]) if trigger else None,
        *(run["gitBranch"], run["gitSha"], run["error"], run["url"]),
    )
    return [LabelledValue(column, value) for column, value in zip(columns.RUN_FACTS, values, strict=True)]


def _trigger(category: str | None) -> str | None:
    """dbt's word for it, which answers without a gateway show."""
    return "scheduled" if category == "SCHEDULE" else category.lower() if category else None


def _measure(run: Mapping[str, Any], percent: bool) -> Measure:
    runtime = run["runtime"]
    if not percent or runtime is None:
        return Measure(f"run {run['id']}", runtime)
    compared = run["compare"]
    usual = compared["base"]["runtime"] if compared else None
    grown = (runtime / usual - 1) * 100 if usual else None
    return Measure(f"run {run['id']} against a typical one", runtime, grown)


def _difference(difference: Mapping[str, Any]) -> tuple[Cell, ...]:
    before, after = difference["before"] or {}, difference["after"] or {}
    return (
        *(difference["contributionSeconds"], difference["uniqueId"], before.get("runtime"), after.get("runtime")),
        *(before["status"].lower() if before else None, after["status"].lower() if after else None),
        difference["codeChanged"],
    )

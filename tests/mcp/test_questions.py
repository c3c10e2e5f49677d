"""Questions that people ask agents, each as the script of calls that answers it: two calls at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.settings import Settings
from tests.mcp.conftest import agent, told
from tests.oracle.account import Oracle

FAILED_RUN, JOB, MODEL = "70437490011508", "Finance daily", "finance.fct_invoices"

Call = tuple[str, dict[str, Any]]
QUESTIONS: list[tuple[str, list[Call], Callable[[list[dict[str, Any]]], bool]]] = [
    ("Which projects are there?", [("account_overview", {})], lambda a: len(a[0]["account"]["projects"]) == 4),
    (
        "How many models has finance?",
        [("account_overview", {})],
        lambda a: "finance" in str(a[0]["account"]["projects"]),
    ),
    ("What ran last?", [("account_overview", {"runs": 1})], lambda a: len(a[0]["account"]["runs"]) == 1),
    (
        "Which models are slowest?",
        [("slowest_models", {"first": 3})],
        lambda a: a[0]["account"]["slowestModels"][0]["model"]["id"] == "storefront.fct_basket_pairs",
    ),
    (
        "Which incremental models of marketing are slowest?",
        [("slowest_models", {"projects": ["marketing"], "materialization": "incremental"})],
        lambda a: {row["model"]["materialization"] for row in a[0]["account"]["slowestModels"]} == {"incremental"},
    ),
    (
        "Which jobs take longest?",
        [("longest_jobs", {"first": 1})],
        lambda a: a[0]["account"]["longestRunningJobs"][0]["rank"] == 1,
    ),
    (
        "What failed last, and why?",
        [("failed_runs", {"first": 1})],
        lambda a: "run_logs does not exist" in a[0]["account"]["runs"][0]["failures"][0]["message"],
    ),
    (
        "What failed in finance since March 10?",
        [("failed_runs", {"projects": ["finance"], "since": "2026-03-10T00:00:00Z"})],
        lambda a: all("Finance" in run["title"] for run in a[0]["account"]["runs"]),
    ),
    (
        "Did the newest run of Finance daily succeed?",
        [("latest_run", {"job": JOB})],
        lambda a: a[0]["job"]["runs"][0]["status"] == "FAILURE",
    ),
    (
        "Does the name of a job need its case?",
        [("latest_run", {"job": JOB.upper()})],
        lambda a: a[0]["job"]["name"] == JOB,
    ),
    (
        "Why was this run slow?",
        [("why_was_run_slow", {"id": FAILED_RUN})],
        lambda a: bool(a[0]["run"]["observedChain"]["links"]),
    ),
    (
        "Why was last night's finance job slow?",
        [("latest_run", {"job": JOB})],
        lambda a: a[0]["job"]["runs"][0]["criticalPath"]["runtime"] > 0,
    ),
    (
        "Would eight threads make it faster?",
        [("what_if", {"id": FAILED_RUN, "change": {"threads": 8}})],
        lambda a: a[0]["run"]["whatIf"]["thenSeconds"] <= a[0]["run"]["whatIf"]["nowSeconds"],
    ),
    (
        "What changed against the run before?",
        [("compare_runs", {"id": FAILED_RUN})],
        lambda a: a[0]["run"]["compare"]["base"]["id"] != FAILED_RUN,
    ),
    (
        "What happened in this run?",
        [("run", {"id": FAILED_RUN})],
        lambda a: a[0]["run"]["nodeResults"]["totalCount"] == 34,
    ),
    (
        "Did fct_invoices get slower?",
        [("search", {"text": "fct_invoices"}), ("model_history", {"id": MODEL})],
        lambda a: a[0]["account"]["models"]["rows"][0]["id"] == MODEL and len(a[1]["model"]["runs"]) > 3,
    ),
    ("What got slower?", [("regressions", {})], lambda a: "expectedFalseAlarms" in a[0]["account"]["regressions"]),
    (
        "What is still broken?",
        [("incidents", {"since": "2026-03-01T00:00:00Z"})],
        lambda a: a[0]["account"]["incidents"]["totalCount"] > 0,
    ),
    (
        "Which tests are flaky?",
        [("flaky", {"since": "2026-03-01T00:00:00Z"})],
        lambda a: all(row["flips"] > 0 for row in a[0]["account"]["flaky"]),
    ),
    (
        "Which builds were for nothing?",
        [("wasted_builds", {})],
        lambda a: all(row["buildCount"] > 0 for row in a[0]["account"]["wastedBuilds"]["models"]),
    ),
    (
        "Which jobs wait in the queue?",
        [("job_queues", {"since": "2026-03-01T00:00:00Z", "until": "2026-03-14T00:00:00Z"})],
        lambda a: a[0]["account"]["concurrency"]["peakRuns"] >= 1,
    ),
    ("Who owns it?", [("model_history", {"id": MODEL, "runs": 1})], lambda a: len(a[0]["model"]["runs"]) == 1),
    (
        "What breaks if I change it?",
        [("model_lineage", {"id": MODEL, "direction": "DOWNSTREAM", "depth": 5})],
        lambda a: all(
            row["level"] > 0
            for row in a[0]["model"]["lineage"]["resources"]
            if row["resource"]["name"] != "fct_invoices"
        ),
    ),
    ("Which sources are stale?", [("stale_sources", {})], lambda a: isinstance(a[0]["account"]["sources"], list)),
    (
        "How many tests failed in this run? (a question of its own)",
        [
            ("validate_query", {"query": "{ run(id: 1) { nodeResults { totalCount } } }"}),
            (
                "execute_query",
                {
                    "query": "query($id: ID!) { run(id: $id) { "
                    "nodeResults(filter: {resourceTypes: [DATA_TEST]}) { totalCount } } }",
                    "variables": {"id": FAILED_RUN},
                },
            ),
        ],
        lambda a: a[0]["valid"] and a[1]["run"]["nodeResults"] > 0,
    ),
]


def test_two_calls_are_the_most() -> None:
    assert len(QUESTIONS) >= 20
    assert all(len(calls) <= 2 for _, calls, _ in QUESTIONS)


@pytest.mark.slow
async def test_each_question_is_answered_in_at_most_two_calls(demo_settings: Settings) -> None:
    async with agent(demo_settings) as client:
        for question, calls, is_right in QUESTIONS:
            results = [await client.call_tool(name, arguments) for name, arguments in calls]
            answers = [told(result) for result in results]
            assert not any(result.is_error for result in results), (question, answers)
            assert not any("errors" in answer for answer in answers), (question, answers)
            assert is_right(answers), (question, answers)


@pytest.mark.slow
async def test_a_tool_answers_what_the_artifacts_report(demo_settings: Settings, oracle: Oracle) -> None:
    async with agent(demo_settings) as client:
        answer = told(await client.call_tool("slowest_models", {"first": 5, "lastRuns": 1}))
    rows = [(row["model"]["id"], row["runtime"]) for row in answer["account"]["slowestModels"]]
    ranked = sorted(
        ((model.id, model.runtime) for model in oracle.models if model.runtime is not None), key=lambda m: (-m[1], m[0])
    )
    assert rows == [(name, round(runtime, 3)) for name, runtime in ranked[:5]]

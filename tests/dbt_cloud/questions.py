"""Eighteen questions, and what an answer of a disturbed dbt is worth beside that of an undisturbed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tests.dbt_cloud.account import DAILY, FIRST_RUN
from tests.serving import Reply

QUESTIONS: Mapping[str, str] = {
    "account": "{ account { name projectCount: projects { totalCount nodes { id name } } } }",
    "models": "{ account { models(first: 50) { totalCount nodes { uniqueId runtime lastRunStatus tags } } } }",
    "staging": "{ account(environment: STAGING) { models { nodes { uniqueId runtime } } } }",
    "a project": '{ project(id: "growth") { modelCount models { nodes { id runtime } } } }',
    "one model": '{ model(id: "finance.fct_orders") { runtime lastRun { status error } rawCode } }',
    "a history": '{ model(id: "finance.fct_orders") { runs(first: 100) { totalCount nodes { status runtime } } } }',
    "lineage": '{ model(id: "finance.fct_orders") { upstream { id } } }',
    "slowest": "{ account { slowestModels(first: 5) { rank runtime model { id } } } }",
    "slowest of 22": "{ account { slowestModels(first: 5, lastRuns: 22) { runtime runCount model { id } } } }",
    "jobs": "{ account { jobs { totalCount nodes { id name kind project { id } lastRun { status } } } } }",
    "longest jobs": "{ account { longestRunningJobs(lastRuns: 30) { runtime runCount job { id } } } }",
    "a job": f'{{ job(id: "{DAILY}") {{ name runs(first: 30) {{ totalCount nodes {{ id status runtime }} }}'
    " models { nodes { id } } } }",
    "a run": f'{{ run(id: "{FIRST_RUN + 22}") {{ status runtime'
    " modelRuns { nodes { uniqueId status statusText runtime } } } }",
    "failures": f'{{ model: run(id: "{FIRST_RUN + 20}") {{ ...F }} test: run(id: "{FIRST_RUN + 10}") {{ ...F }} }}'
    " fragment F on Run { failureCount failures { message result { uniqueId } skippedCount skipped { uniqueId } } }",
    "all of a run": f'{{ run(id: "{FIRST_RUN + 20}") {{ nodeResults {{ totalCount'
    " nodes { uniqueId status runtime } } } }",
    "sources": '{ project(id: "finance") { sources { nodes { uniqueId freshness { status ageSeconds } } } } }',
    "resources": '{ project(id: "finance") { resources(first: 50) { totalCount nodes { uniqueId resourceType } } } }',
    "runs": "{ account { runs(first: 50) { nodes { id status statusText startTime error } } } }",
}

Worth = Literal["right", "noted", "coded", "wrong"]


def worth(expected: Any, reply: Reply) -> tuple[Worth, list[str]]:
    """What an answer is worth; and where it is wrong.

    Right: the same. Coded: what differs stands below an error of its own, with a code. Noted: what differs is less than
    there is, never something else, and the answer says so: in `notes`, `incomplete` or `inferred`. All else is wrong.
    """
    codes = {tuple(error.get("path", ())): error["extensions"]["code"] for error in reply.errors}
    differences = list(_differences(expected, reply.data, codes, ()))
    if any(code in ("INTERNAL_SERVER_ERROR", "GRAPHQL_VALIDATION_FAILED") for code in codes.values()):
        return "wrong", [reply.text[:300]]
    gateway = reply.gateway
    # Notes of rankings and pages say what they always say; those of dbt's gaps have a code.
    is_noted = any("code" in note for note in gateway.get("notes", ())) or gateway.get("incomplete")
    if differences and not (is_noted or gateway.get("inferred")):
        return "wrong", differences
    if codes:
        return "coded", []
    return ("noted" if differences or is_noted else "right"), differences


def _differences(expected: Any, got: Any, codes: Mapping[tuple[Any, ...], str], path: tuple[Any, ...]) -> Iterator[str]:
    # UNKNOWN is what is said of a status that dbt does not tell.
    if got in (expected, "UNKNOWN") or any(path[: len(known)] == known for known in codes):
        return
    if got is None and any(known[: len(path)] == path for known in codes):
        return
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        for name, value in expected.items():
            yield from _differences(value, got[name], codes, (*path, name))
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for place, value in enumerate(expected):
            yield from _differences(value, got[place], codes, (*path, place))
    else:
        yield f"{'.'.join(map(str, path))}: {str(expected)[:80]} became {str(got)[:80]}"

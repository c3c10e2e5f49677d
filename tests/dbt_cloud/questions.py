"""Eighteen questions about everything that the gateway asks of dbt."""

from __future__ import annotations

from collections.abc import Mapping

from tests.dbt_cloud.account import DAILY, FIRST_RUN

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

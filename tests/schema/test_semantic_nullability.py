"""A field that is marked as null only with an error is never null without one, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest
from graphql import parse
from starlette.responses import Response

from gateway.settings import Settings
from tests.generated.conformance import faults_of_answer, faults_of_errors, null_only_with_an_error
from tests.generated.demo import demo_values, read_schema, read_schema_of_oracle
from tests.generated.queries import QueryGenerator
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway, serving

GATEWAYS, QUERIES = 8, 12
SCHEMA = read_schema()

# One for each place where such a field stands; the ids are asked for while dbt answers.
QUESTIONS = (
    '{ account { projects(filter: {tags: ["daily"]}) { totalCount } models(first: 1) { totalCount } jobs { totalCount }'
    "  sources { nodes { id } } slowestModels { rank } longestRunningJobs { rank }"
    '  wastedBuilds(since: "2026-03-01T00:00:00Z") { buildsPerDay }'
    '  concurrency(since: "2026-03-01T00:00:00Z") { peakRuns sharedModels { runPairs } }'
    '  weightedSeconds(by: JOB, since: "2026-03-01T00:00:00Z") { key }'
    "  regressions { totalCount } improvements { totalCount } flaky { rate }"
    "  incidents { totalCount } } }",
    '{ project(id: "finance") { models { totalCount } resources { totalCount } removedModels { totalCount }'
    "  jobs { totalCount } sources { totalCount } modelCount jobCount slowestModels { rank }"
    "  longestRunningJobs { rank } } }",
    '{ model(id: "MODEL") { runs { nodes { run { id } } } jobs { totalCount } tests { id } upstream { id }'
    "  downstream { id } lineage { leftOut } freshness { status } runtimeSeries { points { runtime } }"
    '  changePoints { cause evidence } columns { name } codeInRun(runId: "RUN") { rawCode } } }',
    '{ job(id: "JOB") { runs { totalCount } models { totalCount } slowestModels { rank } runtimes { runtime }'
    "  averageRuntime { runtime } averageModelRuntime { runtime } runtimeSeries { points { runtime } }"
    "  runMatrix { leftOut } oftenCritical { share }"
    '  changePoints { id } deadline(finishedBy: "07:30", timeZone: "UTC") { dayCount } } }',
    '{ run(id: "RUN") { steps { name } modelCount modelRuns { nodes { run { id } } } nodeResults { totalCount }'
    "  failures { isNew skippedCount skipped { id } } failureCount newlyBroken { id } recovered { id }"
    "  models { totalCount } slowestModels { rank } averageModelRuntime { runtime } weightedSeconds { key } } }",
    '{ job(id: "1") { id } run(id: "1") { id } project(id: "none") { id } model(id: "no.ne") { id }'
    '  resource(id: "no.ne") { id } }',
)
ALWAYS_FINE = ("projects", "environments", "EnvironmentHeaders")


def failing(seed: int, probability: float, spared: tuple[str, ...] = ()) -> Any:
    """dbt refuses calls by chance."""
    chance = Random(seed)  # noqa: S311  # the same faults for ever, no secret

    async def fault(call: Call) -> Response | None:
        if call.operation in spared or chance.random() >= probability:
            return None
        return Response(json.dumps({"errors": [{"message": "Not now."}]}), 400)

    return fault


def nulls(answer: Mapping[str, Any]) -> Iterator[str]:
    """The names of fields that are null because of an error at them."""
    for error in answer.get("errors", ()) if "data" in answer else ():
        path = error.get("path") or ()
        value: Any = answer["data"]
        for step in path:
            value = value[step] if value is not None else None
        if value is None and path:
            yield next(step for step in reversed(path) if isinstance(step, str))


async def asked(gateway: Gateway, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = (
        await gateway.client.post("/graphql", json={"query": query, "variables": dict(variables)})
    ).json()
    # A question may be refused whole for what it asks.
    faults = (
        faults_of_answer(SCHEMA, parse(query), variables, answer)
        if "data" in answer
        else faults_of_errors(answer["errors"])
    )
    assert list(faults) == [], query
    return answer


@pytest.mark.slow
async def test_under_faults_no_marked_field_is_null_without_an_error(settings: Settings, oracle: Oracle) -> None:
    generator = QueryGenerator(5, read_schema_of_oracle(), demo_values(oracle))
    seen: set[str] = set()
    for seed in range(GATEWAYS):
        async with serving(settings) as gateway:
            gateway.upstream.fault = failing(seed, (0.2, 0.5, 0.9)[seed % 3], ALWAYS_FINE if seed % 2 else ())
            for _ in range(QUERIES):
                query, variables = generator.query()
                seen |= set(nulls(await asked(gateway, query, variables)))
    assert len(seen) > 15


@pytest.mark.slow
async def test_every_place_fails_with_an_error_of_its_own(settings: Settings, oracle: Oracle) -> None:
    """Known is nothing, or the list of projects, or projects and models and jobs."""
    marked = {one for names in null_only_with_an_error(SCHEMA).values() for one in names}
    model = next(one for one in oracle.models if one.id == "finance.fct_invoices")
    job = oracle.production_jobs[0]
    ids = {"MODEL": model.id, "JOB": str(job.id), "RUN": str(job.runs[0].id)}
    questions = [_with_ids(question, ids) for question in QUESTIONS]
    lists = "{ account { projects { totalCount } } }"
    known = (
        "{ account { models(first: 1, orderBy: {field: NAME}) { totalCount } } }",
        '{ job(id: "JOB") { id } run(id: "RUN") { id } }',
    )
    seen: set[str] = set()
    for before in ((), (lists,), known):
        for seed in range(2):
            async with serving(settings) as gateway:
                for question in before:
                    await gateway.data(_with_ids(question, ids))
                gateway.upstream.fault = failing(seed, 1.0, ("runs/" + ids["RUN"],) if seed else ())
                for question in questions:
                    seen |= set(nulls(await asked(gateway, question, {})))
    # Below a change point, below a failure of a run, and below queues, which have been read with all that they need.
    below = {"cause", "evidence", "firstRunRange", "isNew", "skipped", "skippedCount", "sharedModels"}
    assert marked - seen <= below


def _with_ids(question: str, ids: Mapping[str, str]) -> str:
    for name, value in ids.items():
        question = question.replace(f'"{name}"', f'"{value}"')
    return question

"""The archive and Discovery give the same answers to the same questions, and the archive leaves Discovery alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLSchema

from gateway.settings import Settings
from tests.archive.postgres import Server
from tests.generated.demo import demo_values, read_schema
from tests.generated.queries import QueryGenerator
from tests.history.statements import noted_statements
from tests.identity.callers import comparable
from tests.oracle.account import Oracle
from tests.oracle.nodes import read_every_result
from tests.serving import Gateway, serving

QUERIES = 60

OF_HISTORY = {"ModelHistories", "RunModels", "RunOutline", "InvocationArguments"}
"""The documents that ask Discovery for finished runs."""

OF_THE_ARCHIVE_ALONE = {
    "ModelRun": ("step", "rowsAffected"),
    "Account": ("concurrency", "flaky", "improvements", "incidents", "regressions", "wastedBuilds", "weightedSeconds"),
    "Project": ("removedModels",),
    "Job": ("oftenCritical", "whatIf"),
    "Run": (
        *("nodeResults", "failures", "failureCount", "error", "newlyBroken", "recovered", "timeline", "criticalPath"),
        *("observedChain", "utilization", "weightedSeconds", "whatIf", "compare"),
    ),
    "RunStep": ("error",),
    "DeadlineReport": ("dataAge",),
    "Basis": ("source", "missing"),
}
"""What Discovery does not know, or not all of; tests/schema compares what it knows (test_node_results, test_failures,
test_recovery, test_run_analysis), and so do tests/history/test_removed_models,
test_account_seconds, test_concurrency, test_regressions, test_unsteady_resources and test_wasted_builds."""


def common_schema() -> GraphQLSchema:
    """The schema without what only an archive has."""
    schema = read_schema()
    for type_name, fields in OF_THE_ARCHIVE_ALONE.items():
        kind = schema.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        for name in fields:
            del kind.fields[name]
    return schema


@pytest.fixture(scope="module")
async def pair(settings: Settings) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Over the archive, and over Discovery."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(serving(settings.model_copy(update={"history_source": source})))
            for source in ("archive", "discovery")
        ]
        yield opened[0], opened[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
async def test_generated_questions_have_the_same_answers(
    pair: tuple[Gateway, Gateway], oracle: Oracle, seed: int
) -> None:
    archive, discovery = pair
    generator = QueryGenerator(seed, common_schema(), demo_values(oracle))
    for _ in range(QUERIES):
        query, variables = generator.query()
        told = comparable(await archive.ask(query, **variables))
        assert told == comparable(await discovery.ask(query, **variables)), query


RUN_FACTS = "id jobId dbtVersion url status statusText runtime queuedAt startTime endTime gitSha gitBranch"

RUN_LISTS = {
    "of every job": f"""{{ account {{ jobs {{ nodes {{ id
      runs(first: 3) {{ totalCount nodes {{ {RUN_FACTS} }} }}
      averageRuntime(lastRuns: 5) {{ runtime leftOut {{ reason count }} }} lastRun {{ {RUN_FACTS} }} }} }} }} }}""",
    "of the account": f"{{ account {{ runs(first: 100) {{ nodes {{ {RUN_FACTS} job {{ id }} }} }} }} }}",
    "that failed": f"""{{ account {{ runs(first: 50, filter: {{statuses: [FAILURE, CANCELLED]}}) {{
      nodes {{ {RUN_FACTS} }} }} }} }}""",
    "of a week": f"""{{ account {{ runs(first: 50, filter: {{startedSince: "2026-03-03T00:00:00Z",
      startedUntil: "2026-03-10T00:00:00Z"}}) {{ nodes {{ {RUN_FACTS} }} }} }} }}""",
    "of longest jobs": "{ account { longestRunningJobs(first: 5, lastRuns: 3) { runtime runCount job { id } } } }",
}
"""Questions about lists of runs."""

PUSHED_DOWN = {"that failed": "runs.status IN", "of a week": "runs.created_at >="}
"""What the archive is asked to leave out."""


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN_LISTS)
async def test_lists_of_runs_are_the_same_of_the_archive_and_the_admin_api(settings: Settings, name: str) -> None:
    """Order, filters, totals and every fact; by a few statements, whatever the number of jobs and runs."""
    async with (
        serving(settings.model_copy(update={"history_source": "archive"})) as archive,
        serving(settings) as by_dbt,
    ):
        with noted_statements(run_lists=True) as noted:
            told = await archive.ask(RUN_LISTS[name])
        assert told.errors == []
        assert told.data == (await by_dbt.ask(RUN_LISTS[name])).data
    assert "runs" in by_dbt.upstream.operations
    assert "runs" not in archive.upstream.operations
    assert len(noted) == 3, noted
    assert any(PUSHED_DOWN.get(name, "") in statement for statement in noted)
    assert told.gateway["historySources"] == ["ARCHIVE"]


@pytest.mark.slow
@pytest.mark.external
async def test_lists_of_runs_in_postgresql(settings: Settings, postgres: Server, demo_on_postgres: str) -> None:
    database = postgres.copy(demo_on_postgres)
    async with serving(Settings(store_url=database, history_source="archive")) as there, serving(settings) as by_dbt:
        for question in RUN_LISTS.values():
            assert (await there.ask(question)).data == (await by_dbt.ask(question)).data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "statements"),
    [
        (
            "model(id: %r) { runs(first: 100) { nodes { run { id } runtime status startTime endTime error thread } } }",
            3,
        ),
        ("model(id: %r) { lastRun { runtime } lastSuccess { runtime } }", 3),
        ("model(id: %r) { jobs { nodes { id models { totalCount } } } }", 4),
        ("job(id: %r) { averageModelRuntime(lastRuns: 10) { runtime runCount } }", 7),
        ("job(id: %r) { runtimes(lastRuns: 5, byModel: true) { modelId runtime } }", 4),
        ("run(id: %r) { modelCount modelRuns { nodes { id runtime thread } } slowestModels { rank runtime } }", 3),
    ],
)
async def test_questions_about_runs_are_asked_of_the_archive_alone(
    settings: Settings, oracle: Oracle, question: str, statements: int
) -> None:
    kind = question.partition("(")[0]
    job = next(job for job in oracle.production_jobs if job.built)
    place = {
        "model": oracle.models[3].id,
        "job": str(job.id),
        "run": str(job.deciding_run.id if job.deciding_run else ""),
    }
    query = "{ " + (question % place[kind]).replace("'", '"') + " }"
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            reply = await gateway.ask(query)
    assert reply.errors == []
    assert reply.data[kind]
    assert gateway.upstream.operations.keys().isdisjoint(OF_HISTORY)
    assert len(noted) <= statements, noted
    assert reply.gateway["historySources"] == ["ARCHIVE"]


def saved_by_reuse(demo_folder: Path, oracle: Oracle, *kinds: str) -> float:
    """The seconds of the last success before each reused result of these kinds, in the files of production's runs."""
    production = {job.id for job in oracle.production_jobs}
    records = [(json.loads(path.read_bytes()), path.parent) for path in demo_folder.glob("*/*/*/run.json")]
    seconds, last = 0.0, dict[str, float]()
    for record, folder in sorted(records, key=lambda record: str(record[0]["created_at"])):
        results = read_every_result(folder) if record["job_definition_id"] in production else []
        for one in (one for one in results if one.unique_id.startswith(kinds)):
            if one.status == "REUSED":
                seconds += last[one.unique_id]
            elif one.status == "SUCCESS" and one.start and one.end:
                last[one.unique_id] = (one.end - one.start).total_seconds()
    return seconds


@pytest.mark.slow
async def test_reuse_saves_as_much_of_models_and_the_rest_is_named(
    pair: tuple[Gateway, Gateway], demo_folder: Path, oracle: Oracle
) -> None:
    """Their last builds lie before the newest 40 runs that dbt's API is asked for: their histories tell them. Of other
    resources it has none."""
    query = """{ account { wastedBuilds(since: "2026-03-01T00:00:00Z", until: "2026-03-14T00:00:00Z") {
      reuse { resultCount savedSeconds } basis { missing } } } }"""
    archive, discovery = [(await one.data(query))["account"]["wastedBuilds"] for one in pair]
    assert archive["reuse"]["resultCount"] == discovery["reuse"]["resultCount"] == 34
    everything = saved_by_reuse(demo_folder, oracle, "model.", "seed.", "test.")
    assert archive["reuse"]["savedSeconds"] == pytest.approx(everything, abs=1e-3)
    models = saved_by_reuse(demo_folder, oracle, "model.")
    assert models - 1e-3 <= discovery["reuse"]["savedSeconds"] < everything
    assert archive["basis"]["missing"] == []
    assert discovery["basis"]["missing"][-1] == "the builds before 6 of the 34 reused results"

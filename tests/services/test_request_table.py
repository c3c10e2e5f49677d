"""Thirty-three questions, what they cost in requests to dbt, and the fewest that would do.

`python -m tests.services.test_request_table` writes docs/upstream-requests.md anew.
"""

from __future__ import annotations

import asyncio
import math
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2
import pytest

from benchmarks.account import ACCOUNT_ID, Size, write_account
from gateway.archive.archive import Archive
from gateway.execution.executor import GatewayExecutor
from gateway.execution.incremental_delivery import StreamRunner
from gateway.execution.operation_runner import OperationRunner
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.health import Readiness
from gateway.local_platform.app import create_platform
from gateway.schema.build import build_schema
from gateway.services.bundle import CachePolicy, Upstream, open_services
from gateway.services.transport.http_transport import AsgiTransport, TransportLimits
from gateway.settings import Settings
from tests.conftest import stored
from tests.history.statements import noted_statements
from tests.history.test_two_answers import OF_HISTORY
from tests.serving import Gateway, UpstreamTap, serving

pytestmark = pytest.mark.slow

FILE = Path(__file__).parents[2] / "docs/upstream-requests.md"
PROJECTS = (1, 10, 50)
MODELS, RUNS, JOBS = 10, 4, 3

# The generated account's first model, and the newest run of its first project.
MODEL = "finance_01.int_sessions_daily_0000"
RUN = "70437490100003"


def jobs(projects: int) -> int:
    """Pages of the list of jobs."""
    return math.ceil(JOBS * projects / 100)


def runs(projects: int) -> int:
    """Pages of the list of runs."""
    return math.ceil(RUNS * projects / 100)


def models(projects: int) -> int:
    """Documents with a page of models for each project; headers go with them."""
    return math.ceil(projects / 20)


def histories(projects: int) -> int:
    """Documents with the histories of all models, or the lists of all runs and what they did: whichever are fewer."""
    return min(math.ceil(MODELS * projects / 100), runs(projects) + math.ceil(RUNS * projects / 20))


def outlines(projects: int) -> int:
    """Documents with what the newest run of each job built."""
    return math.ceil(JOBS * projects / 20)


def shown(projects: int) -> int:
    """Documents with the lineage of those projects whose models are among the first hundred."""
    return math.ceil(min(projects, 100 // MODELS) / 5)


def failures(projects: int) -> int:
    """Documents with the models and with the other nodes of those of the newest twenty runs that failed; in the
    smallest account none did."""
    return 2 if projects > 1 else 0


def earlier(projects: int) -> int:
    """A list of the runs before them, and documents with what they built from what and what earlier runs did."""
    return 1 + 1 + 1 if projects > 1 else 0


Least = Callable[[int], int]

# What is asked: the fewest requests for an account of so many projects. The list of environments comes first, always
# but for a job or run that is asked for by its number: it says where to look.
QUESTIONS: dict[str, Least] = {
    "{ account { projects(first: 50) { nodes { id } } } }": lambda n: 1 + 1,
    "{ account { projects(first: 50) { nodes { id modelCount jobCount } } } }": lambda n: 1 + models(n) + jobs(n),
    "{ account { models(first: 100) { totalCount nodes { id runtime tags } } } }": lambda n: 1 + models(n),
    '{ project(id: "finance_01") { models(first: 100) { nodes { id description } } } }': lambda n: 1 + 1 + 1,
    f'{{ model(id: "{MODEL}") {{ runtime rawCode }} }}': lambda n: 1 + 1 + 1,
    f'{{ model(id: "{MODEL}") {{ runs(first: 5) {{ nodes {{ runtime }} }} }} }}': lambda n: 1 + 1 + 1 + 1,
    f'{{ model(id: "{MODEL}") {{ jobs {{ nodes {{ id name }} }} }} }}': lambda n: 1 + 1 + 1 + jobs(n) + 1,
    "{ account { slowestModels(first: 10) { runtime model { id } } } }": lambda n: 1 + models(n),
    '{ account { slowestModels(first: 10, filter: {tags: ["pii"]}) { model { id } } } }': lambda n: 1 + models(n),
    "{ account { slowestModels(first: 2) { model { id jobs { nodes { name } } } } } }": (
        lambda n: 1 + models(n) + jobs(n) + 1
    ),
    "{ account { slowestModels(first: 10, lastRuns: 3) { runtime model { id } } } }": (
        lambda n: 1 + models(n) + histories(n)
    ),
    "{ account { longestRunningJobs(first: 10) { runtime job { id name } } } }": lambda n: 1 + jobs(n),
    "{ account { longestRunningJobs(first: 10, lastRuns: 3) { runtime job { id } } } }": (
        lambda n: 1 + jobs(n) + runs(n)
    ),
    "{ account { jobs(first: 100) { nodes { id name lastRun { status runtime } } } } }": lambda n: 1 + jobs(n),
    "{ account { jobs(first: 100) { nodes { id runs(first: 3) { totalCount nodes { id } } } } } }": (
        lambda n: 1 + jobs(n) + runs(n)
    ),
    '{ job(id: "700010") { name models { nodes { id } } } }': lambda n: 1 + 1,
    f'{{ run(id: "{RUN}") {{ status job {{ name }} modelRuns {{ nodes {{ name runtime }} }} }} }}': lambda n: 1 + 1,
    "{ account { projects(first: 50) { nodes { models { nodes { runs(first: 3) { nodes { runtime } } "
    "jobs { nodes { id } } } } } } } }": lambda n: 1 + models(n) + histories(n) + jobs(n) + outlines(n),
    "{ account { models(first: 100) { nodes { id upstream { id } } } } }": lambda n: 1 + models(n) + shown(n),
    "{ account { models(first: 100) { nodes { id freshness { status } } } } }": (
        lambda n: 1 + models(n) + shown(n) + 1
    ),
    "{ account { runs(first: 20) { nodes { status failures(first: 5) { message } } } } }": lambda n: (
        1 + 1 + failures(n)
    ),
    "{ account { runs(first: 20) { nodes { title error failureCount } } } }": lambda n: 1 + 1 + jobs(n) + failures(n),
    "{ account { runs(first: 20, filter: {statuses: [FAILURE]}) { nodes { id error } } } }": lambda _: 1 + 1,
    f'{{ run(id: "{RUN}") {{ nodeResults(first: 100) {{ totalCount byStatus {{ status count }} }} }} }}': (
        lambda n: 1 + 2
    ),
    f'{{ run(id: "{RUN}") {{ nodeResults(filter: {{resourceTypes: [DATA_TEST]}}) {{ totalCount }} }} }}': (
        lambda n: 1 + 1
    ),
    "{ account { runs(first: 20) { nodes { failures { isNew skippedCount } newlyBroken { id } } } } }": (
        lambda n: 1 + 1 + failures(n) + earlier(n)
    ),
    f'{{ run(id: "{RUN}") {{ recovered {{ id message }} }} }}': lambda n: 1 + 1,
    f'{{ run(id: "{RUN}") {{ title steps {{ name status error }} }} }}': lambda n: 1 + 1,
    '{ account { models(first: 100, filter: {nameContains: "int_"}) { nodes { id } } } }': lambda n: 1 + models(n),
    '{ account { jobs(first: 100, filter: {nameContains: "daily"}) { nodes { id } } } }': lambda n: 1 + jobs(n),
    # What the environment holds, its newest runs, and what they did.
    '{ project(id: "finance_01") { removedModels { nodes { id } } } }': lambda _: 1 + 1 + 1 + 1 + 1,
    '{ project(id: "finance_01") { resources(filter: {resourceTypes: [SEED, EXPOSURE]}) { nodes { id } } } }': (
        lambda _: 1 + 1 + 1
    ),
    f'{{ model(id: "{MODEL}") {{ columns {{ name dataType }} }} }}': lambda _: 1 + 1 + 1,
}

_SINCE = 'since: "2026-01-01T00:00:00Z"'
JOB = "700010"
ANALYSES = (
    f'{{ run(id: "{RUN}") {{ timeline {{ wallSeconds bars {{ lane }} }} }} }}',
    f'{{ run(id: "{RUN}") {{ criticalPath {{ runtime }} observedChain {{ wallSeconds }} utilization {{ share }} }} }}',
    f'{{ run(id: "{RUN}") {{ weightedSeconds(by: TAG) {{ key weightedSeconds }} }} }}',
    f'{{ run(id: "{RUN}") {{ whatIf(change: {{threads: 8}}) {{ thenSeconds }} }} }}',
    f'{{ job(id: "{JOB}") {{ whatIf(change: {{threads: 8}}) {{ thenSeconds }} }} }}',
    f'{{ job(id: "{JOB}") {{ oftenCritical {{ uniqueId share }} }} }}',
    f'{{ job(id: "{JOB}") {{ runtimeSeries {{ points {{ runtime }} changePoints {{ id }} }} }} }}',
    f'{{ model(id: "{MODEL}") {{ runtimeSeries {{ points {{ runtime }} changePoints {{ id }} }} }} }}',
    f"{{ account {{ regressions({_SINCE}) {{ totalCount }} }} }}",
    f"{{ account {{ flaky({_SINCE}) {{ uniqueId rate }} }} }}",
    f"{{ account {{ incidents({_SINCE}) {{ totalCount }} }} }}",
    f"{{ account {{ wastedBuilds({_SINCE}) {{ buildsPerDay reuse {{ savedSeconds }} }} }} }}",
    f"{{ account {{ concurrency({_SINCE}, bucketMinutes: 1440) {{ peakRuns }} }} }}",
    f"{{ account {{ concurrency({_SINCE}, bucketMinutes: 1440) {{ sharedModels {{ uniqueId }} }} }} }}",
    f"{{ account {{ weightedSeconds(by: JOB, {_SINCE}) {{ key weightedSeconds }} }} }}",
)
"""Questions of run analysis, asked of ten projects."""

BETWEEN = """
## Run analysis

What the [analyses](run-analysis.md) cost in an account of ten projects as above: requests to dbt without an archive,
asked the first time and again, and SQL statements that read an archive. With an archive they ask dbt for no finished
run. Lists of projects, environments, jobs and runs are among the requests, and not among the statements.

| question | requests: cold | warm | statements: cold | warm |
|---|---|---|---|---|
"""

HEAD = """# Requests to dbt

What 33 questions cost in requests to dbt, in accounts of 1, 10 and 50 projects of ten models, three jobs and four
runs each: with cold caches ("cold"), and asked again immediately ("warm").
`tests/services/test_request_table.py` asks them and checks this table; `python -m tests.services.test_request_table`
writes it anew.

"Least" is the fewest requests possible for a client with cold caches that needs only this answer:

- Admin API: a page of a list holds 100 rows, and only lists that the answer cannot do without are read. Pages are
  asked a few at a time, and a list whose total changes while it is read is read anew. A row that is added and another
  that is deleted between the same two pages leave the total as it was: that is not noticed, and a row may be missing
  until the list is read again.
- Discovery API: a document holds the models of 20 projects (a page of 500 each), 100 histories, what 20 runs did, the
  lineage of 5 projects, or the sources of 20: as much as the gateway itself puts into one document. Names
  of projects need no document of their own.
- Data that later requests need takes a separate request: the list of environments before what they contain,
  which of them is called `finance_01` before its models, a model's unique id before its history.

The gateway's additional requests make the next questions cheaper. The lists of projects and environments, and the names
and revisions of all environments, are read first whatever is asked of projects and models, and serve all questions for
`topology_seconds`; that is two requests more than this answer alone needs. The list of jobs is read, beside the others,
for questions that need it: jobs, what they built, and means over the last runs, which leave out CI jobs. A job or a
run, which dbt would give by its number alone, costs up to five more. Code is never cached, hence the 1 when warm.

These are the only sequential rounds: the lists; names and revisions, and together with these all models where the
operation lists or ranks them all; then what needs their unique ids. Further pages are requested together with the first
where the last reading told where they begin. A ranking by runtime alone reads unique ids and runtimes; the first
question for more reads those models again, once, and from then on they are read whole.

A run's `error` is the `status_message` of the run, which the local platform has for every run in which a result failed.
Where dbt Cloud gives none, what failed in the runs of a page is read: two documents for twenty runs.

A model that is asked for by its id is read alone, in one document, however many models its project has: its name is a
unique id in each package of the project, and dbt filters by unique ids. Ten such models of an operation, or a hundred
references of a router, are one document too. All models of the project are read instead where the operation needs them
anyway (lists, counts, rankings, lineage), or names so many that they are more than 500 unique ids. They are read too
where an id names nothing, to offer ids that are close.

| question | cold: 1 / 10 / 50 | least: 1 / 10 / 50 | warm |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Cost:
    """Requests to dbt, asked the first time and the second."""

    cold: int
    warm: int


def made(projects: int, folder: Path) -> Settings:
    """A stored account of so many projects."""
    folder.mkdir(exist_ok=True)
    write_account(folder / "account", Size(projects, MODELS, RUNS))
    return Settings(store_url=stored(folder / "account", folder))


async def costs(settings: Settings) -> list[Cost]:
    """What each question costs a gateway without any facts: edge, schema and platform are the same for all of them."""
    archive = Archive.open(str(settings.store_url))
    schema = build_schema()
    runner = OperationRunner(schema, settings.fast_path)
    executor = GatewayExecutor(runner, StreamRunner(schema, runner), settings.request_seconds)
    tap = UpstreamTap()
    platform = AsgiTransport(tap.wrap(create_platform(archive)), None, TransportLimits())
    upstream = Upstream(platform, "http://dbt/graphql", "http://dbt", ACCOUNT_ID)
    edge = httpx2.ASGITransport(app=create_edge(executor, EdgePolicy(explorer=False), _ready))
    found = []
    async with httpx2.AsyncClient(transport=edge, base_url="http://localhost") as client:
        gateway = Gateway(client, tap)
        for question in QUESTIONS:
            async with open_services(upstream, CachePolicy()) as services:
                executor.start(services)
                cold = sum((await gateway.count(question)).values())
                found.append(Cost(cold, sum((await gateway.count(question)).values())))
    archive.close()
    return found


async def _ready() -> Readiness:
    return Readiness(True)


async def analysis_costs(settings: Settings) -> list[tuple[Cost, Cost]]:
    """What each analysis costs in requests without an archive, and in statements with one."""
    by_dbt = settings.model_copy(update={"history_source": "discovery"})
    by_sql = settings.model_copy(update={"history_source": "archive"})
    measured = []
    for question in ANALYSES:
        again = question.replace("{ ", "{  ", 1)
        async with serving(by_dbt) as gateway:
            requests = Cost(*[sum((await gateway.count(text)).values()) for text in (question, again)])
        async with serving(by_sql) as gateway:
            statements = []
            for text in (question, again):
                with noted_statements() as noted:
                    reply = await gateway.ask(text)
                assert list(reply.errors) == [], text
                statements.append(len(noted))
            assert gateway.upstream.operations.keys().isdisjoint(OF_HISTORY), question
        measured.append((requests, Cost(*statements)))
    return measured


def rows_of_analyses(measured: Sequence[tuple[Cost, Cost]]) -> str:
    """The rows of the table below."""
    return "".join(
        f"| `{question}` | {requests.cold} | {requests.warm} | {statements.cold} | {statements.warm} |\n"
        for question, (requests, statements) in zip(ANALYSES, measured, strict=True)
    )


def table(by_size: Sequence[Sequence[Cost]]) -> str:
    """The page without the analyses."""
    rows = []
    for number, (question, least) in enumerate(QUESTIONS.items()):
        measured = [of_size[number] for of_size in by_size]
        cold = " / ".join(str(one.cold) for one in measured)
        fewest = " / ".join(str(least(projects)) for projects in PROJECTS)
        warm = " / ".join(sorted({str(one.warm) for one in measured}))
        rows.append(f"| `{question}` | {cold} | {fewest} | {warm} |")
    return HEAD + "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Settings]:
    """Settings over an account of so many projects, made when it is first asked for."""
    return cache(lambda projects: made(projects, tmp_path_factory.mktemp(f"account-{projects}")))


async def measured_costs(account: Callable[[int], Settings], sizes: Sequence[int]) -> list[list[Cost]]:
    """What the questions cost at each size: never less than their least number."""
    by_size = [await costs(account(projects)) for projects in sizes]
    for projects, measured in zip(sizes, by_size, strict=True):
        for least, cost in zip(QUESTIONS.values(), measured, strict=True):
            assert cost.cold >= least(projects), "a least number that is beaten is none"
    return by_size


async def test_questions_cost_what_the_table_says_of_few_projects(account: Callable[[int], Settings]) -> None:
    """The page holds the costs of fifty projects too: by night."""
    by_size = await measured_costs(account, PROJECTS[:2])
    rows = [re.findall(r"(?<=\| )[\d /]+(?= \|)", line) for line in written_table().splitlines() if line[:3] == "| `"]
    assert len(rows) == len(QUESTIONS)
    for (cold, _, warm), measured in zip(rows, zip(*by_size, strict=True), strict=True):
        assert [int(count) for count in cold.split(" / ")][:2] == [cost.cold for cost in measured]
        assert {cost.warm for cost in measured} <= {int(count) for count in warm.split(" / ")}


@pytest.mark.nightly
async def test_questions_cost_what_the_table_says(account: Callable[[int], Settings]) -> None:
    by_size = await measured_costs(account, PROJECTS)
    assert written_table() == table(by_size), "write it anew: python -m tests.services.test_request_table"


def written_table() -> str:
    """The page without the analyses, as it is written."""
    return FILE.read_text("utf-8").partition(BETWEEN)[0]


@pytest.mark.nightly
async def test_analyses_cost_what_the_table_says(account: Callable[[int], Settings]) -> None:
    rows = FILE.read_text("utf-8").partition(BETWEEN)[2]
    assert rows == rows_of_analyses(await analysis_costs(account(PROJECTS[1])))


async def test_many_identical_cold_requests_cost_as_much_as_one(account: Callable[[int], Settings]) -> None:
    question = "{ account { slowestModels(first: 10, lastRuns: 3) { runtime model { id jobs { nodes { name } } } } } }"
    settings = account(PROJECTS[1])
    async with serving(settings) as gateway:
        alone = await gateway.count(question)
    # Requests are counted, not seconds: on a busy machine two hundred take longer than one may.
    patient = settings.model_copy(
        update={"concurrent_operations": 200, "request_seconds": 600.0, "upstream_seconds": 600.0}
    )
    async with serving(patient) as gateway:
        answers = await asyncio.gather(*(gateway.data(question) for _ in range(200)))
        assert gateway.upstream.operations == alone
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]["account"]["slowestModels"]) == 10


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        by_size = [await costs(made(projects, Path(folder) / str(projects))) for projects in PROJECTS]
        analyses = await analysis_costs(made(PROJECTS[1], Path(folder) / "analyses"))
    FILE.write_text(table(by_size) + BETWEEN + rows_of_analyses(analyses), "utf-8")


if __name__ == "__main__":
    asyncio.run(_write())

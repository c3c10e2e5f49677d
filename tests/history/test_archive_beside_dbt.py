"""An archive beside dbt: it shows what it holds, dbt reports the rest, and the answer says which and since when."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import create_engine, text

from gateway.archive.archive import Archive
from gateway.archive.reader import ArchiveReader
from gateway.archive.retention import forget_newest_runs
from gateway.errors import ConfigurationError, UpstreamForbidden
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.history.archive_reach import ArchiveReach
from gateway.history.history_beside_dbt import HistoryBesideDbt
from gateway.ingest.folders import ingest_folder
from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.ended_runs import EndedRuns, NewestEnded
from gateway.settings import Settings, load_settings
from tests.archive.postgres import Server
from tests.clock import Clock
from tests.conftest import copied
from tests.generated.demo import demo_values
from tests.generated.queries import QueryGenerator
from tests.history.statements import noted_statements
from tests.history.test_two_answers import OF_HISTORY, common_schema
from tests.identity.callers import comparable
from tests.oracle.account import Model, Oracle, meets
from tests.oracle.artifacts import Run as ArtifactRun
from tests.serving import Call, Gateway, serving

RUNS = "query ($id: ID!) { model(id: $id) { runs(first: 20) { nodes { runtime status run { id } } } } }"
RUN = "query ($id: ID!) { run(id: $id) { status modelRuns { nodes { name status runtime thread } } } }"
RANKING = "query($n: Int!) { account { slowestModels(first: 3, lastRuns: $n) { runtime runCount model { id } } } }"

Beside = Callable[[str], Settings]


@pytest.fixture
def beside(demo_store: str) -> Beside:
    """Settings of a gateway over dbt with an archive; dbt is the local platform over the demo."""
    return lambda archive: Settings(store_url=demo_store, archive_url=archive)


@pytest.fixture
def whole(demo_store: str, tmp_path: Path) -> str:
    """An archive that holds every run."""
    return copied(demo_store, tmp_path)


@pytest.fixture
def behind(whole: str) -> str:
    """An archive that lacks the newest run with artifacts of each environment."""
    archive = Archive.open(whole)
    with archive.writing() as connection:
        forget_newest_runs(connection, 1)
    archive.close()
    return whole


def change(database: str, *statements: str) -> None:
    """Somebody else's doing."""
    engine = create_engine(database)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def most_run(oracle: Oracle) -> Model:
    return max((model for model in oracle.models), key=lambda model: len(model.history))


def newest_of(oracle: Oracle, model: Model) -> str:
    return str(model.history[0].run.id)


def codes(gateway: dict[str, Any]) -> list[str]:
    return [note["code"] for note in gateway["notes"] if "code" in note]


@pytest.mark.slow
async def test_what_the_archive_holds_is_not_asked_of_dbt(beside: Beside, whole: str, oracle: Oracle) -> None:
    model = most_run(oracle)
    async with serving(beside(whole)) as gateway:
        reply = await gateway.ask(RUNS, id=model.id)
        run = await gateway.ask(RUN, id=newest_of(oracle, model))
    assert [one["run"]["id"] for one in reply.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in model.history[:20]
    ]
    assert gateway.upstream.operations.keys().isdisjoint(OF_HISTORY)
    for answer in (reply, run):
        assert answer.errors == []
        assert answer.gateway["historySources"] == ["ARCHIVE"]
        assert codes(answer.gateway) == []
    async with serving(beside(whole).model_copy(update={"archive_url": None})) as without:
        assert (await without.ask(RUNS, id=model.id)).data == reply.data
        assert (await without.ask(RUN, id=newest_of(oracle, model))).data == run.data


@pytest.mark.slow
async def test_means_are_added_up_in_the_archive_while_models_are_read_of_dbt(
    beside: Beside, whole: str, oracle: Oracle
) -> None:
    async with serving(beside(whole)) as gateway:
        with noted_statements() as noted:
            reply = await gateway.ask(RANKING, n=3)
    assert [
        (one["model"]["id"], one["runtime"], one["runCount"]) for one in reply.data["account"]["slowestModels"]
    ] == [*oracle.slowest(oracle.models, 3, 3)]
    assert gateway.upstream.operations.keys().isdisjoint(OF_HISTORY)
    assert gateway.upstream.operations["EnvironmentModels"] >= 1, "the present is dbt's"
    assert len([one for one in noted if "recent_results" in one]) == 1
    assert reply.gateway["historySources"] == ["ARCHIVE"]


LISTS = """{ account {
  regressions(since: "2026-01-01T00:00:00Z", certainty: SUSPECTED) { totalCount basis { source runCount } nodes { id } }
  flaky(since: "2026-01-01T00:00:00Z") { uniqueId rate }
  incidents(since: "2026-01-01T00:00:00Z") { totalCount nodes { id repairedAt } }
  wastedBuilds(since: "2026-03-01T00:00:00Z", until: "2026-04-01T00:00:00Z") {
    buildsPerDay basis { source } models { uniqueId buildCount } }
  weightedSeconds(by: JOB, since: "2026-03-01T00:00:00Z", until: "2026-04-01T00:00:00Z") { key weightedSeconds } } }"""


@pytest.mark.slow
async def test_lists_of_an_account_are_read_in_an_archive_that_holds_it(beside: Beside, whole: str) -> None:
    """As the archive alone tells them, and no list of results is asked of dbt."""
    async with serving(beside(whole)) as gateway:
        reply = await gateway.ask(LISTS)
    assert reply.errors == []
    assert gateway.upstream.operations.keys().isdisjoint({*OF_HISTORY, "RunModels", "RunNodes", "RunGraphs"})
    assert reply.data["account"]["regressions"]["basis"]["source"] == "ARCHIVE"
    assert reply.data["account"]["wastedBuilds"]["basis"]["source"] == "ARCHIVE"
    async with serving(Settings(store_url=whole, history_source="archive")) as alone:
        assert (await alone.ask(LISTS)).data == reply.data


@pytest.mark.slow
async def test_lists_of_an_account_are_read_of_dbt_where_an_archive_lacks_a_run(beside: Beside, behind: str) -> None:
    query = """{ account { wastedBuilds(since: "2026-03-10T00:00:00Z", until: "2026-03-11T00:00:00Z") {
      buildsPerDay basis { source runCount } } } }"""
    async with serving(beside(behind)) as gateway:
        reply = await gateway.ask(query)
    assert reply.errors == []
    told = reply.data["account"]["wastedBuilds"]
    assert (told["buildsPerDay"], told["basis"]["source"]) == (None, "DISCOVERY")


@pytest.mark.slow
async def test_how_far_history_reaches(beside: Beside, whole: str, oracle: Oracle) -> None:
    """Since the first run of the environment whose history begins last."""
    model = most_run(oracle)
    begins = [
        min(run.created for run in oracle.runs if run.environment_id == one)
        for one in {project.environment_id for project in oracle.production}
    ]
    here = min(run.created for run in oracle.runs if run.environment_id == model.environment_id)
    for settings in (beside(whole), Settings(store_url=whole, history_source="archive")):
        async with serving(settings) as gateway:
            one = await gateway.ask(RUNS, id=model.id)
            everything = await gateway.ask(RANKING, n=3)
            nothing = await gateway.ask("{ account { name } }")
            again = await gateway.ask(RUNS, id=model.id)
        assert datetime.fromisoformat(one.gateway["historySince"]) == here
        assert datetime.fromisoformat(everything.gateway["historySince"]) == max(begins)
        assert nothing.gateway["historySince"] is None
        assert again.gateway["historySince"] == one.gateway["historySince"], "said of what is cached too"
    async with serving(beside(whole).model_copy(update={"archive_url": None})) as by_dbt:
        assert (await by_dbt.ask(RUNS, id=model.id)).gateway["historySince"] is None


@pytest.mark.slow
async def test_an_archive_that_lacks_a_run_is_completed_by_dbt(beside: Beside, behind: str, oracle: Oracle) -> None:
    model = most_run(oracle)
    async with serving(beside(behind)) as gateway:
        reply = await gateway.ask(RUNS, id=model.id)
        ranking = await gateway.ask(RANKING, n=3)
        newest = await gateway.ask(RUN, id=newest_of(oracle, model))
        older = await gateway.ask(RUN, id=str(model.history[1].run.id))
    assert [one["run"]["id"] for one in reply.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in model.history[:20]
    ]
    assert reply.gateway["historySources"] == ["DISCOVERY"]
    assert reply.gateway["historySince"] is None
    assert [(one["model"]["id"], one["runtime"]) for one in ranking.data["account"]["slowestModels"]] == [
        (model_id, runtime) for model_id, runtime, _ in oracle.slowest(oracle.models, 3, 3)
    ]
    assert newest.gateway["historySources"] == ["DISCOVERY"]
    assert older.gateway["historySources"] == ["ARCHIVE"]


@pytest.mark.slow
async def test_what_dbt_has_forgotten_the_archive_reports(beside: Beside, behind: str, oracle: Oracle) -> None:
    """dbt knows the newest run of each model only, the archive all but those."""
    model = most_run(oracle)

    def forget_all_but_newest(call: Call, answer: Any) -> Any:
        if call.operation == "ModelHistories":
            for environment in answer["data"].values():
                for runs in environment["applied"].values():
                    del runs[1:]
        return answer

    async with serving(beside(behind)) as gateway:
        gateway.upstream.rewrite = forget_all_but_newest
        reply = await gateway.ask(RUNS, id=model.id)
    assert [one["run"]["id"] for one in reply.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in model.history[:20]
    ]
    assert reply.gateway["historySources"] == ["ARCHIVE", "DISCOVERY"]


@pytest.mark.slow
async def test_an_archive_that_catches_up_is_asked_from_then_on(
    beside: Beside, behind: str, demo_folder: Path, oracle: Oracle
) -> None:
    model = most_run(oracle)
    impatient = {"revision_interval": 1e-9, "topology_seconds": 1e-9, "stale_seconds": 0.0}
    settings = beside(behind).model_copy(update=impatient)
    async with serving(settings) as gateway:
        before = await gateway.ask(RANKING, n=3)
        archive = Archive.open(behind)
        change(behind, "DELETE FROM folders")
        ingest_folder(archive, demo_folder)
        archive.close()
        other = next(one for one in oracle.models if one.environment_id == model.environment_id and one != model)
        await forget_comparisons(gateway)
        after = await gateway.ask(RANKING, n=3)
        fresh = await gateway.ask(RUNS, id=other.id)
    assert before.gateway["historySources"] != ["ARCHIVE"]
    assert after.data == before.data
    assert "ARCHIVE" in after.gateway["historySources"]
    assert fresh.gateway["historySources"] == ["ARCHIVE"]


async def forget_comparisons(gateway: Gateway) -> None:
    """As time does: the archive and dbt's lists are compared anew half a second later."""
    history = gateway.services.history
    assert isinstance(history, HistoryBesideDbt)
    history.reach.forget()


@pytest.mark.slow
async def test_runs_that_nobody_recorded_are_not_trusted(beside: Beside, whole: str, oracle: Oracle) -> None:
    """Of an inferred run those commands alone are known whose artifacts were found."""
    change(whole, "UPDATE runs SET inferred = TRUE")
    async with serving(beside(whole)) as gateway:
        reply = await gateway.ask(RUN, id=newest_of(oracle, most_run(oracle)))
        ranking = await gateway.ask(RANKING, n=3)
    assert reply.gateway["historySources"] == ranking.gateway["historySources"] == ["DISCOVERY"]


@pytest.mark.slow
async def test_a_young_archive_leaves_means_to_dbt(beside: Beside, whole: str, oracle: Oracle) -> None:
    """It holds the newest run of each environment, and dbt can report more."""
    keep = ", ".join(
        str(max((run for run in oracle.runs if run.environment_id == one), key=lambda run: run.created).id)
        for one in {run.environment_id for run in oracle.runs}
    )
    archive = Archive.open(whole)
    with archive.writing() as connection:
        for table in ("results", "freshness", "catalog_tables", "invocations"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE run_id NOT IN ({keep})")  # noqa: S608
        connection.exec_driver_sql(f"DELETE FROM runs WHERE id NOT IN ({keep})")  # noqa: S608
    archive.close()
    async with serving(beside(whole)) as gateway:
        ranking = await gateway.ask(RANKING, n=3)
    assert [(one["model"]["id"], one["runtime"]) for one in ranking.data["account"]["slowestModels"]] == [
        (model_id, runtime) for model_id, runtime, _ in oracle.slowest(oracle.models, 3, 3)
    ]
    assert "DISCOVERY" in ranking.gateway["historySources"]


@pytest.mark.slow
@pytest.mark.parametrize("criteria", [None, {"materialization": "table"}, {"modelIds": "slowest"}], ids=str)
async def test_means_are_of_the_archive_where_it_is_whole_and_of_dbt_elsewhere(
    beside: Beside, whole: str, oracle: Oracle, criteria: dict[str, Any] | None
) -> None:
    """Of one environment the newest run is missing: its models alone have their histories read, and all are ranked
    together. Models named by ids have theirs read everywhere: they are few."""
    models = sorted(oracle.models, key=lambda one: one.environment_id)
    if criteria and "modelIds" in criteria:
        models = [next(one for one in models if one.id == row[0]) for row in oracle.slowest(oracle.models, 3, 5)]
        criteria = {"modelIds": [one.id for one in models]}
    elif criteria:
        models = [one for one in models if meets(one, materialization="table")]
    lacking = models[0].environment_id
    here = [run for run in oracle.runs if run.environment_id == lacking]
    newest = max(here, key=lambda run: run.created).id
    for table in ("results", "freshness", "catalog_tables", "invocations"):
        change(whole, f"DELETE FROM {table} WHERE run_id = {newest}")  # noqa: S608
    change(whole, f"DELETE FROM runs WHERE id = {newest}")  # noqa: S608
    asked = """query($n: Int!, $filter: ModelFilter) { account {
      slowestModels(first: 5, lastRuns: $n, filter: $filter) { rank runtime runCount model { id } } } }"""
    async with serving(beside(whole)) as gateway:
        reply = await gateway.ask(asked, n=3, filter=criteria)
    assert reply.errors == []
    assert [(one["rank"], one["model"]["id"], one["runtime"], one["runCount"]) for one in _ranked(reply)] == [
        (place, *row) for place, row in enumerate(oracle.slowest(models, 3, 5), 1)
    ]
    assert reply.gateway["historySources"] == ["ARCHIVE", "DISCOVERY"]
    if criteria is None or "modelIds" not in criteria:
        histories = [call for call in gateway.upstream.calls if call.operation in OF_HISTORY]
        environments = {value for call in histories for value in call.variables.values() if isinstance(value, int)}
        assert environments & {one.environment_id for one in oracle.models} == {lacking}


def _ranked(reply: Any) -> list[dict[str, Any]]:
    ranked: list[dict[str, Any]] = reply.data["account"]["slowestModels"]
    return ranked


@pytest.mark.parametrize(
    ("age", "unheld", "unheld_since", "held"),
    [
        (30, 0, 9, True),  # dbt lists no more than it holds
        (30, 5, 0, False),  # it begins after what dbt still reports
        (200, 5, 0, True),  # what it lacks nobody reports any more
        (200, 5, 1, False),  # a run is missing among the older ones
    ],
)
async def test_an_environment_is_held_where_nothing_is_missing_that_dbt_can_report(
    whole: str, oracle: Oracle, age: int, unheld: int, unheld_since: int, held: bool
) -> None:
    """dbt lists more than a hundred runs, of which the newest are in the archive; `age` in days."""
    environment_id = oracle.models[0].environment_id
    runs = [run for run in oracle.runs if run.environment_id == environment_id]
    first = min(run.created for run in runs)
    archive = Archive.open(whole)
    reader = ArchiveReader(archive)
    listed = ListedByDbt(runs[-1], len(runs) + unheld, len(runs) + unheld_since)
    reach = ArchiveReach(reader, listed, clock=lambda: first + timedelta(days=age))
    found = await reach.of([environment_id])
    reader.close()
    archive.close()
    assert found[environment_id].held is held
    assert found[environment_id].since == first


class ListedByDbt(EndedRuns):
    """A long list, of which one run is on the first page."""

    def __init__(self, newest: ArtifactRun, total: int, since: int) -> None:
        super().__init__(None)
        self._newest = newest
        self._total = total
        self._since = since

    async def newest(self, environment_id: int) -> NewestEnded:
        run = Run(self._newest.id, 1, environment_id, RunStatus.SUCCESS, "", *[None] * 8)
        return NewestEnded((run,), self._total, complete=False)

    async def count_since(self, environment_id: int, created_since: datetime) -> int:
        return self._since


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["no database", "another account", "newer", "no server"])
async def test_an_archive_that_cannot_be_used_is_named_and_dbt_reports_the_rest(
    beside: Beside, whole: str, tmp_path: Path, oracle: Oracle, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive = whole
    if damage == "no database":
        archive = f"sqlite:///{tmp_path / 'broken.db'}"
        (tmp_path / "broken.db").write_bytes(b"not a database at all" * 100)
    elif damage == "another account":
        change(whole, "UPDATE accounts SET id = 77")
    elif damage == "newer":
        change(whole, "INSERT INTO migrations VALUES (99, 'from the future', 0)")
    else:
        archive = "postgresql+psycopg://somebody:geheim@127.0.0.1:1/runs"
    model = most_run(oracle)
    with caplog.at_level(logging.WARNING):
        async with serving(beside(archive)) as gateway:
            reply = await gateway.ask(RUNS, id=model.id)
    assert [one["run"]["id"] for one in reply.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in model.history[:20]
    ]
    assert "ARCHIVE_UNUSABLE" in codes(reply.gateway)
    assert reply.gateway["historySources"] == ["DISCOVERY"]
    line, *_ = [record.getMessage() for record in caplog.records if "archive_url" in record.getMessage()]
    reasons = {
        "no database": "file is not a database",
        "another account": "account 77",
        "newer": "version 99",
        "no server": "cannot be opened",
    }
    assert reasons[damage] in line
    assert "geheim" not in line + reply.text
    assert str(tmp_path) not in reply.text


@pytest.mark.slow
async def test_an_archive_that_goes_in_the_midst_is_named_and_dbt_reports_the_rest(
    beside: Beside, whole: str, oracle: Oracle
) -> None:
    model, other = sorted(oracle.models, key=lambda one: len(one.history))[-2:]
    async with serving(beside(whole)) as gateway:
        before = await gateway.ask(RUNS, id=model.id)
        change(whole, "DROP TABLE recent_results", "ALTER TABLE results RENAME TO mislaid")
        after = await gateway.ask(RUNS, id=other.id)
        run = await gateway.ask(RUN, id=newest_of(oracle, other))
        ranking = await gateway.ask(RANKING, n=3)
    assert codes(before.gateway) == []
    for reply in (after, run, ranking):
        assert reply.errors == []
        assert "ARCHIVE_UNREADABLE" in codes(reply.gateway)
    assert [one["run"]["id"] for one in after.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in other.history[:20]
    ]
    assert after.gateway["historySources"] == run.gateway["historySources"] == ["DISCOVERY"]


@pytest.mark.slow
@pytest.mark.external
async def test_a_server_that_goes_in_the_midst_is_named_and_dbt_reports_the_rest(
    beside: Beside, postgres: Server, demo_on_postgres: str, oracle: Oracle
) -> None:
    database = postgres.copy(demo_on_postgres)
    model, other = sorted(oracle.models, key=lambda one: len(one.history))[-2:]
    async with serving(beside(database)) as gateway:
        before = await gateway.ask(RUNS, id=model.id)
        postgres.cut_off(database)
        after = await gateway.ask(RUNS, id=other.id)
    assert before.gateway["historySources"] == ["ARCHIVE"]
    assert after.gateway["historySources"] == ["DISCOVERY"]
    assert "ARCHIVE_UNREADABLE" in codes(after.gateway)
    assert [one["run"]["id"] for one in after.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in other.history[:20]
    ]


@pytest.mark.slow
async def test_a_database_of_history_url_is_taken_over(demo_store: str, tmp_path: Path, oracle: Oracle) -> None:
    """Its runs are told on, be they of its first version, and the archive's tables come beside them."""
    model = most_run(oracle)
    database = f"sqlite:///{tmp_path / 'history.db'}"
    settings = Settings(store_url=demo_store, archive_url=database)
    async with serving(settings) as before:
        whole = await before.data(RUNS, id=model.id)
    archive_tables = "migrations", "recent_results", "resource_months", "folders", "accounts"
    change(
        database,
        "CREATE TABLE kept_version (version INTEGER NOT NULL)",
        "INSERT INTO kept_version VALUES (1)",
        "ALTER TABLE kept_model_runs DROP COLUMN ended_at",
        *(f"DROP TABLE {name}" for name in archive_tables),
    )
    shutil.copy(tmp_path / "history.db", tmp_path / "before.db")

    def forget(call: Call, answer: Any) -> Any:
        if call.operation == "ModelHistories":
            for environment in answer["data"].values():
                for runs in environment["applied"].values():
                    del runs[1:]
        return answer

    async with serving(settings) as after:
        after.upstream.rewrite = forget
        assert await after.data(RUNS, id=model.id) == whole


def test_the_setting_that_it_replaces_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATEWAY_HISTORY_URL", "sqlite:///h.db")
    with pytest.raises(ConfigurationError, match=r"GATEWAY_HISTORY_URL is no setting.*archive_url.*same database"):
        load_settings()
    monkeypatch.delenv("GATEWAY_HISTORY_URL")
    (tmp_path / "gateway.toml").write_text('history_url = "sqlite:///h.db"\n')
    monkeypatch.setenv("GATEWAY_CONFIG", str(tmp_path / "gateway.toml"))
    with pytest.raises(ConfigurationError, match=r"history_url is no setting.*archive_url.*same database"):
        load_settings()


def test_an_archive_beside_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ARCHIVE_URL", "sqlite:///h.db")
    with pytest.raises(ConfigurationError, match=r"no discovery_url.*store_url"):
        load_settings()


@pytest.mark.slow
@pytest.mark.parametrize("archive", ["whole", "behind"])
async def test_generated_questions_have_the_same_answers_with_an_archive(
    beside: Beside, settings: Settings, oracle: Oracle, request: pytest.FixtureRequest, archive: str
) -> None:
    """Whether it holds every run or lacks the newest ones."""
    generator = QueryGenerator(77, common_schema(), demo_values(oracle))
    sources: set[str] = set()
    async with serving(beside(request.getfixturevalue(archive))) as gateway, serving(settings) as by_dbt:
        for _ in range(40):
            query, variables = generator.query()
            reply = await gateway.ask(query, **variables)
            assert comparable(reply) == comparable(await by_dbt.ask(query, **variables)), query
            sources.update(reply.gateway.get("historySources", ()))
    assert "ARCHIVE" in sources


async def test_a_token_that_may_not_list_runs_is_asked_once_a_minute() -> None:
    clock = Clock()
    api = RefusingApi()
    ended = EndedRuns(cast(AdminApi, api), clock)
    assert await ended.newest(1) is None
    assert await ended.count_since(1, datetime.now(UTC)) is None
    assert api.asked == 1
    clock.now += 61
    assert await ended.newest(1) is None
    assert api.asked == 2


class RefusingApi:
    """An Admin API that lets nobody list runs."""

    def __init__(self) -> None:
        self.asked = 0

    async def list_first(self, *_: object, **__: object) -> None:
        self.asked += 1
        raise UpstreamForbidden("not for you")

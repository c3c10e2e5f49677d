"""Reading folders into the archive: whole runs or nothing, once, whatever the folder looks like."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.archive.artifacts import invocation
from gateway.archive.tables.run_tables import metadata, nodes
from gateway.errors import UnreadableArtifact
from gateway.ingest.folders import Progress, ingest_folder
from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning, millis
from tests.served_platform import Platform

DAILY = Path("finance/301001/70437490011508")
LATE = Path("finance/301001/70437490010823")


def serving(archive: Archive) -> Platform:
    return Platform(TestClient(create_platform(archive)), archive)


def copy(demo_folder: Path, into: Path, *runs: Path) -> Path:
    """A small archive folder with some of the demo's runs."""
    into.mkdir(exist_ok=True)
    shutil.copy(demo_folder / "account.json", into)
    for run in runs:
        shutil.copytree(demo_folder / run, into / run)
    return into


def everything(archive: Archive) -> dict[str, list]:
    """Every row of every table that shows what happened, free of keys and times of reading."""
    with archive.reading() as connection:
        tables = ("runs", "invocations", "results", "freshness", "catalog_tables", "resources", "nodes", "manifests")
        return {
            name: sorted(map(str, connection.exec_driver_sql(f"SELECT * FROM {name}").fetchall()))  # noqa: S608 - our names
            for name in tables
        }


@pytest.mark.slow
def test_the_archive_counts_what_the_files_hold(platform: Platform, reckoning: Reckoning) -> None:
    summary = platform.archive.describe()
    assert (summary.account_id, summary.account_name) == (70403103900042, "Harbor & Pine")
    assert (summary.projects, summary.environments, summary.jobs) == (4, 5, 12)
    assert summary.runs == len(reckoning.runs)
    executed = [result for command in reckoning.commands for result in command.results]
    assert summary.model_results == sum(result["unique_id"].startswith("model.") for result in executed)
    starts = sorted(run["started_at"] for run in reckoning.runs)
    assert (summary.first_run_at.isoformat(timespec="milliseconds"), summary.last_run_at.isoformat()) == (
        starts[0].replace("Z", "+00:00"),
        starts[-1].replace("Z", "+00:00").replace(".000", ""),
    )


@pytest.mark.slow
def test_reading_again_changes_nothing(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    folder = copy(demo_folder, tmp_path / "runs", DAILY)
    first = ingest_folder(empty_archive, folder)
    assert (first.runs, first.unchanged, first.problems) == (1, 0, ())
    before = everything(empty_archive)
    again = ingest_folder(empty_archive, folder)
    assert (again.runs, again.unchanged, again.results) == (0, 1, 0)
    elsewhere = ingest_folder(empty_archive, copy(demo_folder, tmp_path / "copy", DAILY))
    assert (elsewhere.runs, elsewhere.unchanged, elsewhere.results) == (0, 1, 0)
    assert everything(empty_archive) == before


@pytest.mark.slow
def test_progress_is_reported_after_each_folder(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    seen: list[Progress] = []
    ingest_folder(empty_archive, copy(demo_folder, tmp_path / "runs", LATE, DAILY), seen.append)
    assert [(each.done, each.total) for each in seen] == [(1, 2), (2, 2)]
    assert [Path(each.folder).name for each in seen] == [LATE.name, DAILY.name]


@pytest.mark.slow
def test_a_step_that_arrives_later_completes_its_run(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    folder = copy(demo_folder, tmp_path / "runs", DAILY)
    kept = tmp_path / "kept"
    shutil.move(folder / DAILY / "step_2", kept)
    ingest_folder(empty_archive, folder)
    assert empty_archive.describe().model_results == 0
    shutil.move(kept, folder / DAILY / "step_2")
    report = ingest_folder(empty_archive, folder)
    assert (report.runs, report.unchanged) == (1, 0)
    results = json.loads((folder / DAILY / "step_2/run_results.json").read_text())["results"]
    models = sum(result["unique_id"].startswith("model.") for result in results)
    assert empty_archive.describe().model_results == models


@pytest.mark.slow
def test_identical_nodes_are_stored_once(platform: Platform, reckoning: Reckoning) -> None:
    volatile = {
        "compiled",
        "compiled_code",
        "compiled_path",
        "created_at",
        "extra_ctes",
        "extra_ctes_injected",
        "build_path",
    }
    sections = ("nodes", "sources", "macros", "exposures", "groups", "unit_tests")
    distinct = set()
    for command in reckoning.commands:
        for section in sections:
            for name, node in command.files.get("manifest", {}).get(section, {}).items():
                distinct.add((name, json.dumps({k: v for k, v in node.items() if k not in volatile}, sort_keys=True)))
    with platform.archive.reading() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM nodes").scalar()
    assert stored <= len(distinct)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "run_results.json"])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[: len(data) // 2], "not complete, valid JSON"),
        (lambda data: b"", "not complete, valid JSON"),
        (lambda data: b"<html>", "not complete, valid JSON"),
        (lambda data: b"{}", "metadata"),
        (lambda data: b'{"metadata": {}, "results": []}', "not a dbt"),
        (
            lambda data: data.replace(b"manifest/v12.json", b"manifest/v99.json").replace(
                b"results/v6", b"results/v99"
            ),
            "newer",
        ),
    ],
)
def test_a_file_that_cannot_be_used_costs_its_own_run_only(
    demo_folder: Path,
    tmp_path: Path,
    empty_archive: Archive,
    name: str,
    spoil: Callable[[bytes], bytes],
    reason: str,
) -> None:
    folder = copy(demo_folder, tmp_path / "runs", LATE, DAILY)
    path = folder / DAILY / "step_2" / name
    path.write_bytes(spoil(path.read_bytes()))
    report = ingest_folder(empty_archive, folder)
    [problem] = report.problems
    assert problem.path == str(path)
    assert reason in problem.reason
    assert report.runs == 1
    with empty_archive.reading() as connection:
        assert list(connection.exec_driver_sql("SELECT id FROM runs").scalars()) == [int(LATE.name)]


@pytest.mark.slow
def test_a_run_keeps_its_last_good_data_when_its_files_go_bad(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    folder = copy(demo_folder, tmp_path / "runs", DAILY)
    ingest_folder(empty_archive, folder)
    before = everything(empty_archive)
    (folder / DAILY / "step_2/run_results.json").write_text("{")
    assert len(ingest_folder(empty_archive, folder).problems) == 1
    assert everything(empty_archive) == before


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_spoilt_description_of_a_run_or_account_is_a_problem(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive, content: str
) -> None:
    folder = copy(demo_folder, tmp_path / "runs", LATE, DAILY)
    (folder / DAILY / "run.json").write_text(content)
    (folder / "account.json").write_text(content)
    report = ingest_folder(empty_archive, folder)
    assert {Path(problem.path).name for problem in report.problems} == {"run.json", "account.json"}
    assert report.runs == 1


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_a_folder_without_artifacts_is_refused(
    tmp_path: Path, empty_archive: Archive, prepare: Callable[[Path], object]
) -> None:
    prepare(tmp_path / "nothing")
    with pytest.raises(UnreadableArtifact, match="nothing"):
        ingest_folder(empty_archive, tmp_path / "nothing")


@pytest.mark.slow
def test_a_bare_target_folder_is_one_run(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    """Without run.json the artifacts' own environment shows where the run belongs."""
    target = tmp_path / "target"
    shutil.copytree(demo_folder / DAILY / "step_2", target)
    report = ingest_folder(empty_archive, target)
    assert (report.runs, report.problems) == (1, ())
    summary = empty_archive.describe()
    assert (summary.account_id, summary.projects, summary.jobs, summary.runs) == (70403103900042, 1, 1, 1)
    found = serving(empty_archive).ask(
        "{ environment(id: 201001) { dbtProjectName applied { lastUpdatedAt modelHistoricalRuns("
        'uniqueId: "model.finance.fct_invoices") { runId jobId status } } } }'
    )["environment"]
    results = json.loads((target / "run_results.json").read_text())
    assert found["dbtProjectName"] == "finance"
    assert found["applied"]["lastUpdatedAt"] == millis(results["metadata"]["generated_at"])
    [run] = found["applied"]["modelHistoricalRuns"]
    assert run == {"runId": int(DAILY.name), "jobId": 301001, "status": "success"}


@pytest.mark.slow
def test_a_stale_manifest_environment_misleads_nobody(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    """dbt's partial parsing leaves an older run's values in the manifest: the results know better."""
    target = tmp_path / "target"
    shutil.copytree(demo_folder / DAILY / "step_2", target)
    manifest = json.loads((target / "manifest.json").read_text())
    stated = manifest["metadata"]["env"]["DBT_CLOUD_RUN_ID"]
    assert stated != DAILY.name
    ingest_folder(empty_archive, target)
    with empty_archive.reading() as connection:
        assert list(connection.exec_driver_sql("SELECT id FROM runs").scalars()) == [int(DAILY.name)]


def strip_cloud(folder: Path) -> None:
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        if "metadata" in content:
            content["metadata"]["env"] = {}
            path.write_text(json.dumps(content))


@pytest.mark.slow
def test_a_run_that_nobody_numbered_gets_the_same_ids_everywhere(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    first, second = tmp_path / "here" / "target", tmp_path / "there" / "deep" / "target"
    for target in (first, second):
        shutil.copytree(demo_folder / DAILY / "step_2", target)
        strip_cloud(target)
    report = ingest_folder(empty_archive, first)
    assert report.runs == 1
    assert ingest_folder(empty_archive, second.parents[1]).unchanged == 1
    client = serving(empty_archive).http
    [account] = client.get("/api/v3/accounts/").json()["data"]
    base = f"/api/v2/accounts/{account['id']}"
    [project] = client.get(f"{base}/projects/").json()["data"]
    [environment] = client.get(f"{base}/environments/").json()["data"]
    [job] = client.get(f"{base}/jobs/").json()["data"]
    [run] = client.get(f"{base}/runs/").json()["data"]
    assert (project["name"], environment["name"], environment["deployment_type"]) == ("finance", "prod", "production")
    assert job["name"] == "dbt build --select tag:daily tag:shared"
    assert (run["status"], run["job_definition_id"]) == (20, job["id"])
    results = json.loads((first / "run_results.json").read_text())
    assert millis(run["finished_at"]) == millis(results["metadata"]["generated_at"])
    assert run["run_duration"] == f"00:00:{int(results['elapsed_time']):02d}"
    assert all(0 < number < 2**48 for number in (account["id"], project["id"], environment["id"], job["id"], run["id"]))


@pytest.mark.slow
def test_production_is_the_environment_named_so_or_the_one_used_last(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    def arrive(target: str, day: int) -> dict[str, str | None]:
        folder = tmp_path / target
        shutil.copytree(demo_folder / DAILY / "step_2", folder)
        strip_cloud(folder)
        results = json.loads((folder / "run_results.json").read_text())
        results["args"]["target"] = target
        results["metadata"] |= {"invocation_id": target, "generated_at": f"2026-03-{day:02d}T05:00:00Z"}
        (folder / "run_results.json").write_text(json.dumps(results))
        assert ingest_folder(empty_archive, folder).runs == 1
        client = serving(empty_archive).http
        [account] = client.get("/api/v3/accounts/").json()["data"]
        found = client.get(f"/api/v2/accounts/{account['id']}/environments/").json()["data"]
        return {place["name"]: place["deployment_type"] for place in found}

    assert arrive("dev", 1) == {"dev": "production"}
    assert arrive("staging", 3) == {"dev": None, "staging": "production"}
    assert arrive("prod", 2) == {"dev": None, "staging": "staging", "prod": "production"}


@pytest.mark.slow
def test_bare_folders_of_one_run_become_its_steps(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    for name in ("step_1", "step_2"):
        shutil.copytree(demo_folder / DAILY / name, tmp_path / "nested" / name / "target")
        ingest_folder(empty_archive, tmp_path / "nested" / name)
    run = serving(empty_archive).get(f"runs/{DAILY.name}/")["data"]
    assert [step["name"] for step in run["run_steps"]] == [
        "Invoke dbt with `dbt source freshness`",
        "Invoke dbt with `dbt build --select tag:daily tag:shared`",
    ]
    assert empty_archive.describe().runs == 1


@pytest.mark.slow
def test_an_older_run_that_arrives_late_moves_the_time_of_the_state(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    """Whoever caches by `lastUpdatedAt` must see that something changed."""
    query = "{ environment(id: 201001) { applied { lastUpdatedAt } } }"
    folder = copy(demo_folder, tmp_path / "runs", DAILY)
    ingest_folder(empty_archive, folder)
    before = serving(empty_archive).ask(query)["environment"]["applied"]["lastUpdatedAt"]
    copy(demo_folder, tmp_path / "late", LATE)
    ingest_folder(empty_archive, tmp_path / "late")
    after = serving(empty_archive).ask(query)["environment"]["applied"]["lastUpdatedAt"]
    assert after > before


@pytest.mark.slow
def test_results_of_unknown_nodes_and_unknown_statuses_are_kept(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    target = tmp_path / "target"
    shutil.copytree(demo_folder / DAILY / "step_2", target)
    results = json.loads((target / "run_results.json").read_text())
    [model, *_] = [result for result in results["results"] if result["unique_id"].startswith("model.")]
    stranger = {**model, "unique_id": "model.finance.stranger", "status": "sparkling", "brand_new": {"key": 1}}
    results["results"].append(stranger)
    (target / "run_results.json").write_text(json.dumps(results))
    assert ingest_folder(empty_archive, target).problems == ()
    platform = serving(empty_archive)
    found = platform.ask('{ job(id: 301001) { model(uniqueId: "model.finance.stranger") { name status tags } } }')
    assert found["job"]["model"] == {"name": "stranger", "status": "sparkling", "tags": []}


@pytest.mark.slow
def test_a_node_that_a_run_executed_twice_counts_once_and_its_last_execution_stands(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    """The third step repeats the second an hour later and fails: what the run did to the model is a failure, and the
    success before it is no last success."""
    folder = copy(demo_folder, tmp_path / "runs", DAILY)
    name = "model.finance.fct_invoices"
    shutil.copytree(folder / DAILY / "step_2", folder / DAILY / "step_3")
    path = folder / DAILY / "step_3/run_results.json"
    results = json.loads(path.read_text())
    first = next(result for result in results["results"] if result["unique_id"] == name)["execution_time"]
    results["metadata"] |= {"invocation_id": "the third", "generated_at": "2026-03-11T06:00:00.5Z"}
    for result in results["results"]:
        result |= {"status": "error", "message": "out of memory", "execution_time": 9.5}
    path.write_text(json.dumps(results))
    ingest_folder(empty_archive, folder)
    applied = serving(empty_archive).ask(
        f"""{{ environment(id: 201001) {{ applied {{
          modelHistoricalRuns(uniqueId: "{name}", lastRunCount: 5) {{
            runId status error executionTime invocationId runResults {{ status executionTime }} }}
          models(filter: {{uniqueIds: "{name}"}}) {{ edges {{ node {{ executionInfo {{
            lastRunStatus lastRunError lastRunGeneratedAt executionTime }} }} }} }} }} }} }}"""
    )["environment"]["applied"]
    [run] = applied["modelHistoricalRuns"]
    assert (run["status"], run["error"], run["executionTime"]) == ("error", "out of memory", 9.5)
    assert run["invocationId"] == "the third"
    assert [each["status"] for each in run["runResults"]] == ["success", "error"]
    assert [each["executionTime"] for each in run["runResults"]] == [first, 9.5]
    assert applied["models"]["edges"][0]["node"]["executionInfo"] == {
        "lastRunStatus": "error",
        "lastRunError": "out of memory",
        "lastRunGeneratedAt": "2026-03-11T06:00:00.500Z",
        "executionTime": None,
    }
    models = serving(empty_archive).ask("{ job(id: 301001) { models { uniqueId status } } }")["job"]["models"]
    assert [each["status"] for each in models if each["uniqueId"] == name] == ["error"]


@pytest.mark.slow
def test_a_link_that_leaves_the_folder_is_not_followed(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    secret = tmp_path / "outside.json"
    secret.write_text("{}")
    folder = copy(demo_folder, tmp_path / "runs", LATE, DAILY)
    path = folder / LATE / "step_1" / "catalog.json"
    path.symlink_to(secret)
    report = ingest_folder(empty_archive, folder)
    [problem] = report.problems
    assert (problem.path, "link" in problem.reason) == (str(path), True)
    assert report.runs == 2


@pytest.mark.slow
def test_a_crash_in_the_middle_of_a_run_leaves_nothing_of_it(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    """The process dies while the second run's rows are written: the first stands, the second can be read again."""
    folder = copy(demo_folder, tmp_path / "runs", LATE, DAILY)

    def die(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO recent_results"):
            raise RuntimeError("power cut")

    def cut_power(_progress: Progress) -> None:
        event.listen(empty_archive._engine, "after_cursor_execute", die)

    with pytest.raises(RuntimeError, match="power cut"):
        ingest_folder(empty_archive, folder, cut_power)
    event.remove(empty_archive._engine, "after_cursor_execute", die)
    with empty_archive.reading() as connection:
        assert list(connection.exec_driver_sql("SELECT id FROM runs").scalars()) == [int(LATE.name)]
    report = ingest_folder(empty_archive, folder)
    assert (report.runs, report.unchanged) == (1, 1)


@pytest.mark.slow
def test_readers_see_whole_runs_while_others_are_written(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    folder = copy(demo_folder, tmp_path / "runs", DAILY)
    with empty_archive.reading() as before:
        assert before.exec_driver_sql("SELECT count(*) FROM results").scalar() == 0
        ingest_folder(empty_archive, folder)
        assert before.exec_driver_sql("SELECT count(*) FROM results").scalar() == 0
    with empty_archive.reading() as after:
        assert after.exec_driver_sql("SELECT count(*) FROM results").scalar() > 0


KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event, func, select
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder

store, folder, statement, run = sys.argv[1:]
archive = Archive.open(store)
seen = []

def die(connection, cursor, text, *rest):
    if text.startswith(statement):
        seen.append(text)
        with archive.reading() as reading:
            if len(list(reading.exec_driver_sql("SELECT id FROM runs"))) == int(run):
                os.kill(os.getpid(), signal.SIGKILL)

event.listen(archive._engine, "after_cursor_execute", die)
ingest_folder(archive, Path(folder))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "run"),
    [("INSERT INTO nodes", 0), ("INSERT INTO artifact_pieces", 1), ("INSERT INTO recent_results", 1)],
)
def test_a_process_killed_in_the_middle_loses_and_doubles_nothing(
    demo_folder: Path, tmp_path: Path, new_store: Callable[[], str], statement: str, run: int
) -> None:
    """kill -9 while the first or the second run is written; reading again goes on where it stopped."""
    folder, store = copy(demo_folder, tmp_path / "runs", LATE, DAILY), new_store()
    killed = subprocess.run([sys.executable, "-c", KILLED, store, folder, statement, str(run)], check=False)
    assert killed.returncode == -signal.SIGKILL
    archive = Archive.open(store)
    assert archive.describe().runs == run
    report = ingest_folder(archive, folder)
    assert (report.runs, report.unchanged, report.problems) == (2 - run, run, ())
    whole = Archive.open(new_store())
    ingest_folder(whole, folder)
    assert counts(archive) == counts(whole)
    archive.close()
    whole.close()


def counts(archive: Archive) -> dict[str, int]:
    with archive.reading() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }


@pytest.mark.slow
def test_a_manifest_beside_several_runs_is_read_once_and_survives_a_refused_run(
    tmp_path: Path, demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal files are checked and decoded once, and what was decoded stays as it was: the transaction of the first run
    is rolled back, and its nodes are stored with the second, seeds with their checksums."""
    alone = copy(demo_folder, tmp_path / "alone", DAILY)
    folder = copy(demo_folder, tmp_path / "both", LATE, DAILY)
    manifests = sorted(folder.glob("*/*/*/*/manifest.json"))
    for file in (*manifests, *alone.glob("*/*/*/*/manifest.json")):
        shutil.copy(demo_folder / LATE / "step_1" / "manifest.json", file)
    checked: list[str] = []
    check = invocation.check_json
    monkeypatch.setattr(invocation, "check_json", lambda data, path: (checked.append(path.name), check(data, path)))
    contents = []
    for number, place in enumerate((alone, folder)):
        archive = Archive.open(f"sqlite:///{tmp_path / f'{number}.db'}")
        with archive.writing() as connection:
            refuse = (
                "CREATE TRIGGER refuse BEFORE INSERT ON results WHEN NEW.run_id = %s BEGIN SELECT RAISE(ABORT, ''); END"
            )
            connection.exec_driver_sql(refuse % (DAILY.name if place is folder else 0))
        checked.clear()
        report = ingest_folder(archive, place)
        assert [report.runs, len(report.problems)] == [1, number]
        with archive.reading() as connection:
            columns = (nodes.c.unique_id, nodes.c.digest, nodes.c.code_checksum)
            contents.append(connection.execute(select(*columns).order_by(*columns)).all())
        archive.close()
    assert checked.count("manifest.json") == 1 < len(manifests)
    assert contents[0] == contents[1] != []

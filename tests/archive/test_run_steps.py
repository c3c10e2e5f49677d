"""Commands of one run that nobody described are its steps, in order, each with its own files, name and outcome.

What is right is what the orchestrator of the demo wrote into run.json, which the platform does not get to see here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.served_platform import ACCOUNT, Platform

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_by_day]

FAILED_TEST = Path("marketing/302001/70437490005480")
FAILED_BUILD = Path("finance/301001/70437490011508")
BUILD_AND_DOCS = Path("marketing/302003/70437490000137")
RETRIED = Path("logistics/303001/70437490002329")
Change = Callable[[dict[str, Any]], object]


def commands(demo_folder: Path, run: Path) -> list[Path]:
    return sorted((demo_folder / run).glob("step_*"))


def bare(command: Path, into: Path) -> Path:
    """A copy of what one command left, as a folder of its own."""
    return Path(shutil.copytree(command, into / command.name / "target", dirs_exist_ok=True))


def rewrite(path: Path, change: Change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def serving(archive: Archive) -> Platform:
    return Platform(TestClient(create_platform(archive)), archive)


def steps(archive: Archive, run: Path) -> list[tuple[int, str, int, str]]:
    found = serving(archive).get(f"runs/{run.name}/")["data"]["run_steps"]
    return [(step["index"], step["name"], step["status"], step["status_humanized"]) for step in found]


def recorded(demo_folder: Path, run: Path) -> list[tuple[int, str, int, str]]:
    """What the orchestrator says of the steps that left artifacts."""
    left = {command.name for command in commands(demo_folder, run)}
    words = {10: "Success", 20: "Error"}
    record = json.loads((demo_folder / run / "run.json").read_text())
    return [
        (step["index"], step["name"], step["status"], words[step["status"]])
        for step in record["run_steps"]
        if f"step_{step['index']}" in left
    ]


def files(archive: Archive, run: Path) -> list[dict[str, bytes]]:
    """Every file of every step as the Admin API sends it."""
    platform = serving(archive)
    base = f"runs/{run.name}/artifacts/"
    found = []
    while names := platform.get(base, step=len(found) + 1)["data"]:
        address = f"/api/v2/accounts/{ACCOUNT}/{base}"
        answers = {name: platform.http.get(address + name, params={"step": len(found) + 1}) for name in names}
        assert {answer.status_code for answer in answers.values()} == {200}
        found.append({name: answer.content for name, answer in answers.items()})
    return found


def left_behind(folders: list[Path]) -> list[dict[str, bytes]]:
    """What a folder that each command writes into holds after each of them."""
    held: dict[str, bytes] = {}
    return [held := held | {path.name: path.read_bytes() for path in folder.glob("*.json")} for folder in folders]


def rows(archive: Archive) -> list[list[str]]:
    with archive.reading() as connection:
        queries = (
            "SELECT run_id, step, name, digest FROM run_files",
            "SELECT * FROM invocations",
            "SELECT * FROM runs",
        )
        return [sorted(map(str, connection.exec_driver_sql(query).fetchall())) for query in queries]


@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "the last one first"])
@pytest.mark.parametrize("run", [FAILED_TEST, FAILED_BUILD, BUILD_AND_DOCS], ids=str)
def test_the_steps_of_a_run_that_nobody_described_are_those_its_orchestrator_saw(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive, run: Path, turn: int
) -> None:
    for command in commands(demo_folder, run)[::turn]:
        ingest_folder(empty_archive, bare(command, tmp_path))
    assert len(recorded(demo_folder, run)) > 1
    assert steps(empty_archive, run) == recorded(demo_folder, run)
    assert files(empty_archive, run) == left_behind(commands(demo_folder, run))
    assert serving(empty_archive).get(f"runs/{run.name}/")["data"]["status"] == max(
        status for _, _, status, _ in recorded(demo_folder, run)
    )


def test_a_command_that_arrives_later_gets_the_next_number_and_nothing_changes_when_all_is_read_again(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    expected = recorded(demo_folder, FAILED_TEST)
    for count, command in enumerate(commands(demo_folder, FAILED_TEST), start=1):
        assert ingest_folder(empty_archive, bare(command, tmp_path / "one")).runs == 1
        assert steps(empty_archive, FAILED_TEST) == expected[:count]
    before = rows(empty_archive)
    for command in commands(demo_folder, FAILED_TEST):
        bare(command, tmp_path / "elsewhere")
    again = ingest_folder(empty_archive, tmp_path / "elsewhere")
    assert (again.runs, again.unchanged, again.results) == (0, 1, 0)
    assert rows(empty_archive) == before


def test_commands_that_write_into_one_folder_leave_each_other_alone(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    """The second command puts its manifest beside the first one's results, which are still those of the first."""
    for run in (FAILED_BUILD, FAILED_TEST):
        target = tmp_path / run.name / "target"
        for command in commands(demo_folder, run):
            shutil.copytree(command, target, dirs_exist_ok=True)
            assert ingest_folder(empty_archive, target).problems == ()
        assert steps(empty_archive, run) == recorded(demo_folder, run)
        assert files(empty_archive, run) == left_behind(commands(demo_folder, run))
        before = rows(empty_archive)
        ingest_folder(empty_archive, Path(shutil.copytree(target, tmp_path / "copies" / run.name)))
        assert rows(empty_archive) == before


@pytest.mark.parametrize(
    ("run", "step", "name", "status", "expected"),
    [
        (FAILED_TEST, 1, "run_results.json", "runtime error", [20, 10, 20]),
        (FAILED_TEST, 3, "run_results.json", "warn", [10, 10, 10]),
        (FAILED_TEST, 2, "run_results.json", "skipped", [10, 10, 20]),
        (FAILED_BUILD, 1, "sources.json", "error", [20, 20]),
        (BUILD_AND_DOCS, 2, "run_results.json", "error", [10, 20]),
    ],
)
def test_a_step_fails_with_its_own_results_whatever_its_command(
    demo_folder: Path,
    tmp_path: Path,
    empty_archive: Archive,
    run: Path,
    step: int,
    name: str,
    status: str,
    expected: list,
) -> None:
    for command in commands(demo_folder, run):
        bare(command, tmp_path)
    rewrite(
        tmp_path / f"step_{step}" / "target" / name,
        lambda content: [each.update(status=status) for each in content["results"]],
    )
    ingest_folder(empty_archive, tmp_path)
    assert [found for _, _, found, _ in steps(empty_archive, run)] == expected
    assert serving(empty_archive).get(f"runs/{run.name}/")["data"]["status"] == max(expected)


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (
            {"which": "build", "invocation_command": "dbt --quiet build -s a+ --vars {x: 1}"},
            "dbt build -s a+ --vars {x: 1}",
        ),
        ({"which": "build", "invocation_command": "dbt retry --state old"}, "dbt retry --state old"),
        ({"which": "build", "invocation_command": "dbt -m worker", "select": ["a", "b"]}, "dbt build --select a b"),
        ({"which": "test", "exclude": "a"}, "dbt test --exclude a"),
        (
            {"which": "generate", "invocation_command": "dbt docs generate --no-compile"},
            "dbt docs generate --no-compile",
        ),
        ({"which": "generate"}, "dbt docs generate"),
    ],
)
def test_a_step_is_called_as_its_command_was_typed(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive, args: dict[str, Any], name: str
) -> None:
    target = bare(commands(demo_folder, FAILED_BUILD)[1], tmp_path)
    rewrite(target / "run_results.json", lambda content: content.update(args=args))
    ingest_folder(empty_archive, target)
    assert [found for _, found, _, _ in steps(empty_archive, FAILED_BUILD)] == [f"Invoke dbt with `{name}`"]


def test_a_retry_keeps_its_name(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    """dbt writes the command that is retried as `which`."""
    retry = next(
        path.parent
        for path in sorted((demo_folder / RETRIED.parent).glob("*/step_*/run_results.json"))
        if " retry " in json.loads(path.read_text())["args"]["invocation_command"]
    )
    run = retry.parent.relative_to(demo_folder)
    ingest_folder(empty_archive, bare(retry, tmp_path))
    assert [step[1:] for step in steps(empty_archive, run)] == [step[1:] for step in recorded(demo_folder, run)]


def test_the_steps_of_an_older_archive_are_told_apart_and_get_their_files_back_when_they_are_read_again(
    demo_folder: Path, tmp_path: Path, new_store: Callable[[], str]
) -> None:
    """Version 4 had every command as step 1, with the files of the one read last, and no outcome."""
    address = new_store()
    archive = Archive.open(address)
    for command in commands(demo_folder, FAILED_TEST):
        ingest_folder(archive, bare(command, tmp_path / "once"))
    with archive.writing() as connection:
        connection.exec_driver_sql("DELETE FROM migrations")
        connection.exec_driver_sql("INSERT INTO migrations VALUES (4, 'older', 0)")
        connection.exec_driver_sql("DELETE FROM run_files WHERE step < 3")
        connection.exec_driver_sql("UPDATE run_files SET step = 1")
        connection.exec_driver_sql("UPDATE invocations SET step = 1")
        connection.exec_driver_sql("ALTER TABLE invocations DROP COLUMN failed")
        connection.exec_driver_sql("ALTER TABLE folders DROP COLUMN runs")
    archive.close()
    opened = Archive.open(address)
    assert steps(opened, FAILED_TEST) == recorded(demo_folder, FAILED_TEST)
    last = commands(demo_folder, FAILED_TEST)[-1]
    base = f"/api/v2/accounts/{ACCOUNT}/runs/{FAILED_TEST.name}/artifacts/run_results.json"
    assert serving(opened).http.get(base).content == (last / "run_results.json").read_bytes()
    for command in commands(demo_folder, FAILED_TEST):
        ingest_folder(opened, bare(command, tmp_path / "again"))
    assert steps(opened, FAILED_TEST) == recorded(demo_folder, FAILED_TEST)
    assert files(opened, FAILED_TEST) == left_behind(commands(demo_folder, FAILED_TEST))
    opened.close()

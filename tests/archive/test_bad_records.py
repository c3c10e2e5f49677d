"""Spoilt descriptions of runs and accounts, and folders that hold what nobody expects: each is named or read leniently,
none ends the reading, and what was stored of it can be asked for.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.errors import UnreadableArtifact
from gateway.ingest.folders import IngestReport, Progress, ingest_folder
from gateway.local_platform.app import create_platform
from tests.archive.small_run import admin_lists, small_artifacts, write_artifact
from tests.archive.test_bad_artifacts import not_as_root
from tests.served_platform import Platform

pytestmark = pytest.mark.sqlite_by_day

STRANGE = (None, 10**30, -5, 1.5, "", "text", [None], {"key": 1}, "0001-01-01", "9999-12-31T23:59:59.999999Z")
# In so many of them each place is tried daily: all places meet something, and every value some places.
DAILY = 3


@dataclass(frozen=True)
class Case:
    """One spoilt file, `run.json` or `account.json`."""

    file: str
    content: bytes


def with_value(content: Any, place: tuple[Any, ...], value: Any) -> bytes:
    spoilt = json.loads(json.dumps(content))
    target = spoilt
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return json.dumps(spoilt).encode()


def places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of an object and of what it holds; of lists the first item stands for all."""
    entries = content.items() if isinstance(content, dict) else list(enumerate(content))[:1]
    for key, value in entries:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def cases(run: Any, account: Any, values: int) -> Iterator[Case]:
    """Each place takes `values` of the strange values, the next place the next ones."""
    for file, content in (("run.json", run), ("account.json", account)):
        whole = json.dumps(content).encode()
        yield from (Case(file, whole[: len(whole) * part // 20]) for part in range(20))
        yield Case(file, b'{"run_steps": ' + b"[" * 50_000 + b"]" * 50_000 + b"}")
        yield Case(file, b'{"id": 5, "account": {}, "id": 6}')
        for number, place in enumerate(places(content)):
            for turn in range(values):
                strange = STRANGE[(number * values + turn) % len(STRANGE)]
                yield Case(file, with_value(content, place, strange))


@dataclass(frozen=True)
class Outcome:
    """What reading all cases at once gave."""

    cases: list[Case]
    report: IngestReport
    platform: Platform


@pytest.fixture(
    scope="module",
    params=[pytest.param(DAILY, marks=pytest.mark.slow), pytest.param(len(STRANGE), marks=pytest.mark.nightly)],
)
def outcome(
    demo_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    new_store: Callable[[], str],
    request: pytest.FixtureRequest,
) -> Iterator[Outcome]:
    root = tmp_path_factory.mktemp("bad-records")
    results = small_artifacts(demo_folder)["run_results"]
    run = json.loads((demo_folder / "finance/301001/70437490011508/run.json").read_text())
    account = json.loads((demo_folder / "account.json").read_text())
    every = list(cases(run, account, request.param))
    for number, case in enumerate(every):
        folder = root / f"{number:04d}"
        write_artifact(folder / "job" / "run" / "step_1", "run_results", results, f"invocation-{number}")
        (folder / "job" / "run" / "run.json").write_text(json.dumps({**run, "id": number + 1}))
        (folder / "job" / "run" / case.file if case.file == "run.json" else folder / case.file).write_bytes(
            case.content
        )
    archive = Archive.open(new_store())
    report = ingest_folder(archive, root, keep_raw=False)
    client = TestClient(create_platform(archive), raise_server_exceptions=False)
    yield Outcome(every, report, Platform(client, archive))
    archive.close()


def test_there_are_hundreds_of_cases(outcome: Outcome) -> None:
    assert len(outcome.cases) > 200


def test_each_problem_names_its_file_and_one_reason(outcome: Outcome) -> None:
    named = {Path(problem.path).name for problem in outcome.report.problems}
    assert named == {"run.json", "account.json"}
    assert len(outcome.report.problems) > 40
    for problem in outcome.report.problems:
        number = int(next(part for part in Path(problem.path).parts if len(part) == 4 and part.isdigit()))
        assert outcome.cases[number].file == Path(problem.path).name
        assert len(problem.reason) > 10
        assert "\n" not in problem.reason


def test_an_odd_value_costs_itself_and_is_named_with_its_place(outcome: Outcome) -> None:
    """Only what is no JSON object costs a file, and only a file that cannot be read costs a run."""
    of_values = [note for note in outcome.report.notes if "no manifest" not in note.reason]
    assert {Path(note.path).name for note in of_values} == {"run.json", "account.json"}
    assert len(of_values) > 50
    assert all(", at $." in note.reason for note in of_values)
    of_runs = [problem for problem in outcome.report.problems if problem.path.endswith("run.json")]
    with outcome.platform.archive.reading() as connection:
        read = connection.exec_driver_sql("SELECT count(DISTINCT uuid) FROM invocations").scalar()
    assert read == len(outcome.cases) - len(of_runs)


def test_what_was_stored_can_be_listed(outcome: Outcome) -> None:
    for answer in admin_lists(outcome.platform.http):
        assert answer.status_code == 200, answer.text


def test_what_was_stored_can_be_asked_for(outcome: Outcome) -> None:
    with outcome.platform.archive.reading() as connection:
        jobs = list(connection.exec_driver_sql("SELECT DISTINCT environment_id, job_id FROM invocations"))
    assert len(jobs) > 5
    for environment, job in jobs:
        answer = outcome.platform.post(
            "query ($e: BigInt!, $j: BigInt!) { environment(id: $e) { applied { lastUpdatedAt latestGitSha } }"
            " job(id: $j) { runId models { runGeneratedAt runElapsedTime } } }",
            {"e": environment, "j": job},
        )
        assert "errors" not in answer.json(), answer.text


@pytest.fixture
def run(demo_folder: Path, tmp_path: Path) -> Path:
    """The folder of a small run with two steps, below `tmp_path / "runs"`."""
    artifacts = small_artifacts(demo_folder)
    place = tmp_path / "runs" / "job" / "4711"
    for step, kind in ((1, "sources"), (2, "run_results")):
        for name in ("manifest", kind):
            write_artifact(place / f"step_{step}", name, artifacts[name], f"step {step}")
    (place / "run.json").write_text('{"id": 4711}')
    return place


def outside(path: Path) -> None:
    """Moves a file or folder out of the folder that is read, and links to it."""
    elsewhere = path.parents[len(path.parts) - path.parts.index("runs") - 1] / f"moved-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("spoil", "place", "reason"),
    [
        (outside, "run.json", "link"),
        (outside, "step_2/manifest.json", "link"),
        (outside, "step_1", "link"),
        (outside, "", "link"),
        (pipe, "run.json", "not a file"),
        (pipe, "step_2/run_results.json", "not a file"),
        (folder_instead, "step_2/manifest.json", "not a file"),
        (loop, "step_1/sources.json", "link|not a file"),
    ],
)
def test_what_is_no_file_of_the_folder_is_named_and_not_opened(
    run: Path, empty_archive: Archive, spoil: Callable[[Path], object], place: str, reason: str
) -> None:
    path = run / place if place else run
    spoil(path)
    [problem] = ingest_folder(empty_archive, run.parents[1]).problems
    assert problem.path == str(path)
    assert any(word in problem.reason for word in reason.split("|"))


def test_an_account_that_is_linked_from_outside_is_not_read(run: Path, tmp_path: Path, empty_archive: Archive) -> None:
    (tmp_path / "secret.json").write_text('{"account": {"id": 5, "name": "not for you"}}')
    (run.parents[1] / "account.json").symlink_to(tmp_path / "secret.json")
    report = ingest_folder(empty_archive, run.parents[1])
    assert [Path(problem.path).name for problem in report.problems] == ["account.json"]
    assert report.runs == 1
    assert empty_archive.describe().account_name != "not for you"


def test_a_name_that_is_no_text_is_named(run: Path, empty_archive: Archive) -> None:
    run.rename(os.fsdecode(os.fsencode(run.parent) + b"/\xff"))
    [problem] = ingest_folder(empty_archive, run.parents[1]).problems
    assert "UTF-8" in problem.reason
    with pytest.raises(UnreadableArtifact, match="UTF-8"):
        ingest_folder(empty_archive, Path(os.fsdecode(os.fsencode(run.parent) + b"/\xff")))


def test_a_file_in_a_folder_with_a_colon_is_named_whole(run: Path, empty_archive: Archive) -> None:
    (run / "step_2/run_results.json").write_text("{")
    moved = run.rename(run.with_name("due: 02:00"))
    [problem] = ingest_folder(empty_archive, run.parents[1]).problems
    assert (problem.path, problem.reason.partition(":")[0]) == (
        str(moved / "step_2/run_results.json"),
        "not complete, valid JSON",
    )


@pytest.mark.slow
def test_a_file_that_vanishes_while_others_are_read_is_named(
    demo_folder: Path, run: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    later = write_artifact(
        tmp_path / "runs" / "target", "run_results", small_artifacts(demo_folder)["run_results"], "x"
    )

    def tidy_up(_progress: Progress) -> None:
        later.unlink(missing_ok=True)

    report = ingest_folder(empty_archive, tmp_path / "runs", tidy_up)
    assert report.runs == 1
    assert [(problem.path, "No such file" in problem.reason) for problem in report.problems] == [(str(later), True)]


@pytest.mark.slow
def test_a_step_that_may_not_be_entered_costs_its_run_only(demo_folder: Path) -> None:
    artifacts = small_artifacts(demo_folder)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for number in (1, 2):
            folder = place / "runs" / str(number)
            write_artifact(folder / "step_1", "run_results", artifacts["run_results"], f"run {number}")
            (folder / "run.json").write_text(json.dumps({"id": number}))
        (place / "runs" / "1" / "step_1").chmod(0)
        archive = Archive.open(f"sqlite:///{place / 'runs.db'}")
        for path in (place, *place.glob("runs.db*")):
            path.chmod(0o777)
        with not_as_root():
            report = ingest_folder(archive, place / "runs")
        archive.close()
    [problem] = report.problems
    assert (report.runs, problem.path) == (1, str(place / "runs" / "1" / "step_1"))
    assert "ermission" in problem.reason

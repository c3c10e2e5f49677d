"""One odd value costs itself, never its run: it is left out and named with its place, or read as what it means."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.archive.small_target import change, write_target

TESTS = Path(__file__).parents[3] / "shared" / "cases"
HUGE = 99_999_999_999_999_999_999


def set_result(**values: Any) -> Callable[[Path], None]:
    def spoil(target: Path) -> None:
        path = target / "run_results.json"
        results = json.loads(path.read_text())["results"]
        change(path, results=[{**results[0], **values}, *results[1:]])

    return spoil


def set_node(**values: Any) -> Callable[[Path], None]:
    def spoil(target: Path) -> None:
        path = target / "manifest.json"
        nodes = json.loads(path.read_text())["nodes"]
        change(path, nodes={name: {**node, **values} for name, node in nodes.items()})

    return spoil


def set_top(file: str, **values: Any) -> Callable[[Path], None]:
    return lambda target: change(target / file, **values)


def rows(archive: Archive, query: str) -> list[tuple[Any, ...]]:
    with archive.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


RESULT = (
    "SELECT status, execution_time, failures, threads.body, messages.body FROM results"
    " LEFT JOIN texts threads ON threads.id = thread_id LEFT JOIN texts messages ON messages.id = message_id"
    " ORDER BY results.id"
)
FIRST, SECOND = ("success", 2.0, None, "Thread-1", None), ("success", 4.0, None, "Thread-1", None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "first", "note"),
    [
        ({"message": 3}, (*FIRST[:4], "3"), None),
        ({"message": {"text": "x"}}, FIRST, '{"text": "x"} where dbt writes a text, at $.results[0].message: left out'),
        ({"thread_id": 7}, (*FIRST[:3], "7", None), None),
        ({"failures": "12"}, (*FIRST[:2], 12, *FIRST[3:]), None),
        ({"failures": 12.0}, (*FIRST[:2], 12, *FIRST[3:]), None),
        (
            {"failures": 2.5},
            FIRST,
            "2.5 where dbt writes a whole number below 2**63, at $.results[0].failures: left out",
        ),
        (
            {"failures": HUGE},
            FIRST,
            f"{HUGE} where dbt writes a whole number below 2**63, at $.results[0].failures: left out",
        ),
        (
            {"failures": "many"},
            FIRST,
            '"many" where dbt writes a whole number below 2**63, at $.results[0].failures: left out',
        ),
        ({"execution_time": "2.0"}, FIRST, None),
        (
            {"execution_time": []},
            ("success", None, *FIRST[2:]),
            "[] where dbt writes a number, at $.results[0].execution_time: left out",
        ),
        ({"timing": [None]}, FIRST, "null where dbt writes an object, at $.results[0].timing[0]: left out"),
    ],
)
def test_an_odd_value_of_a_result_costs_itself(
    tmp_path: Path, empty_archive: Archive, values: dict[str, Any], first: tuple[Any, ...], note: str | None
) -> None:
    target = write_target(tmp_path / "target", "one", models=(("a", 2.0), ("b", 4.0)))
    set_result(**values)(target)
    report = ingest_folder(empty_archive, target)
    assert (report.runs, report.problems) == (1, ())
    assert [each.reason for each in report.notes] == ([note] if note else [])
    assert {each.path for each in report.notes} <= {str(target / "run_results.json")}
    assert rows(empty_archive, RESULT) == [first, SECOND]


@pytest.mark.parametrize(
    ("spoil", "file", "note"),
    [
        (
            set_node(tags=["daily", None]),
            "manifest.json",
            "null where dbt writes a text, at $.nodes.model.shop.a.tags[1]",
        ),
        (set_node(fqn=5), "manifest.json", "5 where dbt writes a list, at $.nodes.model.shop.a.fqn"),
        (set_top("manifest.json", sources=[]), "manifest.json", "[] where dbt writes an object, at $.sources"),
        (set_top("run_results.json", args="dbt"), "run_results.json", "no object, at $.args"),
        (
            set_top("run_results.json", args={"which": ["build"]}),
            "run_results.json",
            '["build"] where dbt writes a text, at $.args.which',
        ),
        (
            set_top("run_results.json", elapsed_time="soon"),
            "run_results.json",
            '"soon" where dbt writes a number, at $.elapsed_time',
        ),
        (set_result(unique_id=None), "run_results.json", "null where dbt writes a text, at $.results[0].unique_id"),
    ],
)
def test_an_odd_value_elsewhere_is_named_with_its_file_and_place(
    tmp_path: Path, empty_archive: Archive, spoil: Callable[[Path], None], file: str, note: str
) -> None:
    target = write_target(tmp_path / "target", "one", models=(("a", 2.0),))
    spoil(target)
    report = ingest_folder(empty_archive, target)
    assert (report.runs, report.problems) == (1, ())
    assert [(each.path, each.reason) for each in report.notes] == [(str(target / file), f"{note}: left out")]


@pytest.mark.slow
def test_the_other_tags_and_the_rest_of_the_configuration_stay(tmp_path: Path, empty_archive: Archive) -> None:
    target = write_target(tmp_path / "target", "one", models=(("a", 2.0),))
    set_node(tags=["daily", None], config={"materialized": "table", "tags": ["daily", None], "group": 5})(target)
    ingest_folder(empty_archive, target)
    [(place,)] = rows(empty_archive, "SELECT id FROM environments")
    query = (
        f"{{ environment(id: {place}) {{ applied {{ models {{ edges {{ node {{ tags materializedType }} }} }} }} }} }}"
    )
    found = TestClient(create_platform(empty_archive)).post("/graphql", json={"query": query}).json()["data"]
    [edge] = found["environment"]["applied"]["models"]["edges"]
    assert edge["node"] == {"tags": ["daily"], "materializedType": "table"}


@pytest.mark.parametrize(
    ("spoil", "file", "reason"),
    [
        (set_top("run_results.json", results=None), "run_results.json", "null where dbt writes a list, at $.results"),
        (set_top("run_results.json", metadata=3), "run_results.json", "3 where dbt writes an object, at $.metadata"),
        (
            lambda target: (target / "manifest.json").write_bytes(b"[]"),
            "manifest.json",
            "[] where dbt writes an object, at $",
        ),
        (
            lambda target: (target / "manifest.json").write_text((target / "manifest.json").read_text(), "utf-16"),
            "manifest.json",
            "written in UTF-16",
        ),
        (
            lambda target: (target / "manifest.json").write_text((target / "manifest.json").read_text(), "utf-16-le"),
            "manifest.json",
            "written in UTF-16",
        ),
    ],
)
def test_what_must_be_refused_is_named_with_its_file_and_place(
    tmp_path: Path, empty_archive: Archive, spoil: Callable[[Path], None], file: str, reason: str
) -> None:
    target = write_target(tmp_path / "target", "one")
    spoil(target)
    report = ingest_folder(empty_archive, target)
    [problem] = report.problems
    assert (report.runs, problem.path) == (0, str(target / file))
    assert reason in problem.reason


@pytest.mark.slow
def test_a_byte_order_mark_is_skipped_and_kept(tmp_path: Path, empty_archive: Archive) -> None:
    """The file that the Admin API sends is the one that was read, byte for byte."""
    target = write_target(tmp_path / "target", "one")
    whole = {}
    for name in ("manifest.json", "run_results.json"):
        whole[name] = (target / name).read_text().encode("utf-8-sig")
        (target / name).write_bytes(whole[name])
    report = ingest_folder(empty_archive, target)
    assert (report.runs, report.problems, report.notes) == (1, (), ())
    client = TestClient(create_platform(empty_archive))
    [(account, run)] = rows(empty_archive, "SELECT account_id, id FROM runs")
    for path in target.iterdir():
        path.unlink()
    for name, content in whole.items():
        assert client.get(f"/api/v2/accounts/{account}/runs/{run}/artifacts/{name}").content == content


def test_a_key_that_stands_twice_is_found_behind_a_byte_order_mark(tmp_path: Path, empty_archive: Archive) -> None:
    target = write_target(tmp_path / "target", "one")
    text = (target / "run_results.json").read_text()
    (target / "run_results.json").write_bytes(
        text.replace('{"metadata"', '{"results": [], "metadata"', 1).encode("utf-8-sig")
    )
    [problem] = ingest_folder(empty_archive, target).problems
    assert "twice" in problem.reason


@pytest.mark.slow
@pytest.mark.skipif(not TESTS.is_dir(), reason="the cases lie beside the project")
@pytest.mark.parametrize(
    ("case", "results", "notes"),
    [("numeric-message", 2, 0), ("huge-failures", 8, 1), ("bom", 1, 0), ("failed-hook", 5, 0)],
)
def test_what_dbt_wrote_oddly_is_read(empty_archive: Archive, case: str, results: int, notes: int) -> None:
    report = ingest_folder(empty_archive, TESTS / case)
    assert (report.results, report.problems, len(report.notes)) == (results, (), notes)


@pytest.mark.slow
def test_text_in_a_column_of_numbers_is_a_line_for_each_kind_of_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else wrote into the archive, past its own checks."""
    target = tmp_path / "target"
    target.mkdir()
    write_target(target, "first")
    store = f"sqlite:///{tmp_path}/runs.db"
    archive = Archive.open(store)
    ingest_folder(archive, target)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("UPDATE runs SET created_at = 'soon', started_at = 'soon', finished_at = 'soon'")
        connection.execute("UPDATE results SET execute_started_at = 'soon', generated_at = 'soon'")
        connection.commit()
        (account,) = connection.execute("SELECT id FROM accounts").fetchone()
        (job,) = connection.execute("SELECT id FROM jobs").fetchone()
    client = TestClient(create_platform(archive))
    listed = client.get(f"/api/v2/accounts/{account}/runs/")
    asked = f"{{ job(id: {job}) {{ models {{ executeStartedAt runGeneratedAt }} }} }}"
    answer = client.post("/graphql", json={"query": asked}).json()
    archive.close()
    assert listed.status_code == 500
    assert listed.json()["status"]["user_message"] == "Internal server error; the platform's log says why."
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL_SERVER_ERROR"}
    lines = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [(record.exc_info, "\n" in record.getMessage()) for record in lines] == [(None, False)] * 2
    for record in lines:
        assert record.getMessage().startswith("INTERNAL_SERVER_ERROR: ")
        assert "a column of numbers may hold text" in record.getMessage()

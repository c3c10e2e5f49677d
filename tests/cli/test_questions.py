"""Questions in a terminal: the figures are those of the files, whatever the format, and a failure writes nothing."""

from __future__ import annotations

import argparse
import csv
import io
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from gateway.cli.questions.answer import TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import IncompleteAnswerError, MissingPart, PermissionDeniedError
from gateway.settings import Settings
from tests.oracle.account import Oracle, meets
from tests.oracle.failures import read_failures
from tests.oracle.nodes import read_results


@dataclass(frozen=True)
class Done:
    """A finished command."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        assert self.returncode == 0, self
        return json.loads(self.stdout)


Ask = Callable[..., Done]


@pytest.fixture
def ask(demo_store: str, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Asks a question of the demo in this process: starting one costs seconds."""

    def ask_here(*arguments: str, store: str = demo_store) -> Done:
        code = run_command(build_parser().parse_args([*arguments, "--store", store]))
        return Done(code, *capsys.readouterr())

    return ask_here


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "last_runs", "first"), [((), 1, 10), (("--last-runs", "5", "--first", "100"), 5, 100)]
)
def test_the_slowest_models_are_those_of_the_files(
    ask: Ask, oracle: Oracle, options: tuple[str, ...], last_runs: int, first: int
) -> None:
    shown = ask("slowest", *options, "--json").json["models"]
    told = [(one["model"], pytest.approx(one["runtime_seconds"]), one["runs"]) for one in shown]
    assert told == oracle.slowest(oracle.models, last_runs, first)
    assert [one["rank"] for one in shown] == list(range(1, len(shown) + 1))


@pytest.mark.slow
def test_rankings_are_narrowed_by_project_tag_and_job(ask: Ask, oracle: Oracle) -> None:
    models = [one for one in oracle.project("marketing").models if meets(one, tags=["daily"])]
    assert models
    shown = ask("slowest", "--project", "marketing", "--tag", "daily", "--first", "100", "--json").json["models"]
    assert [one["model"] for one in shown] == [name for name, *_ in oracle.slowest(models, 1, 100)]

    decided = oracle.job(301001).deciding_run
    assert decided is not None
    took = sorted(((-(one.runtime or 0), name) for name, one in decided.results.items() if one.succeeded))
    by_name = ask("slowest", "--job", "finance daily", "--project", "finance", "--json").json["models"]
    assert by_name == ask("slowest", "--job", "301001", "--json").json["models"]
    assert [one["runtime_seconds"] for one in by_name] == [pytest.approx(-seconds) for seconds, _ in took[:10]]


def test_the_longest_jobs_are_those_of_the_files(ask: Ask, oracle: Oracle) -> None:
    shown = ask("longest", "--first", "4", "--json").json["jobs"]
    told = [(int(one["job_id"]), pytest.approx(one["runtime_seconds"]), one["runs"]) for one in shown]
    assert told == oracle.longest(oracle.production_jobs, 1, 4)


@pytest.mark.slow
def test_what_failed_in_the_newest_run_of_each_job(ask: Ask, oracle: Oracle, demo_folder: Path) -> None:
    folders = {int(path.parent.name): path.parent for path in demo_folder.glob("*/*/*/run.json")}
    expected = []
    for job in oracle.production_jobs:
        folder = folders[job.runs[0].id]
        for failed in read_failures(folder, read_results(folder)):
            name = failed.result.unique_id
            expected.append((job.record["name"], str(job.runs[0].id), name, len(failed.skipped), failed.message))
    assert expected
    shown = ask("failures", "--json").json["failures"]
    assert [(o["job"], o["run"], o["resource"], o["skipped"], o["message"]) for o in shown] == expected
    assert len(ask("failures", "--last-runs", "5", "--json").json["failures"]) > len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["latest", "id"])
def test_a_run_with_its_slowest_models_and_failures(ask: Ask, oracle: Oracle, word: str) -> None:
    places = {project.environment_id for project in oracle.production}
    newest = max((run for run in oracle.runs if run.environment_id in places), key=lambda run: (run.created, run.id))
    shown = ask("run", "latest" if word == "latest" else str(newest.id), "--first", "100", "--json").json
    assert (shown["run"], shown["runtime_seconds"]) == (str(newest.id), pytest.approx(newest.runtime))
    took = sorted((one.runtime or 0 for one in newest.results.values() if one.succeeded), reverse=True)
    assert [one["runtime_seconds"] for one in shown["slowest_models"]] == [pytest.approx(one) for one in took]


@pytest.mark.slow
def test_a_model_by_its_name_alone_with_its_last_runs(ask: Ask, oracle: Oracle) -> None:
    for expected in (oracle.model("marketing.rpt_ltv"), oracle.model("finance.rpt_ar_aging")):
        shown = ask("model", expected.node.name, "--last-runs", "100", "--json").json
        assert (shown["model"], shown["runtime_seconds"]) == (expected.id, pytest.approx(expected.runtime))
        attempts = [(str(one.run.id), str(one.run.job_id)) for one in expected.history][:100]
        assert [(one["run"], one["job_id"]) for one in shown["runs"]] == attempts
        assert shown == ask("model", expected.id, "--last-runs", "100", "--json").json


@pytest.mark.slow
def test_models_and_jobs_are_found_by_a_part_of_their_name(ask: Ask, oracle: Oracle) -> None:
    models = [one.id for one in oracle.models if "daily" in one.node.name]
    jobs = [str(one.id) for one in oracle.production_jobs if "daily" in one.record["name"].lower()]
    assert models
    assert jobs
    shown = ask("search", "DAILY", "--json").json["found"]
    assert [one["id"] for one in shown] == [*models, *jobs]
    few = ask("search", "daily", "--first", "1", "--json").json
    assert [one["id"] for one in few["found"]] == [models[0], jobs[0]]
    assert "raise --first" in few["notes"][0]


@pytest.mark.slow
def test_a_run_against_another_of_its_job(ask: Ask, oracle: Oracle, demo_folder: Path) -> None:
    folders = {int(path.parent.name): path.parent for path in demo_folder.glob("*/*/*/run.json")}
    after, before = oracle.job(301001).runs[:2]
    shown = ask("diff", str(before.id), str(after.id), "--first", "1000", "--json").json
    assert shown["difference_seconds"] == pytest.approx(after.runtime - before.runtime)
    assert (shown["base_run"], shown["run"]) == (str(before.id), str(after.id))
    was, now = (read_results(folders[run.id]) for run in (before, after))
    took = {one["resource"]: (one["before_seconds"], one["after_seconds"]) for one in shown["differences"]}
    assert set(took) <= {*was, *now}
    for name in ("model.finance.rpt_ar_aging", "model.finance.stg_customers"):
        expected = tuple(results[name].runtime if name in results else None for results in (was, now))
        assert took[name] == tuple(one if one is None else pytest.approx(one) for one in expected)
    assert ask("diff", "previous", "latest", "--job", "301001", "--first", "1000", "--json").json == shown


@pytest.mark.slow
def test_a_typical_run_with_a_change(ask: Ask, oracle: Oracle) -> None:
    newest = sorted(oracle.job(301001).runs, key=lambda one: one.created)
    clocks = sorted(one.runtime for one in [one for one in newest if one.record["status"] == 10][-5:])
    (shown,) = ask("what-if", "--job", "301001", "--threads", "1000", "--json").json["what_if"]
    assert shown["now_seconds"] == pytest.approx(clocks[2])
    assert shown["lower_bound_seconds"] <= shown["then_seconds"] < shown["now_seconds"]
    (newest,) = ask("what-if", "--run", "latest", "--drop", "model.marketing.rpt_ltv", "--json").json["what_if"]
    assert newest["run"] == ask("run", "latest", "--json").json["run"]


@pytest.mark.slow
def test_builds_that_changed_nothing(ask: Ask, demo_store: str) -> None:
    window = ("--since", "2026-03-01", "--until", "2026-03-14T00:00:00Z")
    shown = ask("waste", *window, "--first", "3", "--json").json
    with dbtAccount(client=Client(ConnectionOptions(Settings(store_url=demo_store), 300.0))) as account:
        found = account.get_wasted_builds(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 14, tzinfo=UTC), 3)
    assert [(one["model"], one["certainty"], one["builds"]) for one in shown["models"]] == [
        (one.unique_id, one.certainty, one.build_count) for one in found.models
    ]
    assert len(found.models) == 3
    assert shown["builds_per_day"] == pytest.approx(found.builds_per_day)
    assert ask("waste", *window, "--fail-over", "0.1").returncode == 3
    assert "No build is known to be wasted." in ask("waste", "--since", "2026-06-01").stdout


@pytest.mark.slow
def test_what_got_slower_for_good(ask: Ask, oracle: Oracle) -> None:
    """The demo's planted change: the model is slower from its new commit on."""
    since = ("--since", "2026-02-01")
    (shown,) = ask("regressions", *since, "--json").json["regressions"]
    history = [
        attempt for attempt in oracle.model("storefront.fct_basket_pairs").history if attempt.job["id"] == 304001
    ]
    shas = {attempt.run.record["id"]: attempt.run.record["git_sha"] for attempt in history}
    first = int(shown["first_run"])
    assert (shown["model"], shown["job_id"], shown["cause"], shown["certainty"]) == (
        "model.storefront.fct_basket_pairs",
        "304001",
        "code",
        "confirmed",
    )
    before = [attempt for attempt in history if attempt.run.record["id"] < first]
    after = [attempt for attempt in history if attempt.run.record["id"] >= first]
    assert shas[before[0].run.record["id"]] != shas[first]
    for attempts, figure in ((before, shown["before_seconds"]), (after, shown["after_seconds"])):
        assert median(attempt.result.execution_time for attempt in attempts) == pytest.approx(figure, rel=0.1)
    assert ask("regressions", *since, "--tag", "pii", "--json").json["regressions"] == []
    assert ask("regressions", "--since", "2026-06-01").stdout == "No lasting regressions.\n"
    assert ask("regressions", *since, "--fail-over", "5").returncode == 3
    assert ask("regressions", *since, "--fail-over", "50").returncode == 0
    assert ask("regressions", "--since", "2026-06-01", "--fail-over", "0").returncode == 0


@pytest.mark.slow
def test_every_format_has_the_same_rows(ask: Ask) -> None:
    plain = ask("slowest", "--first", "3")
    rows = ask("slowest", "--first", "3", "--json").json["models"]
    of_csv = list(csv.DictReader(io.StringIO(ask("slowest", "--first", "3", "--csv").stdout)))
    assert [(one["model"], float(one["runtime_seconds"])) for one in of_csv] == [
        (one["model"], one["runtime_seconds"]) for one in rows
    ]
    markdown = ask("slowest", "--first", "3", "--markdown").stdout.splitlines()
    assert len(markdown) == 5
    assert len(plain.stdout.splitlines()) == 4
    for one, line, aligned in zip(rows, markdown[2:], plain.stdout.splitlines()[1:], strict=True):
        told = f"{one['runtime_seconds']:.2f} s"
        assert all(f" {one['model']} " in text and f" {told} " in text for text in (line, aligned))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "limit", "code"),
    [
        (("slowest",), "0.001", 3),
        (("slowest",), "10000", 0),
        (("longest",), "1s", 3),
        (("run", "latest"), "1", 3),
        (("run", "latest"), "100000", 0),
        (("run", "latest"), "100000%", 0),
        (("diff", "previous", "latest", "--job", "301001"), "1", 3),
        (("diff", "previous", "latest", "--job", "301001"), "1000%", 0),
    ],
)
def test_a_limit_decides_the_exit_code(ask: Ask, question: tuple[str, ...], limit: str, code: int) -> None:
    done = ask(*question, "--fail-over", limit)
    assert done.returncode == code
    assert done.stdout
    assert ("over the limit" in done.stderr) is (code == 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("slowest", "--project", "fnance"), "finance"),
        (("slowest", "--tag", "nothing has it", "--fail-over", "1"), "nothing to compare"),
        (("slowest", "--job", "nothing"), "nothing"),
        (("slowest", "--job", "301001", "--last-runs", "3"), "--last-runs"),
        (("run", "999"), "run latest"),
        (("run", "../etc"), "../etc"),
        (("failures", "--job", "9"), "9"),
        (("model", "rpt_ar_agin"), "No model"),
        (("model", "dim_customers"), "finance.dim_customers.v1"),
        (("search", " "), "empty"),
        (("diff", "1", "latest"), "run latest"),
        (("what-if",), "--threads"),
        (("what-if", "--drop", "nothing"), "did not execute"),
    ],
    ids=" ".join,
)
def test_a_question_that_cannot_be_answered_is_one_line_and_2(ask: Ask, arguments: tuple[str, ...], said: str) -> None:
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["slowest", "--first", "0"], "from 1 to 1000"),
        (["slowest", "--last-runs", "101"], "from 1 to 100"),
        (["slowest", "--fail-over", "20%"], "percent"),
        (["run", "latest", "--fail-over", "nan"], "no limit"),
        (["run", "latest", "--fail-over", "-1"], "--fail-over"),
        (["run"], "ID|latest"),
        (["diff", "previous"], "B"),
        (["what-if", "--factor", "model=x"], "no new runtime"),
        (["what-if", "--threads", "0"], "number of threads"),
        (["waste", "--since", "yesterday"], "is no time"),
        (["longest", "--json", "--csv"], "not allowed"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_one_line_and_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        build_parser().parse_args(arguments)
    shown = capsys.readouterr()
    assert (leaving.value.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert said in shown.err


def test_a_folder_that_holds_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        assert run_command(build_parser().parse_args(["slowest", "--artifacts", str(place)])) == 2
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1)
        assert str(place) in shown.err


@pytest.mark.slow
def test_a_folder_of_which_a_part_cannot_be_read_is_answered_and_the_rest_named(
    demo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = next(path.parent for path in sorted(demo_folder.glob("*/*/*/run.json")))
    shutil.copytree(one, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/run_results.json").write_text('{"metadata": {"dbt_schema')
    assert run_command(build_parser().parse_args(["run", "latest", "--artifacts", str(tmp_path), "--json"])) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["run"] == str(json.loads((one / "run.json").read_text("utf-8"))["id"])
    assert f"not used: {tmp_path / 'bad/run_results.json'}" in shown.err


def test_a_dbt_that_cannot_be_reached_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given = {"DISCOVERY_URL": "http://127.0.0.1:1/graphql", "ADMIN_URL": "http://127.0.0.1:1", "ACCOUNT_ID": "1"}
    for name, value in {**given, "SERVICE_TOKEN": "dbts_of_the_test", "UPSTREAM_RETRIES": "0"}.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    assert run_command(build_parser().parse_args(["longest"])) == 2
    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "127.0.0.1:1 could not be reached" in shown.err


def test_an_answer_that_lacks_a_project_is_no_answer(
    demo_store: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What passes a limit in CI must be the whole."""

    def failing(_account: dbtAccount, _options: argparse.Namespace) -> TerminalAnswer:
        logging.getLogger("gateway.services").warning("dbt refuses, for operators of servers")
        refused = PermissionDeniedError("The token may not read it.", code="UPSTREAM_FORBIDDEN")
        raise IncompleteAnswerError([], [MissingPart("finance", refused)])

    assert answered(build_parser().parse_args(["slowest", "--store", demo_store]), failing) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "finance: The token may not read it." in shown.err
    assert caplog.records == []


@pytest.mark.slow
def test_a_terminal_gets_bars_and_a_pipe_none(ask: Ask, demo_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    assert "█" not in ask("slowest").stdout
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run_command(build_parser().parse_args(["slowest", "--store", demo_store])) == 0
    lines = terminal.getvalue().splitlines()
    assert lines[1].endswith("█" * 24)
    assert all(len(line) <= 120 for line in lines)


@pytest.mark.slow
def test_the_command_answers_in_a_process_of_its_own(demo_store: str) -> None:
    command = [sys.executable, "-m", "gateway", "slowest", "--first", "1", "--csv", "--store", demo_store]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("rank,model,")
    assert "storefront.fct_basket_pairs" in done.stdout

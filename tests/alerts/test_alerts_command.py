"""`gateway alerts`, and alerts beside `gateway serve`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from tests.alerts.conftest import Account, config
from tests.alerts.stand_ins import HttpStandIn, eventually
from tests.conftest import copied

RULE = '[[alerts.rules]]\nname = "failed jobs"\nwhen = "job_failed"\nto = ["hook"]\n'


def destination(url: str) -> str:
    return f'[[alerts.destinations]]\nname = "hook"\nkind = "webhook"\nurl = "{url}"\n'


def alerts(*options: str) -> int:
    return run_command(build_parser().parse_args(["alerts", *options]))


@pytest.mark.slow
def test_the_demo_is_previewed_and_sent_once(
    demo_store: str,
    tmp_path: Path,
    service: HttpStandIn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = copied(demo_store, tmp_path)
    monkeypatch.setenv("GATEWAY_CONFIG", str(config(tmp_path, destination(service.url) + RULE)))
    assert alerts("--dry-run", "--store", store) == 0
    shown = capsys.readouterr().out
    # Written by hand: what tests/cli and docs/terminal.md list as failing.
    jobs = ["Campaign spend hourly", "Finance daily", "Storefront daily"]
    assert all(f'"title": "Job {job} failed"' in shown for job in jobs), shown
    assert shown.endswith("3 messages about 3 new incidents would be sent.\n")
    assert service.requests == []
    assert alerts("--store", store) == 0
    assert capsys.readouterr().out == "3 new incidents, 0 resolved, 3 messages sent.\n"
    assert sorted(request.json["title"] for request in service.requests) == [f"Job {job} failed" for job in jobs]
    assert alerts("--once", "--store", store) == 0
    assert capsys.readouterr().out == "0 new incidents, 0 resolved, 0 messages sent.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no rule to alert by"),
        (RULE, "there is no destination 'hook'; there are: none"),
        (destination("https://x.invalid") + RULE + 'finishd_by = "07:00"\n', "finishd_by is no setting"),
        (destination("https://x.invalid") + RULE + 'time_zone = "Mars"\n', "there is no time zone 'Mars'"),
        (destination("https://x.invalid") + RULE + "hours = 3\n", "hours has no meaning when job_failed"),
        (destination("http://x.invalid/secret") + RULE, "url must begin with https://"),
        (destination("https://x.invalid") + "token = 98765432\n" + RULE, "token"),
        (destination("https://x.invalid") + RULE + 'projects = ["finanse"]\n', "finanse"),
        (
            destination("https://x.invalid").replace("url =", "url_env =") + RULE,
            "the environment has no variable https://x.invalid",
        ),
    ],
)
def test_a_wrong_configuration_is_one_line(
    demo_store: str,
    tmp_path: Path,
    text: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GATEWAY_CONFIG", str(config(tmp_path, text)))
    assert alerts("--dry-run", "--store", demo_store) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert words in shown.err
    assert "secret" not in shown.err
    assert "98765432" not in shown.err


@pytest.mark.external
@pytest.mark.slow
def test_alerts_are_sent_beside_serve(account: Account, service: HttpStandIn, tmp_path: Path) -> None:
    account.run(5, "error")
    file = config(tmp_path, "serve_alerts = true\n" + destination(service.url) + RULE)
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--store", account.store]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DBT_"))}
    with subprocess.Popen(command, env={**clean, "GATEWAY_CONFIG": str(file)}, stdout=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: len(service.requests) == 1, seconds=60)
        finally:
            server.terminate()
            server.wait(30)
    assert service.requests[0].json["title"] == "Job job 101 failed"

"""The GitHub Action and the GitLab template pass their inputs on, whatever these contain, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.options import build_parser
from tests.alerts.stand_ins import Request, http_stand_in
from tests.archive.small_target import NOON
from tests.cli.pull_request_targets import Node, write_build

pytestmark = pytest.mark.external

ROOT = Path(__file__).parents[2]
ACTION = (ROOT / "integrations/github/action.yml").read_text("utf-8")
TEMPLATE = (ROOT / "integrations/gitlab/report.yml").read_text("utf-8")
HOSTILE = "$(touch bad) \"; touch bad; '"
INPUTS = {"HEAD": "build/target", "BASE": HOSTILE, "STORE": "", "JOB": HOSTILE, "LAST_RUNS": "7", "FAIL_OVER": "20%"}


def inputs(**changed: str) -> dict[str, str]:
    return {f"REPORT_{name}": value for name, value in {**INPUTS, **changed}.items()}


def called(script: str, folder: Path, variables: dict[str, str]) -> list[str]:
    """The arguments that a program got as `gateway`, and the address of the archive behind them."""
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("sh is missing")
    program = folder / "bin/gateway"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "store=${GATEWAY_STORE_URL-}" > "$CALLED"\necho "### report"\n')
    program.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "CALLED": str(folder / "called"), **variables}
    subprocess.run([shell, "-eu", "-c", script], cwd=folder, env=environment, check=True, timeout=30)
    assert not (folder / "bad").exists()
    arguments = (folder / "called").read_text().splitlines()
    build_parser().parse_args(arguments[:-1])
    return arguments


@pytest.mark.parametrize("comment", ["true", "false"])
def test_the_action_passes_its_inputs_on(comment: str, tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    variables = {
        "GATEWAY": str(tmp_path / "bin/gateway"),
        "GITHUB_STEP_SUMMARY": str(summary),
        "REPORT_COMMENT": comment,
    }
    arguments = called(f"exec '{ROOT}/integrations/github/report.sh'", tmp_path, {**variables, **inputs()})
    assert arguments == [
        *("report", "--head", "build/target", "--last-runs", "7", "--base", HOSTILE, "--job", HOSTILE),
        *("--fail-over", "20%"),
        *(("--post", "github") if comment == "true" else ()),
        "store=",
    ]
    assert summary.read_text() == "before\n### report\n"


def test_the_action_hands_each_input_over_as_a_variable() -> None:
    listed = re.findall(r"^  ([\w-]+):$", ACTION.partition("\ninputs:\n")[2].partition("\nruns:\n")[0], re.MULTILINE)
    used = re.findall(r"\$\{\{ inputs\.([\w-]+)", ACTION)
    assert sorted(listed) == sorted(used)
    scripts = re.findall(r"^      run: (.*(?:\n        .*)*)", ACTION, re.MULTILINE)
    assert len(scripts) == 2
    assert not [script for script in scripts if "${{" in script]


def test_the_template_passes_its_variables_on(tmp_path: Path) -> None:
    lines = re.findall(r"^    - (.+)$", TEMPLATE.partition("  script:\n")[2], re.MULTILINE)
    script = "\n".join(line[1:-1] if line.startswith("'") else line for line in lines[2:])
    place = tmp_path / ".dbt-gateway"
    place.mkdir()
    variables = {"CI_BUILDS_DIR": str(tmp_path), **inputs(BASE="", STORE="postgresql://secret@host/runs")}
    arguments = called(script, place, variables)
    assert arguments == [
        *("report", "--head", "build/target", "--last-runs", "7", "--post", "gitlab", "--job", HOSTILE),
        *("--fail-over", "20%", "store=postgresql://secret@host/runs"),
    ]


@pytest.mark.nightly
def test_the_action_posts_a_comment_and_updates_it(tmp_path: Path) -> None:
    """The action's script with the installed command, as two pushes run it."""
    write_build(tmp_path / "base", "base", [Node("orders", 4.0)])
    summary = tmp_path / "summary"
    kept: list[dict[str, Any]] = []
    with http_stand_in() as service:

        def answer(request: Request) -> Any:
            if request.method == "POST":
                kept.append({"id": 9, "body": request.json["body"]})
            elif request.method == "PATCH":
                kept[0]["body"] = request.json["body"]
            return kept

        service.body = answer
        places = {
            "REPORT_HEAD": str(tmp_path / "head"),
            "REPORT_BASE": str(tmp_path / "base"),
            "REPORT_COMMENT": "true",
        }
        job = {"GITHUB_TOKEN": "ghs_0123456789", "GITHUB_REPOSITORY": "harbor/shop", "GITHUB_REF": "refs/pull/3/merge"}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GATEWAY": str(Path(sys.executable).parent / "gateway"),
            "GITHUB_API_URL": service.url,
            "GITHUB_STEP_SUMMARY": str(summary),
            **job,
            **inputs(JOB="", FAIL_OVER=""),
            **places,
        }
        for push, seconds in enumerate((6.0, 7.0)):
            nodes = [Node("orders", seconds, code="select 2")]
            write_build(tmp_path / "head", f"head {push}", nodes, ended=NOON + timedelta(days=1))
            script = ROOT / "integrations/github/report.sh"
            done = subprocess.run(
                [script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
            )
            assert done.returncode == 0, done.stderr
            assert "ghs_" not in done.stdout + done.stderr + summary.read_text()
    assert [request.method for request in service.requests] == ["GET", "POST", "GET", "PATCH"]
    assert "| model.shop.orders | 4.00 s | 7.00 s | +3.00 s |" in kept[0]["body"]
    assert summary.read_text().count("### What this pull request changes") == 2

"""What docs/terminal.md shows is what the commands print about the demo."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser

PAGE = Path(__file__).parents[2] / "docs/terminal.md"
SHOWN = re.findall(r"^```console\n\$ gateway ([^>\n]+)\n(.+?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command.split()[0] for command, _ in SHOWN])
def test_the_page_shows_what_is_printed(
    command: str, output: str, demo_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(build_parser().parse_args([*shlex.split(command), "--store", demo_store])) == 0
    assert capsys.readouterr().out == output


def test_every_question_is_shown_and_listed() -> None:
    text = PAGE.read_text("utf-8")
    listed = set(re.findall(r"^\| `gateway ([\w-]+)", text, re.MULTILINE))
    assert {command.split()[0] for command, _ in SHOWN} == listed

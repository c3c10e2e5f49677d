"""What docs/tour.md shows is what the demo answers, rounded to two decimals."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from tests.serving import Gateway

TEXT = (Path(__file__).parents[1] / "docs/tour.md").read_text("utf-8")
ASKED = re.findall(r"^## ([^\n]+)\n\n```graphql\n(.*?)^```\n\n```json\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
TYPED = re.findall(r"^```console\n\$ gateway ([^\n]+)\n(.+?)^```", TEXT, re.DOTALL | re.MULTILINE)


def rounded(value: Any) -> Any:
    """The value with its floats rounded to two decimals."""
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return {key: rounded(one) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("query", "answer"), [one[1:] for one in ASKED], ids=[one[0] for one in ASKED])
async def test_the_demo_answers_as_the_tour_says(query: str, answer: str, warm_gateway: Gateway) -> None:
    reply = await warm_gateway.ask(query)
    assert reply.errors == []
    assert rounded(reply.data) == json.loads(answer)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "output"), TYPED, ids=[command.split()[0] for command, _ in TYPED])
def test_the_terminal_prints_what_the_tour_shows(
    command: str, output: str, demo_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(build_parser().parse_args([*shlex.split(command), "--store", demo_store])) == 0
    assert capsys.readouterr().out == output


def test_every_heading_has_an_answer() -> None:
    assert [heading for heading, *_ in ASKED] == re.findall(r"^## (.+)", TEXT, re.MULTILINE)
    assert len(TYPED) == TEXT.count("```console")

"""`gateway key new` and the refusal to serve others without knowing anybody."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from gateway.cli import run
from gateway.cli.options import build_parser
from gateway.identity.api_keys import hash_of_key
from gateway.settings import load_settings
from gateway.settings.entries import read_api_keys


def gateway(*arguments: str) -> int:
    return run(build_parser().parse_args(arguments))


def test_a_key_is_shown_once_with_the_lines_that_let_its_holder_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--project", "finance", "--project", "marketing", "--environment", "201001", "--scope", "metrics")
    assert gateway("key", "new", 'Åse "the boss"', *options, "--days", "30") == 0
    shown = capsys.readouterr().out
    [key] = re.findall(r"^  (dbtgw_\w+)$", shown, re.M)
    file = tmp_path / "gateway.toml"
    file.write_text(shown[shown.index("[[api_keys]]") :], "utf-8")
    [entry] = read_api_keys(file)
    assert entry.name == 'Åse "the boss"'
    assert entry.sha256 == hash_of_key(key)
    assert entry.projects == ("finance", "marketing")
    assert entry.environments == (201001,)
    assert entry.scopes == ("metrics",)
    assert entry.expires is not None
    assert key not in file.read_text("utf-8")


def test_a_key_without_options_sees_everything_for_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert gateway("key", "new", "router") == 0
    shown = capsys.readouterr().out
    [entry] = tomllib.loads(shown[shown.index("[[api_keys]]") :])["api_keys"]
    assert set(entry) == {"name", "sha256", "projects"}
    assert entry["projects"] == ["*"]


@pytest.mark.parametrize("options", [("",), ("a\nb",), ("x" * 101,), ("x", "--days", "999999999")])
def test_a_key_that_cannot_be_is_refused_in_one_line(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert gateway("key", "new", *options) == 2
    assert re.fullmatch("error: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "gateway.example"])  # noqa: S104  # not bound to
def test_other_machines_are_not_served_without_saying_so(
    host: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gateway("serve", "--host", host) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch("error: .+\n", said.err)
    assert "gateway key new" in said.err
    assert "GATEWAY_OPEN=true" in said.err
    monkeypatch.setenv("GATEWAY_OPEN", "true")
    assert load_settings().open

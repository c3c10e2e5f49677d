"""Shells complete the commands and options that the parser knows."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.cli.completion import bash_script, command_words, fish_script, zsh_script
from gateway.cli.options import build_parser
from gateway.cli.questions.commands import QUESTIONS

COMMANDS = command_words(build_parser())


def test_every_question_is_among_the_commands() -> None:
    assert set(QUESTIONS) <= {command.name for command in COMMANDS}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("gateway reg", ["regressions"]),
        ("gateway regressions --s", ["--store", "--since", "--suspected"]),
        ("gateway regressions --environment s", ["staging"]),
        ("gateway completion f", ["fish"]),
        ("gateway exp", ["export"]),
        ("gateway export --format p", ["parquet"]),
    ],
)
def test_bash_completes(words: str, expected: list[str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is missing")
    last = len(words.split()) - 1
    program = f'COMP_WORDS=({words}); COMP_CWORD={last}; _gateway; printf "%s\\n" "${{COMPREPLY[@]}}"'
    script = bash_script(COMMANDS).replace("complete -o", ": complete -o") + program
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_scripts_are_scripts(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is missing")
    file = tmp_path / "script"
    file.write_text(zsh_script(COMMANDS) if shell == "zsh" else fish_script(COMMANDS), "utf-8")
    assert subprocess.run([program, "-n", str(file)], check=False).returncode == 0

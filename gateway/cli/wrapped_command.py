"""`gateway exec -- dbt build`: runs a command, reads what it left into an archive, and ends as the command did."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from gateway.cli.data_source import opened, tell_problems
from gateway.cli.scheduled import given_facts
from gateway.cli.terminal import complain, counted
from gateway.errors import ConfigurationError, GatewayError, UnreadableArtifact
from gateway.ingest.folders import ingest_folder
from gateway.ingest.new_files import FileState, states_of
from gateway.settings import environment_variables, load_settings

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_and_ingest(options: argparse.Namespace) -> int:
    """Returns the command's exit code, 128 and the signal's number where one ended it, whatever became of its files.

    A scheduler that repeats what failed must not build everything again because an archive was out of reach.
    Raises ConfigurationError where there is no archive or no such command: nothing has run then.
    """
    command = options.program[1:] if options.program[:1] == ["--"] else options.program
    if not command:
        raise ConfigurationError("gateway exec needs a command to run: gateway exec --store URL -- dbt build")
    store = options.store or load_settings().store_url
    if store is None:
        raise ConfigurationError("gateway exec needs an archive: name it by --store or GATEWAY_STORE_URL.")
    folder = options.target_path or target_folder(command, environment_variables())
    before = states_of(folder)
    code = _run(command)
    for number in _PASSED_ON:
        signal.signal(number, lambda *_: sys.exit(code))
    try:
        _ingest(store, folder, before, options)
    except Exception as problem:  # whatever it is, it must not hide how the command ended
        complain(f"not ingested: {_reason(problem)}")
    return code


def target_folder(command: Sequence[str], variables: Mapping[str, str]) -> Path:
    """Where dbt writes, by its own options and variables; `target-path` in dbt_project.yml is not looked up."""
    project = _option(command, "--project-dir") or variables.get("DBT_PROJECT_DIR") or "."
    target = _option(command, "--target-path") or variables.get("DBT_TARGET_PATH") or "target"
    return Path(project, target)


def _option(command: Sequence[str], name: str) -> str | None:
    for place, word in enumerate(command):
        if word == name and place + 1 < len(command):
            return command[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _run(command: Sequence[str]) -> int:
    early: list[int] = []
    running: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if not running:
            early.append(number)
        elif not (number == signal.SIGINT and _typed_by_hand()):
            running[0].send_signal(number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    try:
        running.append(subprocess.Popen(command))  # noqa: S603 - the user's own command
    except OSError as missing:
        raise ConfigurationError(f"{command[0]} cannot be run: {missing.strerror or missing}.") from None
    for earlier in early:
        running[0].send_signal(earlier)
    code = running[0].wait()
    return code if code >= 0 else 128 - code


def _typed_by_hand() -> bool:
    """Whether Ctrl-C comes from our terminal, which has sent it to the command too; dbt stops hard at the second."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _ingest(store: str, folder: Path, before: Mapping[Path, FileState], options: argparse.Namespace) -> None:
    with opened(store) as archive:
        report = ingest_folder(
            archive, folder, keep_raw=options.keep_raw, given_facts=given_facts(options), before=before
        )
    tell_problems(report)
    if report.problems and not report.runs:
        raise UnreadableArtifact(f"{folder} holds no run that could be read; see the lines above.")
    complain(f"{folder}: {counted(report.runs, 'run')} stored.")


def _reason(problem: Exception) -> str:
    text = problem.message if isinstance(problem, GatewayError) else f"{type(problem).__name__}: {problem}"
    return " ".join(text.split())

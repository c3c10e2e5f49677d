"""The command line: `gateway serve · ingest · platform · schema · key`. A failure is one line on stderr and exit 2."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from gateway.cli.options import build_parser
from gateway.errors import GatewayError
from gateway.telemetry.logs import PlainFormatter


def main(arguments: Sequence[str] | None = None) -> int:
    """The whole life of the process: sets up signals and logging, runs one command, returns the exit code."""
    options = build_parser().parse_args(arguments)
    _exit_on_signals()
    _log_plainly()
    return run(options)


def run(options: argparse.Namespace) -> int:
    """Runs one command and returns the exit code; a known failure is one line on stderr and 2."""
    # Only now: what stands behind the commands takes seconds to import; --help and a wrong option need not wait.
    from gateway.cli.commands import COMMANDS
    from gateway.cli.terminal import complain

    try:
        return COMMANDS[options.command](options)
    except GatewayError as problem:
        complain(f"error: {problem.message}")
        return 2
    except BrokenPipeError:
        # The reader of our output left. Nothing more can be written, not even by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        place = f"{problem.filename}: " if problem.filename else ""
        complain(f"error: {place}{problem.strerror or problem}.")
        return 2


def _log_plainly() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _exit_on_signals() -> None:
    """SIGTERM and Ctrl-C end the process quietly, closing everything opened; a server handles them first itself."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)

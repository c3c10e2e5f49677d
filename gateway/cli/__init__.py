"""The command line: `gateway serve · ingest · exec · mirror · export · platform · mcp · archive · doctor · schema ·
key`, and questions such as `gateway slowest`. A failure: exit 2."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from gateway.cli.options import build_parser
from gateway.errors import GatewayError
from gateway.telemetry.logs import PlainFormatter

_STANDARD_ERROR = 2
_HUNG_UP = b"SIGHUP: finishing what is under way, then ending as on SIGTERM; start it again.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The whole life of the process: sets up signals and logging, runs one command, returns the exit code."""
    _open_closed_streams()
    options = build_parser().parse_args(arguments)
    _exit_on_signals()
    _log_plainly()
    return run(options)


def run(options: argparse.Namespace) -> int:
    """Runs one command and returns the exit code; a known failure is one line on stderr and 2."""
    # Only now: what stands behind the commands takes seconds to import; --help and a wrong option need not wait.
    from gateway.cli.commands import command_of
    from gateway.cli.terminal import complain

    try:
        return command_of(options.command)(options)
    except GatewayError as problem:
        complain(f"error: {problem.message}")
        return 2
    except BrokenPipeError:
        # The reader of our output left. Nothing more can be written, not even by the interpreter at its end.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        place = f"{problem.filename}: " if problem.filename else ""
        complain(f"error: {place}{problem.strerror or problem}.")
        return 2


def _open_closed_streams() -> None:
    """Puts nothing in the place of standard streams that the caller closed (`gateway serve 2>&-`): the next file or
    socket would take their numbers, and get what this process or its children write to them."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= _STANDARD_ERROR:
        os.set_inheritable(number, True)
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)


def _log_plainly() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _exit_on_signals() -> None:
    """SIGTERM and Ctrl-C end the process quietly, closing everything opened; a server handles them first itself.
    SIGHUP does what SIGTERM does, and says so."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        if sys.stderr is not None:
            # Past the buffer, which whoever was interrupted may be writing to.
            with suppress(OSError):
                os.write(sys.stderr.fileno(), _HUNG_UP)
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    # Under nohup it is ignored, and stays so. With several workers their parent replaces them instead.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, hang_up)

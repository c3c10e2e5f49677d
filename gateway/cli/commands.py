"""Where each command is. Every one takes the parsed options and returns the exit code; it may raise GatewayError.

Only the command that is called is imported: what stands behind `gateway serve` takes a second of a processor, which
`gateway exec` must not add to every run of dbt.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable

Command = Callable[[argparse.Namespace], int]


def command_of(name: str) -> Command:
    """The command of a name that the parser knows."""
    # What is imported stays: to look for garbage among it takes a sixth of the time, which a person waits for.
    gc.disable()
    try:
        return _imported(name)
    finally:
        gc.enable()


def _imported(name: str) -> Command:
    match name:
        case "serve":
            from gateway.cli.servers import serve_gateway

            return serve_gateway
        case "platform":
            from gateway.cli.servers import serve_platform

            return serve_platform
        case "mcp":
            from gateway.cli.agents import serve_agents

            return serve_agents
        case "ingest":
            from gateway.cli.stored_runs import ingest

            return ingest
        case "mirror":
            from gateway.cli.mirroring import mirror

            return mirror
        case "alerts":
            from gateway.cli.alerting import send_alerts

            return send_alerts
        case "archive":
            from gateway.cli.stored_runs import maintain

            return maintain
        case "export":
            from gateway.cli.exporting import export

            return export
        case "exec":
            from gateway.cli.wrapped_command import run_and_ingest

            return run_and_ingest
        case "doctor":
            from gateway.cli.diagnosis import diagnose

            return diagnose
    return _without_data(name) or _question(name)


def _without_data(name: str) -> Command | None:
    match name:
        case "schema":
            from gateway.cli.schema_text import print_or_check

            return print_or_check
        case "key":
            from gateway.cli.keys import make_key

            return make_key
        case "completion":
            from gateway.cli.completion import print_completion

            return print_completion
    return None


def _question(name: str) -> Command:
    from gateway.cli.questions.commands import question_of

    return question_of(name)

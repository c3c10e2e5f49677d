"""Makes of Discovery's rows of a run the commands that an archive stores, where its artifacts are gone or forbidden.

The rows tell of models and tests how each ended last in the run, with times, thread, error and compiled code, and of
models the arguments of their command. What they do not tell is left null: messages of what went well, failing rows of
tests, rows affected, bytes billed, adapter responses. Of seeds and snapshots they name no command, and of hooks and
other operations nothing: these are not stored. Nor is a command whose arguments no row tells: it may be a full refresh.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import RUN_RESULTS
from gateway.archive.artifacts.invocation import Invocation, artifact_of, group_invocations
from gateway.errors import UnreadableArtifact
from gateway.services.runs.recorded_nodes import RecordedNode

_SCHEMA = "https://schemas.getdbt.com/dbt/run-results/v6.json"


@dataclass(frozen=True, slots=True)
class DiscoveredCommands:
    """The commands of a run in the order in which they ended, and what of it is not in them."""

    commands: Sequence[Invocation]
    lacks: str


def discovered_commands(run_id: int, rows: Sequence[RecordedNode]) -> DiscoveredCommands:
    """What these rows tell. No command where none of them ran."""
    by_command: dict[str, list[RecordedNode]] = defaultdict(list)
    untold = 0
    for row in rows:
        if row.status is None:
            continue  # the run's manifest has it, and no command touched it
        if row.invocation_id is None or row.run_generated_at is None:
            untold += 1
        else:
            by_command[row.invocation_id].append(row)
    commands, unknown = [], 0
    for invocation_id, nodes in by_command.items():
        command = _command(run_id, invocation_id, nodes)
        if command is None:
            unknown += 1
        else:
            commands.append(command)
    return DiscoveredCommands(
        sorted(commands, key=lambda command: command.generated_at), _lacks(commands, untold, unknown)
    )


def _lacks(commands: Sequence[Invocation], untold: int, unknown: int) -> str:
    kinds = Counter(result.unique_id.partition(".")[0] for command in commands for result in command.results)
    stored = " and ".join(f"{count} {kind}s" for kind, count in sorted(kinds.items()))
    lacks = "rows affected, bytes billed, failing rows, messages of successes, seeds, snapshots, hooks"
    without = [f"{unknown} commands of unknown arguments"] if unknown else []
    without += [f"{untold} results of unknown commands"] if untold else []
    if not stored:
        return "; ".join(["Discovery has nothing of it that can be stored", *without])
    return f"Discovery has {stored} of it, without {', '.join([lacks, *without])}"


def _command(run_id: int, invocation_id: str, nodes: Sequence[RecordedNode]) -> Invocation | None:
    """None where its arguments are not told, or not readable."""
    arguments = next((node.args for node in nodes if node.args), None)
    head = nodes[0]
    metadata = {
        "dbt_schema_version": _SCHEMA,
        "dbt_version": head.dbt_version,
        "generated_at": head.run_generated_at,
        "invocation_id": invocation_id,
        "env": {"DBT_CLOUD_RUN_ID": str(run_id)},
    }
    try:
        args = msgspec.json.decode(arguments or "null")
        if not isinstance(args, dict):
            return None
        results = [_result(node) for node in sorted(nodes, key=lambda node: node.unique_id)]
        body = {"metadata": metadata, "args": args, "elapsed_time": head.run_elapsed_time, "results": results}
        place = Path(f"dbt Cloud run {run_id}", "Discovery", RUN_RESULTS)
        (command,) = group_invocations([artifact_of(place, msgspec.json.encode(body))])
    except (msgspec.DecodeError, UnreadableArtifact):
        return None
    return command


def _result(node: RecordedNode) -> Mapping[str, Any]:
    stages = (
        ("compile", node.compile_started_at, node.compile_completed_at),
        ("execute", node.execute_started_at, node.execute_completed_at),
    )
    timing = [{"name": name, "started_at": began, "completed_at": ended} for name, began, ended in stages if began]
    return {
        "unique_id": node.unique_id,
        "status": node.status,
        "execution_time": node.execution_time,
        "timing": timing,
        "thread_id": node.thread_id,
        "message": node.error,
        "compiled_code": node.compiled_code,
    }

"""What the platform must say about an archive folder, reckoned from its JSON files with the standard library alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

EXECUTING = {"run", "build", "seed", "snapshot", "test", "retry", "clone", "run-operation"}
FAILED = {"error", "fail", "partial success", "runtime error"}
SUCCEEDED = {"success", "pass", "warn"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One step of a run that left artifacts."""

    run: Json
    step: int
    files: dict[str, Json]

    @property
    def generated_at(self) -> datetime:
        file = next(
            self.files[name] for name in ("run_results", "sources", "catalog", "manifest") if name in self.files
        )
        return moment(file["metadata"]["generated_at"])

    @property
    def executes(self) -> bool:
        return "run_results" in self.files and self.files["run_results"]["args"]["which"] in EXECUTING

    @property
    def results(self) -> list[Json]:
        return self.files["run_results"]["results"] if self.executes else []

    @property
    def elapsed(self) -> float:
        return self.files["run_results"]["elapsed_time"]

    @property
    def invocation_id(self) -> str:
        return self.files["run_results"]["metadata"]["invocation_id"]


@dataclass(frozen=True)
class Execution:
    """One node executed by one command."""

    command: Command
    result: Json

    @property
    def run_id(self) -> int:
        return self.command.run["id"]

    @property
    def status(self) -> str:
        return self.result["status"]

    @property
    def error(self) -> str | None:
        return self.result["message"] if self.status in FAILED | {"warn"} else None

    def time(self, name: str, end: str) -> str | None:
        found = [timing[end] for timing in self.result["timing"] if timing["name"] == name]
        return millis(found[0]) if found else None


class Reckoning:
    """An archive folder, read whole."""

    def __init__(self, folder: Path) -> None:
        self.account = json.loads((folder / "account.json").read_text())
        self.runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*/*/*/run.json"))]
        self.commands = [command for path in sorted(folder.glob("*/*/*/run.json")) for command in _commands(path)]
        self.environment_ids = [place["id"] for place in self.account["environments"]]

    @property
    def newest_runs(self) -> list[int]:
        """The ids of all runs, the one created last first."""
        return [run["id"] for run in sorted(self.runs, key=lambda run: (run["created_at"], run["id"]), reverse=True)]

    def commands_of(self, environment_id: int) -> list[Command]:
        """Commands of an environment, oldest first."""
        found = [command for command in self.commands if command.run["environment_id"] == environment_id]
        return sorted(found, key=lambda command: command.generated_at)

    def manifest(self, environment_id: int) -> Json:
        """The environment's newest manifest."""
        return [
            command.files["manifest"] for command in self.commands_of(environment_id) if "manifest" in command.files
        ][-1]

    def models(self, environment_id: int) -> dict[str, Json]:
        """The models of the newest manifest by unique id."""
        nodes = self.manifest(environment_id)["nodes"]
        return {name: node for name, node in nodes.items() if node["resource_type"] == "model"}

    @cached_property
    def _executions(self) -> dict[tuple[int, str], list[Execution]]:
        found: dict[tuple[int, str], list[Execution]] = {}
        for command in sorted(self.commands, key=lambda each: each.generated_at):
            for result in command.results:
                key = command.run["environment_id"], result["unique_id"]
                found.setdefault(key, []).append(Execution(command, result))
        return found

    def executions(self, environment_id: int, unique_id: str) -> list[Execution]:
        """Everything that executed this node in the environment, oldest first."""
        return self._executions.get((environment_id, unique_id), [])

    def history(self, environment_id: int, unique_id: str) -> list[Execution]:
        """The last execution of each run that executed the node, newest run first."""
        latest = {execution.run_id: execution for execution in self.executions(environment_id, unique_id)}
        return sorted(latest.values(), key=lambda each: (each.command.generated_at, each.run_id), reverse=True)

    def success(self, environment_id: int, unique_id: str) -> Execution | None:
        """The last success."""
        found = [each for each in self.executions(environment_id, unique_id) if each.status in SUCCEEDED]
        return found[-1] if found else None


def _commands(run_file: Path) -> list[Command]:
    run, found = json.loads(run_file.read_text()), []
    for step in sorted(run_file.parent.glob("step_*"), key=lambda path: int(path.name.removeprefix("step_"))):
        names = ("manifest", "run_results", "sources", "catalog")
        files = {name: step / f"{name}.json" for name in names if (step / f"{name}.json").exists()}
        if files:
            contents = {name: json.loads(path.read_text()) for name, path in files.items()}
            found.append(Command(run, int(step.name.removeprefix("step_")), contents))
    return found


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def millis(text: str) -> str:
    """A time as the Discovery API writes it."""
    time = moment(text)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"

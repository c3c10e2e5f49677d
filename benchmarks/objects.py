"""The account that all contenders answer from: made by rule, the same in every process that makes it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

ACCOUNT_ID = 42
FIELDS = ("id", "uniqueId", "name", "packageName", "materialization", "runtime", "startTime", "lastRunStatus")
_FIRST_DAY = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
_KINDS = ("view", "table", "incremental")


class Status(Enum):
    """How the last run ended."""

    SUCCESS = "success"
    FAILURE = "error"


@dataclass(frozen=True, slots=True)
class Size:
    """Projects in the account, models in each, runs of each model."""

    projects: int
    models: int
    runs: int = 20


@dataclass(frozen=True, slots=True)
class Model:
    """What a contender holds of a model, in memory: frozen, with a time and an enum among its eight fields."""

    id: str
    unique_id: str
    name: str
    package_name: str
    materialization: str
    runtime: float
    start_time: datetime
    last_run_status: Status


def project_name(number: int) -> str:
    return f"project_{number:02d}"


def environment_id(number: int) -> int:
    return 600_000 + number


def project_models(number: int, count: int) -> list[Model]:
    """The models of a project, ordered by id."""
    chance = random.Random(number)
    project = project_name(number)
    return [_model(project, f"model_{index:05d}", chance) for index in range(count)]


def _model(project: str, name: str, chance: random.Random) -> Model:
    return Model(
        id=f"{project}.{name}",
        unique_id=f"model.{project}.{name}",
        name=name,
        package_name=project,
        materialization=chance.choice(_KINDS),
        runtime=round(chance.lognormvariate(0.5, 1.1), 3),
        start_time=_FIRST_DAY + timedelta(seconds=chance.randrange(86_400)),
        last_run_status=Status.FAILURE if chance.random() < 0.02 else Status.SUCCESS,
    )


def account_models(size: Size) -> list[Model]:
    """The models of all projects, ordered by id."""
    return [model for number in range(1, size.projects + 1) for model in project_models(number, size.models)]


def as_json(model: Model) -> dict[str, Any]:
    """A model as every right answer shows it."""
    plain = asdict(model)
    names = {_camel(name): value for name, value in plain.items()}
    return names | {"startTime": model.start_time.isoformat(), "lastRunStatus": model.last_run_status.name}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def runs_of(model: Model, environment: int, count: int) -> list[dict[str, Any]]:
    """The newest runs of a model as dbt shows them, newest first."""
    chance = random.Random(model.unique_id)
    return [_run(model, environment, number, chance) for number in range(count)]


def _run(model: Model, environment: int, number: int, chance: random.Random) -> dict[str, Any]:
    began = model.start_time - timedelta(hours=6 * number)
    seconds = round(model.runtime * chance.uniform(0.8, 1.3), 3)
    ended = began + timedelta(seconds=seconds)
    run_id = 70_000_000_000_000 + environment * 1_000 - number
    return {
        "uniqueId": model.unique_id,
        "name": model.name,
        "packageName": model.package_name,
        "tags": ["daily"],
        "materializedType": model.materialization,
        "runId": run_id,
        "jobId": environment + 100_000,
        "environmentId": environment,
        "status": "success",
        "error": None,
        "executionTime": seconds,
        "executeStartedAt": began.isoformat(),
        "executeCompletedAt": ended.isoformat(),
        "threadId": "Thread-1 (worker)",
        "invocationId": f"00000000-0000-4000-8000-{run_id % 10**12:012d}",
        "runGeneratedAt": ended.isoformat(),
        "runElapsedTime": 60.0,
    }


def applied(model: Model, environment: int) -> dict[str, Any]:
    """A model's applied state as dbt shows it."""
    ended = model.start_time + timedelta(seconds=model.runtime)
    run_id = 70_000_000_000_000 + environment * 1_000
    return {
        "uniqueId": model.unique_id,
        "name": model.name,
        "packageName": model.package_name,
        "tags": ["daily"],
        "materializedType": model.materialization,
        "description": f"{model.name} of {model.package_name}.",
        "database": "analytics",
        "schema": "prod",
        "alias": model.name,
        "access": "protected",
        "language": "sql",
        "meta": {},
        "executionInfo": {
            "lastRunId": run_id,
            "lastJobDefinitionId": environment + 100_000,
            "lastRunStatus": model.last_run_status.value,
            "lastRunError": None if model.last_run_status is Status.SUCCESS else "Database Error",
            "lastRunGeneratedAt": ended.isoformat(),
            "lastSuccessRunId": run_id,
            "lastSuccessJobDefinitionId": environment + 100_000,
            "executionTime": model.runtime,
            "executeStartedAt": model.start_time.isoformat(),
            "executeCompletedAt": ended.isoformat(),
        },
    }


def slowest(models: Sequence[Model], count: int) -> list[dict[str, Any]]:
    """The right answer to `slowestModels { rank runtime model { id } }`."""
    ordered = sorted(models, key=lambda model: (-model.runtime, model.id))[:count]
    return [{"rank": n, "runtime": one.runtime, "model": {"id": one.id}} for n, one in enumerate(ordered, 1)]

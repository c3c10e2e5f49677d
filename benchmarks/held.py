"""What 100,000 models with twenty runs each take in memory when all of them are really held."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.objects import ACCOUNT_ID, Model, Size, applied, environment_id, project_models, project_name, runs_of
from gateway.errors import GatewayError
from gateway.hierarchy.objects.project import Environment, Project
from gateway.services.bundle import CachePolicy, Upstream, open_services
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.transport.http_transport import TransportRequest, TransportResponse

SIZE = Size(projects=50, models=2000, runs=20)
_PAGE = 500
_AT_ONCE = 500


def run() -> bool:
    """Prints how much the process has grown by, for models alone and with their runs; and what the cache counts."""
    asyncio.run(_hold())
    return True


class MadeUp:
    """A wire behind which the made-up account is, without a schema or a socket in between."""

    def __init__(self) -> None:
        self._projects: dict[int, list[Model]] = {}

    async def send(self, request: TransportRequest) -> TransportResponse:
        asked = msgspec.json.decode(request.body or b"{}")
        variables: Mapping[str, Any] = asked["variables"]
        roots = {name: value for name, value in variables.items() if name[0] == "e" and name[1:].isdigit()}
        answer: dict[str, Any] = {}
        for name, environment in roots.items():
            number = environment - environment_id(0)
            models = self._projects.setdefault(number, project_models(number, SIZE.models))
            if asked["operationName"] == "EnvironmentHeaders":
                state: dict[str, Any] = {"lastUpdatedAt": "2026-03-01T00:00:00Z", "packages": [project_name(number)]}
                answer[name] = {"dbtProjectName": project_name(number), "adapterType": None, "applied": state}
            elif asked["operationName"] == "EnvironmentModels":
                answer[name] = {"applied": {"models": _page(models, environment, variables[f"after{name[1:]}"])}}
            else:
                answer[name] = {"applied": _histories(models, environment, name[1:], variables)}
        return TransportResponse(200, {}, msgspec.json.encode({"data": answer}))

    async def close(self) -> None:
        return None


def _page(models: list[Model], environment: int, after: str | None) -> dict[str, Any]:
    start = int(after or 0)
    end = min(start + _PAGE, len(models))
    info = {"hasNextPage": end < len(models), "endCursor": str(end)}
    return {"pageInfo": info, "edges": [{"node": applied(one, environment)} for one in models[start:end]]}


def _histories(models: list[Model], environment: int, root: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Told as dbt would: an invocation has an id of its own and ends at one time for all its models."""
    prefix = f"u{root}_"
    asked = {name.removeprefix(prefix): value for name, value in variables.items() if name.startswith(prefix)}
    found = {}
    for place, unique_id in asked.items():
        model = models[int(unique_id.rpartition("_")[2])]
        rows = runs_of(model, environment, variables["count"])
        for number, row in enumerate(rows):
            thread = random.Random(unique_id + str(number)).randrange(8)
            ended = model.start_time.replace(hour=23, minute=59, second=0) - timedelta(hours=6 * number)
            row |= {"threadId": f"Thread-{thread} (worker)", "runGeneratedAt": ended.isoformat()}
        found[f"m{place}"] = rows
    return found


async def _hold() -> None:
    upstream = Upstream(MadeUp(), "http://made-up/graphql", None, ACCOUNT_ID)
    async with open_services(upstream, CachePolicy(86_400.0, 86_400.0, cache_bytes=1 << 40)) as services:
        projects = [_project(number) for number in range(1, SIZE.projects + 1)]
        await services.environments.headers([one.environment_id for one in projects])
        before, counted = _resident(), services.tiers.memory.bytes
        keys: list[HistoryKey] = []
        for project in projects:
            found = (await services.models.models([project], frozenset()))[project.environment_id]
            if isinstance(found, GatewayError):
                raise found
            keys += [HistoryKey(project.environment_id, one.unique_id) for one in found.models]
        _tell(f"{len(keys):,} models", _resident() - before, services.tiers.memory.bytes - counted)
        for start in range(0, len(keys), _AT_ONCE):
            await services.models.histories(keys[start : start + _AT_ONCE], SIZE.runs)
        held = await services.models.missing_histories(keys, SIZE.runs)
        _tell(f"with {SIZE.runs} runs each", _resident() - before, services.tiers.memory.bytes - counted)
        print(f"  {len(keys) - len(held):,} histories are held")


def _project(number: int) -> Project:
    return Project(project_name(number), project_name(number), Environment(environment_id(number), None, 1, None), None)


def _tell(what: str, resident: int, counted: int) -> None:
    print(
        f"  {what}: {resident / 2**20:,.0f} MiB resident, {counted / 2**20:,.0f} MiB by the cache's count", flush=True
    )


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

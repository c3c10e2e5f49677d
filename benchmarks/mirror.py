"""Mirroring 1,000 runs of 500 models from a dbt that takes 50 ms to answer: requests, minutes, CPU seconds.

    python -m benchmarks.mirror --runs 1000

dbt stands in a process of its own; the mirror is a process of its own too, whose CPU seconds are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_JOBS, _RUNS_A_COMMIT, _PAGE = 10, 20, 100
_LATENCY_SECONDS = 0.05
_PLACE = {"account_id": 1, "project_id": 11, "environment_id": 22}
_VERSION = "1.11.16"


def main() -> None:
    """Prints what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        dbt = SyntheticAccount(options.runs, options.models)
        config = uvicorn.Config(dbt, log_level="warning", lifespan="off")
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=options.serve)])
        return
    _measure(options.runs, options.models)


def _measure(runs: int, models: int) -> None:
    with tempfile.TemporaryDirectory() as place, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        number = listening.fileno()
        serving = ["--runs", str(runs), "--models", str(models), "--serve", str(number)]
        dbt = subprocess.Popen([sys.executable, "-m", "benchmarks.mirror", *serving], pass_fds=(number,))
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            _mirror(address, Path(place), runs, models)
        finally:
            dbt.terminate()
            dbt.wait()


def _mirror(address: str, place: Path, runs: int, models: int) -> None:
    settings = {
        "GATEWAY_DISCOVERY_URL": f"{address}/graphql",
        "GATEWAY_ADMIN_URL": address,
        "GATEWAY_ACCOUNT_ID": "1",
        "DBT_SERVICE_TOKEN": "a-token-of-the-benchmark",
    }
    command = [
        sys.executable,
        "-m",
        "gateway",
        "mirror",
        "--days",
        "36500",
        "--store",
        f"sqlite:///{place / 'runs.db'}",
    ]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env={**os.environ, **settings}, check=True)
    minutes = (time.monotonic() - began) / 60
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = (place / "runs.db").stat().st_size
    sys.stdout.write(
        f"{runs} runs of {models} models: {minutes:.1f} min, {cpu:.0f} s of CPU ({1000 * cpu / (runs * models):.3f} s "
        f"per 1,000 results), {size / (runs * models):.0f} bytes a result with its files, "
        f"load {os.getloadavg()[0]:.1f}\n"
    )


class SyntheticAccount:
    """The Admin API of an account whose runs are alike; each commit stands for some runs of every job."""

    def __init__(self, runs: int, models: int) -> None:
        self._runs = runs
        self._requests: dict[str, int] = {}
        names = [f"model.shop.model_{number:04d}" for number in range(models)]
        nodes = {name: _node(name) for name in names}
        head = {"project_name": "shop", "adapter_type": "duckdb", **_head("manifest", 12, "RUN", "TIME")}
        self.manifest = msgspec.json.encode({"metadata": head, "nodes": nodes, "sources": {}})
        results = [_result(name, place) for place, name in enumerate(names)]
        args = {"which": "build", "threads": 8, "vars": {}}
        body = {
            "metadata": _head("run-results", 6, "RUN", "TIME"),
            "results": results,
            "elapsed_time": 90.0,
            "args": args,
        }
        self._results = msgspec.json.encode(body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await asyncio.sleep(_LATENCY_SECONDS)
        path = request.url.path.partition("/accounts/1/")[2]
        kind = path.rpartition("/")[2] or path.partition("/")[0]
        self._requests[kind] = self._requests.get(kind, 0) + 1
        if len(path.split("/")) > 2 and path.startswith("runs/") and "artifacts" in path:
            await self._file(path)(scope, receive, send)
            return
        await self._listed(path, request)(scope, receive, send)
        if path == "runs/":
            sys.stderr.write(f"dbt was asked: {sum(self._requests.values())} ({self._requests})\n")

    def _file(self, path: str) -> Response:
        run, name = int(path.split("/")[1]), path.rpartition("/")[2]
        body = self.manifest if name == "manifest.json" else self._results
        told = _stamp(_BEGIN + timedelta(minutes=5 * run))
        return Response(body.replace(b"RUN", str(run).encode()).replace(b"TIME", told.encode()))

    def _listed(self, path: str, request: Request) -> Response:
        if path == "":
            return _one({"id": 1, "name": "Account"})
        if path.startswith("runs/") and path != "runs/":
            return _one(self._run(int(path.split("/")[1])))
        rows: list[Any] = []
        total = None
        if path == "runs/":
            offset = int(request.query_params.get("offset", 0))
            rows = [self._run(run) for run in range(self._runs, 0, -1)[offset : offset + _PAGE]]
            total = self._runs
        elif path == "projects/":
            rows = [{"id": 11, "name": "shop"}]
        elif path == "environments/":
            rows = [{"id": 22, "project_id": 11, "name": "Production", "deployment_type": "production"}]
        elif path == "jobs/":
            rows = [{"id": 100 + job, **_PLACE, "name": f"job {job}"} for job in range(_JOBS)]
        pagination = {"count": len(rows), "total_count": len(rows) if total is None else total}
        status = {"code": 200, "is_success": True}
        return JSONResponse({"status": status, "data": rows, "extra": {"pagination": pagination}})

    def _run(self, run: int) -> dict[str, Any]:
        ended = _BEGIN + timedelta(minutes=5 * run)
        times = {
            "created_at": ended - timedelta(minutes=3),
            "started_at": ended - timedelta(minutes=2),
            "finished_at": ended,
        }
        step = {"index": 4, "name": "Invoke dbt with `dbt build`", "status": 10}
        return {
            "id": run,
            **_PLACE,
            "job_definition_id": 100 + run % _JOBS,
            "status": 10,
            "git_sha": f"{run // (_JOBS * _RUNS_A_COMMIT):040x}",
            "run_steps": [step],
            **{name: _stamp(moment) for name, moment in times.items()},
        }


def _one(data: dict[str, Any]) -> Response:
    return JSONResponse({"status": {"code": 200, "is_success": True}, "data": data})


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _head(kind: str, version: int, run: str, told: str) -> dict[str, Any]:
    schema = f"https://schemas.getdbt.com/dbt/{kind}/v{version}.json"
    return {
        "dbt_schema_version": schema,
        "dbt_version": _VERSION,
        "generated_at": told,
        "invocation_id": f"invocation-{run}",
        "env": {"DBT_CLOUD_RUN_ID": run},
    }


def _node(name: str) -> dict[str, Any]:
    return {
        "unique_id": name,
        "name": name.rpartition(".")[2],
        "resource_type": "model",
        "package_name": "shop",
        "config": {"materialized": "table"},
        "raw_code": f"select '{name}' as name, " + ", ".join(f"column_{number}" for number in range(40)),
        "depends_on": {"nodes": []},
    }


def _result(name: str, place: int) -> dict[str, Any]:
    return {
        "unique_id": name,
        "status": "success",
        "execution_time": 1.0 + place % 7,
        "timing": [],
        "thread_id": f"Thread-{place % 8}",
        "message": "SELECT 1",
        "failures": None,
        "adapter_response": {"rows_affected": place},
        "compiled_code": f"select '{name}' as name",
    }


if __name__ == "__main__":
    main()

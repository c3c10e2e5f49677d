"""A fast stand-in for dbt's two APIs: the made-up account, under the published Discovery schema, with a set latency.

    python -m benchmarks.fake_upstream PORT PROJECTS MODELS [LATENCY_MS]

Documents are validated and executed against the published schema once; from then on the same request is answered with
the same bytes, so that an upstream that is far faster than dbt stands behind every contender. Whenever the projects
are listed `applied.lastUpdatedAt` moves on: whoever asks from the beginning has to read everything anew.
`GET /requests` answers how many requests there were.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import uvloop
from graphql import build_schema, execute, parse, validate

from benchmarks.objects import ACCOUNT_ID, Model, Size, applied, environment_id, project_models, project_name, runs_of
from gateway.local_platform.discovery.schema import published_sdl

_FIRST_REVISION = datetime(2026, 3, 1, tzinfo=UTC)

# Stands for the revision in answers that are kept.
_REVISION = "2026-01-01T00:00:00+00:00"


class FakeAccount:
    """Answers, as bytes, to what dbt is asked."""

    def __init__(self, size: Size) -> None:
        self._schema = build_schema(published_sdl())
        self._models = {
            environment_id(number): project_models(number, size.models) for number in range(1, size.projects + 1)
        }
        self._projects = [
            {"id": 500_000 + number, "name": project_name(number)} for number in range(1, size.projects + 1)
        ]
        self._revision = 0
        self._answers: dict[bytes, bytes] = {}

    def discovery(self, body: bytes) -> bytes:
        """The answer to a GraphQL request."""
        if body not in self._answers:
            self._answers[body] = self._execute(body)
        revision = (_FIRST_REVISION + timedelta(seconds=self._revision)).isoformat()
        return self._answers[body].replace(_REVISION.encode(), revision.encode())

    def _execute(self, body: bytes) -> bytes:
        asked = json.loads(body)
        document = parse(asked["query"])
        problems = validate(self._schema, document)
        if problems:
            raise ValueError(f"not what dbt's schema allows: {problems[0].message}")
        result: Any = execute(
            self._schema,
            document,
            {"environment": self._environment},
            variable_values=asked.get("variables"),
            operation_name=asked.get("operationName"),
        )
        if result.errors:
            raise ValueError(f"the stand-in does not know this: {result.errors[0].message}")
        return json.dumps({"data": result.data}, separators=(",", ":")).encode()

    def admin(self, path: str, query: str) -> bytes:
        """The answer to a GET below /api."""
        kind = path.rstrip("/").rpartition("/")[2]
        if kind == str(ACCOUNT_ID):
            return json.dumps({"status": {}, "data": {"id": ACCOUNT_ID, "name": "Benchmark"}}).encode()
        asked = parse_qs(query)
        limit, offset = (int(asked.get(name, [default])[0]) for name, default in (("limit", "100"), ("offset", "0")))
        rows = [row for number in range(1, len(self._projects) + 1) for row in self._rows(kind, number)]
        # Runs are known to Discovery only: there are some, it says, and shows none.
        total = 1_000_000 if kind == "runs" else len(rows)
        pagination = {"count": len(rows[offset : offset + limit]), "total_count": total}
        return json.dumps({"data": rows[offset : offset + limit], "extra": {"pagination": pagination}}).encode()

    def _rows(self, kind: str, number: int) -> list[dict[str, Any]]:
        environment, project = environment_id(number), self._projects[number - 1]
        if kind == "projects":
            self._revision += number == 1
            return [{**project, "state": 1}]
        if kind == "environments":
            place = {"name": "Production", "type": "deployment", "deployment_type": "production", "state": 1}
            return [{"id": environment, "project_id": project["id"], **place}]
        if kind == "jobs":
            keys = {"id": environment + 100_000, "environment_id": environment, "project_id": project["id"]}
            return [
                {**keys, "name": "Daily build", "execute_steps": ["dbt build"], "job_type": "scheduled", "state": 1}
            ]
        return []

    def _environment(self, _info: Any, id: Any) -> dict[str, Any] | None:
        number = int(id)
        models = self._models.get(number)
        if models is None:
            return None
        state = {
            "lastUpdatedAt": _REVISION,
            "packages": lambda _info, resource: [project_name(number - environment_id(0))],
            "models": lambda _info, **given: self._page(number, given.get("first") or 500, given.get("after")),
            "modelHistoricalRuns": lambda _info, **given: self._runs(number, given["uniqueId"], given["lastRunCount"]),
        }
        name = project_name(number - environment_id(0))
        return {"dbtProjectName": name, "adapterType": "snowflake", "applied": state}

    def _page(self, environment: int, first: int, after: str | None) -> dict[str, Any]:
        models = self._models[environment]
        start = int(after or 0)
        end = min(start + first, len(models))
        edges = [{"cursor": str(n + 1), "node": applied(models[n], environment)} for n in range(start, end)]
        info = {"hasNextPage": end < len(models), "endCursor": str(end)}
        return {"totalCount": len(models), "pageInfo": info, "edges": edges}

    def _runs(self, environment: int, unique_id: str, count: int) -> Sequence[dict[str, Any]]:
        models: list[Model] = self._models[environment]
        place = int(unique_id.rpartition("_")[2])
        return runs_of(models[place], environment, count)


class _Connection(asyncio.Protocol):
    """One keep-alive connection; requests that come at once are answered in turn."""

    counted = 0

    def __init__(self, account: FakeAccount, latency: float) -> None:
        self._account = account
        self._latency = latency
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        declared = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
        length = int(declared) if declared else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        status, body = self._answer(head, rest[:length])
        self._send(status, body)

    def _answer(self, head: bytes, body: bytes) -> tuple[str, bytes]:
        target = head.split(b" ", 2)[1].decode()
        path, _, query = target.partition("?")
        if path == "/requests":
            return "200 OK", str(_Connection.counted).encode()
        _Connection.counted += 1
        try:
            answer = self._account.discovery(body) if path == "/graphql" else self._account.admin(path, query)
        except (ValueError, KeyError) as unknown:
            print(unknown, file=sys.stderr)
            return "500 Internal Server Error", json.dumps({"errors": [{"message": str(unknown)}]}).encode()
        return "200 OK", answer

    def _send(self, status: str, body: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, head.encode() + body)
        else:
            self._transport.write(head.encode() + body)


async def _serve(port: int, size: Size, latency: float) -> None:
    account = FakeAccount(size)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(account, latency), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    _port, _projects, _models, *_rest = (float(argument) for argument in sys.argv[1:])
    uvloop.run(_serve(int(_port), Size(int(_projects), int(_models)), _rest[0] / 1000 if _rest else 0.0))

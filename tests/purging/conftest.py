"""A cache in front that notes what it is asked to purge, and a webhook of dbt."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.oracle.account import Job, Oracle
from tests.sockets import listening

SECRET = "a webhook's secret"


@dataclass(frozen=True)
class Purge:
    """One request to a cache."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class CacheInFront:
    """Answers purges with the statuses in `answers`, in turn, then with 202."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    purges: list[Purge] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.purges.append(Purge(request.method, request.url.path, dict(request.headers), await request.body()))
        status = self.answers.pop(0) if self.answers else 202
        await Response(b'{"count": 1}', status)(scope, receive, send)


@pytest.fixture
async def cache() -> AsyncIterator[CacheInFront]:
    app = CacheInFront()
    async with listening(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False)) as app.port:
        yield app


@pytest.fixture(scope="session")
def jobs(oracle: Oracle) -> Mapping[str, Job]:
    """A production job of each project, by the project's name."""
    projects = {project.environment_id: project.id for project in oracle.production}
    return {projects[job.environment_id]: job for job in reversed(oracle.production_jobs)}


def webhook(oracle: Oracle, job: Job, kind: str = "job.run.completed", number: int = 0) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an event of a job's newest run, as dbt sends it."""
    ids = {"jobId": str(job.id), "runId": str(job.runs[0].id), "environmentId": str(job.environment_id)}
    event = {
        "accountId": oracle.record["account"]["id"],
        "eventId": f"wev_{job.id}_{kind}_{number}",
        "timestamp": datetime.now(UTC).isoformat(),
        "eventType": kind,
        "data": ids,
    }
    body = json.dumps(event).encode()
    return body, {"Authorization": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}

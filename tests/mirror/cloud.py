"""dbt Cloud as a mirror meets it: the local platform over an archive, with a tap that notes, spoils and answers."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gateway.archive.archive import Archive
from gateway.archive.mirrored_runs import MirroredRun, noted_runs
from gateway.archive.tables.run_tables import invocations, resources, results, runs
from gateway.local_platform.app import create_platform
from gateway.mirror.mirror import Mirror, MirrorPolicy, MirrorProgress
from gateway.mirror.run_mirroring import MirrorReport
from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.finished_runs import FinishedRuns
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.resilience.policy import ResiliencePolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.runs.recorded_nodes import RecordedNodes
from gateway.services.transport.graphql_transport import GuardedTransport
from gateway.services.transport.http_transport import AsgiTransport, TransportLimits
from gateway.telemetry.usage import Usage, measuring
from tests.archive.written_runs import ACCOUNT, BEGIN

NOW = BEGIN.timestamp() + 30 * 86_400


@dataclass(frozen=True)
class Asked:
    """A request: its path below the account, and its query."""

    path: str
    query: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The path with # for ids."""
        return re.sub(r"\d+", "#", self.path)


Rewrite = Callable[[Asked, bytes], bytes | Response]


@dataclass
class Cloud:
    """An ASGI application. `rewrite` may answer in the platform's place, of which it is given the body."""

    archive: Archive
    rewrite: Rewrite = lambda _, body: body
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._platform = create_platform(self.archive)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind of path was asked for, since the last look."""
        counted = dict(Counter(one.kind for one in self.asked))
        self.asked.clear()
        return counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        _, is_admin, below = request.url.path.partition("/accounts/")
        path = below.partition("/")[2] if is_admin else request.url.path
        asked = Asked(path, dict(request.query_params))
        self.asked.append(asked)
        parts: list[Message] = []

        async def keep(message: Message) -> None:
            parts.append(message)

        await self._platform(scope, receive, keep)
        body = b"".join(part.get("body", b"") for part in parts[1:])
        answer = self.rewrite(asked, body)
        if isinstance(answer, bytes):
            answer = Response(answer, parts[0]["status"])
        await answer(scope, receive, send)


def refusal(status: int, **headers: str) -> Response:
    """An answer in the Admin API's form."""
    envelope = {"code": status, "is_success": False, "user_message": "Not now.", "developer_message": ""}
    return JSONResponse({"status": envelope, "data": None}, status, headers)


@dataclass
class Mirroring:
    """A mirror of a cloud into an archive, whose clock stands where it is told to, and whose pauses take no time."""

    cloud: Cloud
    archive: Archive
    now: float = NOW
    policy: MirrorPolicy = field(default_factory=lambda: MirrorPolicy(lease_seconds=60.0))
    account_id: int = ACCOUNT
    discovers: bool = False
    paused: list[float] = field(default_factory=list)
    told: list[MirrorProgress] = field(default_factory=list)

    def mirror(self) -> Mirror:
        """A process' mirror: nothing is remembered of the one before."""

        async def sleep(seconds: float) -> None:
            self.paused.append(seconds)
            self.now += seconds
            await asyncio.sleep(0)

        around = TransportDependencies(clock=lambda: self.now, sleep=sleep)
        inner = AsgiTransport(self.cloud, None, TransportLimits())
        transport = ResilientTransport(inner, ResiliencePolicy(), TransportLimits(), around)
        runs = FinishedRuns(AdminApi(transport, "http://dbt", self.account_id))
        nodes = RecordedNodes(BaseQuery(GuardedTransport(transport, "http://dbt/graphql"))) if self.discovers else None
        told = self.told.append
        return Mirror(self.archive, runs, self.policy, told, nodes=nodes, now=lambda: self.now, sleep=sleep)

    async def sweep(self) -> MirrorReport:
        """One pass of a new process."""
        mirror = self.mirror()
        with measuring(Usage()):
            async with mirror.lease.held(lambda: None), AsyncExitStack() as stack:
                if mirror.nodes is not None:
                    await stack.enter_async_context(mirror.nodes.query)
                return await mirror.sweep()

    def noted(self) -> dict[int, MirroredRun]:
        """What was read of each run."""
        with self.archive.reading() as connection:
            ids = connection.scalars(select(runs.c.id)).all()
            return noted_runs(connection, [*ids, *range(1_000)])


def content(archive: Archive) -> dict[str, Any]:
    """The runs and their results, by names instead of keys, without what only the place of reading decides."""
    with archive.reading() as connection:
        rows = [
            {
                key: value
                for key, value in row._asdict().items()
                if key not in ("facts_digest", "ingested_at", "details")
            }
            for row in connection.execute(select(runs).order_by(runs.c.id))
        ]
        commands = {row.id: row for row in connection.execute(select(invocations))}
        names = dict(connection.execute(select(resources.c.id, resources.c.unique_id)).all())
        told = sorted(
            (
                commands[row.invocation_id].uuid,
                commands[row.invocation_id].step,
                names[row.resource_id],
                row.status,
                row.execution_time,
                row.final,
                row.builds,
                row.node_id is not None,
            )
            for row in connection.execute(select(results))
        )
    return {"runs": rows, "results": told}

"""No secret that the gateway was given is in anything it shows, whatever dbt, Redis and callers do."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from redis.asyncio import Redis
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.archive.archive import Archive
from gateway.errors import ConfigurationError
from gateway.settings import Settings
from gateway.telemetry.tracing import Tracing
from tests.chaos.faults import RAW, Raw, raw_server
from tests.freshness.test_webhooks import signature
from tests.sharing.conftest import OwnRedis, redis

__all__ = ["redis"]

TOKEN, WEBHOOK, PASSWORD, SIGNING = (
    f"canary{place}7f3a{place}e01b" for place in ("token", "webhook", "redis", "signing")
)
SECRETS = (TOKEN, WEBHOOK, PASSWORD, SIGNING)
QUERIES = (
    "{ account { name projects { nodes { id } } slowestModels(first: 3, lastRuns: 2) { model { id } } } }",
    '{ run(id: "1") { status modelRuns { nodes { name } } } }',
    '{ model(id: "a.b") { id runs { nodes { runtime } } } }',
)


def says(status: str, body: str, *headers: str) -> Raw:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", ""]
    return Raw("\r\n".join(lines).encode() + body.encode())


def refused_with(written: str) -> str:
    """A GraphQL error whose message is written so in JSON."""
    return '{"errors": [{"message": "no ' + written + '"}], "data": null}'


FAULTS: Mapping[str, Raw] = {
    "401 with the token": says("401 Unauthorized", json.dumps({"detail": f"Invalid token {TOKEN}"})),
    "GraphQL errors with the token": says("200 OK", json.dumps({"errors": [{"message": f"no {TOKEN}"}], "data": None})),
    "the token with escapes": says("200 OK", refused_with("".join(f"\\u{ord(one):04X}" for one in TOKEN))),
    "one letter of the token as an escape": says("200 OK", refused_with(f"\\u{ord(TOKEN[0]):04x}{TOKEN[1:]}")),
    "data with the token": says("200 OK", json.dumps({"data": {"e0": {"dbtProjectName": TOKEN}}, "status": TOKEN})),
    "a body cut off in the token": says("200 OK", json.dumps(TOKEN)[:-3]),
    "a redirect to the token": says("302 Found", "", f"Location: http://dbt.example/{TOKEN}"),
    "a reason and a header": says(f"500 {TOKEN}", TOKEN, f"X-Echo: Token {TOKEN}"),
    "429 for as long as the token": says("429 Too Many", TOKEN, f"Retry-After: {TOKEN}"),
    **{name: RAW[name] for name in ("the connection is reset", "silence", "no HTTP", "a broken chunk")},
}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing = Tracing(provider.get_tracer("test"), propagated=True)
    monkeypatch.setattr("gateway.app.open_tracing", lambda *_: (tracing, lambda: None))
    yield kept
    provider.shutdown()


def settings_for(port: int, cache: str, folder: Path) -> Settings:
    return Settings(
        discovery_url=f"http://127.0.0.1:{port}/graphql",
        admin_url=f"http://127.0.0.1:{port}",
        account_id=1,
        service_token=TOKEN,
        webhook_secret=WEBHOOK,
        cache_url=cache,
        cache_secret=SIGNING,
        archive_url=f"sqlite:///{folder}/history.db",
        upstream_seconds=0.3,
        upstream_retries=1,
        otlp_endpoint="http://127.0.0.1:1",
        open_metrics=True,
    )


def shown(root: object) -> Iterator[str]:
    """The repr of an object and of everything of ours, or of Starlette's and Redis', that can be reached from it."""
    seen: set[int] = set()
    waiting: deque[Any] = deque([root])
    while waiting:
        one = waiting.popleft()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type):
            continue
        seen.add(id(one))
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set | frozenset | deque):
            waiting.extend(one)
        elif type(one).__module__.split(".")[0] in ("gateway", "starlette", "redis"):
            yield repr(one)
            names = [name for cls in type(one).__mro__ for name in getattr(cls, "__slots__", ())]
            waiting.extend(getattr(one, name) for name in names if hasattr(one, name))
            waiting.extend(getattr(one, "__dict__", {}).values())
        else:
            # Bound methods and closures, through which most of the parts know each other.
            waiting.extend(cell.cell_contents for cell in getattr(one, "__closure__", None) or () if _is_filled(cell))
            waiting.append(getattr(one, "__self__", None))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


async def answers(app: Starlette) -> list[str]:
    """Every answer, with its headers, to callers of all kinds."""
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
    event = json.dumps({"accountId": 1, "eventId": "wev_1"}).encode()
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        found = [await client.post("/graphql", json={"query": query}) for query in QUERIES]
        found += [
            await client.post("/webhooks/dbt", content=event, headers={"Authorization": signed})
            for signed in (signature(event, WEBHOOK), signature(event, "wrong"), WEBHOOK)
        ]
        found += [await client.get(path) for path in ("/readyz", "/metrics", "/graphql?query={", "/nowhere")]
    return [f"{answer.headers} {answer.text}" for answer in found]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_secret_is_shown(
    fault: str, redis: OwnRedis, spans: InMemorySpanExporter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Redis.from_url(redis.url) as direct:
        await direct.config_set("requirepass", PASSWORD)
    with_password = redis.url.replace("redis://", f"redis://:{PASSWORD}@")
    told: list[str] = []
    with caplog.at_level(logging.DEBUG):
        async with raw_server(FAULTS[fault]) as port:
            settings = settings_for(port, with_password, tmp_path)
            app = create_app(settings)
            async with app.router.lifespan_context(app):
                told += await answers(app)
                objects = list(shown(app))
                # Redis goes, and comes back with another password.
                redis.kill()
                told += await answers(app)
                await redis.start()
                told += await answers(app)
    assert len(objects) > 100, "the walk has found its way"
    assert "SharedFacts" in " ".join(objects)
    told += [repr(settings), str(settings), settings.model_dump_json(), *objects, caplog.text]
    told += [span.to_json() for span in spans.get_finished_spans()]
    assert len(spans.get_finished_spans()) > 5
    assert [(secret, text[:300]) for secret in SECRETS for text in told if secret in text] == []


@pytest.mark.slow
def test_the_password_of_a_database_is_not_shown() -> None:
    address = f"postgresql+psycopg://somebody:{PASSWORD}@127.0.0.1:1/history"
    settings = Settings(archive_url=address)
    with pytest.raises(ConfigurationError) as refused:
        Archive.open(address)
    for text in (repr(settings), str(settings), settings.model_dump_json(), str(refused.value), repr(refused.value)):
        assert PASSWORD not in text


async def test_dbts_messages_are_bounded_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """200 KB of messages, in answers that are errors and in such as are not, and unreadable ones of that length."""
    from gateway.services.bundle import Upstream, open_query
    from gateway.services.transport.http_transport import TransportRequest, TransportResponse

    messages = [{"message": f"{place} " + "x" * 20_000} for place in range(10)]
    bodies = [
        json.dumps({"errors": messages, "data": None}),
        json.dumps({"errors": messages, "data": {"e0": None}}),
        json.dumps({"data": {"e0": "y" * 200_000}}),
    ]

    class Saying:
        async def send(self, request: TransportRequest) -> TransportResponse:
            return TransportResponse(200, {}, bodies[0].encode())

        async def close(self) -> None:
            return None

    from gateway.services.discovery.base_query import environment_lookups
    from gateway.services.environments.environment_service import _OPERATION

    lookups = list(environment_lookups([1], "...Header").values())
    async with open_query(Upstream(Saying(), "http://dbt.example/graphql", None, 1)) as query:
        while bodies:
            await query.look_up(_OPERATION, lookups, 1)
            bodies.pop(0)
            assert caplog.records
            assert max(len(record.getMessage()) for record in caplog.records) < 3_000
            assert "5 more" in caplog.text


@pytest.mark.parametrize(
    "fault", ["GraphQL errors with the token", "the token with escapes", "one letter of the token as an escape"]
)
async def test_a_token_in_dbts_message_is_masked_in_the_log(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """The message itself is logged, so that what is missing from the line is the token and nothing else."""
    from gateway.services.bundle import Upstream, open_query
    from gateway.services.discovery.base_query import environment_lookups
    from gateway.services.environments.environment_service import _OPERATION
    from gateway.services.transport.aiohttp_transport import AiohttpTransport
    from gateway.services.transport.http_transport import TransportLimits

    async with raw_server(FAULTS[fault]) as port:
        transport = AiohttpTransport(SecretStr(TOKEN), TransportLimits())
        async with open_query(Upstream(transport, f"http://127.0.0.1:{port}/graphql", None, 1)) as query:
            await query.look_up(_OPERATION, list(environment_lookups([1], "...Header").values()), 1)
        await transport.close()
    assert "no [secret]" in caplog.text
    assert TOKEN not in caplog.text

"""The spans of a request: one tree of operation, batches and calls to dbt, in which nothing secret is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.settings import Settings
from gateway.telemetry.tracing import Tracing, span
from tests.oracle.account import Oracle
from tests.serving import serving
from tests.streaming.conftest import hear, live, subscribe, until
from tests.streaming.test_socket import FINISHED, finished

CANARY = "canary7f3a"
TRACE = "0af7651916cd43dd8448eb211c80319c"
QUERY = f"""query {CANARY}($tag: [String!]) {{ {CANARY}: account {{
  slowestModels(first: 3, lastRuns: 2, filter: {{ tags: $tag }}) {{ model {{ id jobs {{ nodes {{ id }} }} }} }}
}} }}"""


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What would have been sent to a collector."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing = Tracing(provider.get_tracer("test"), propagated=True)
    monkeypatch.setattr("gateway.app.open_tracing", lambda *_: (tracing, lambda: None))
    yield kept
    provider.shutdown()


async def traced(settings: Settings, exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    traced_settings = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:1"})
    async with serving(traced_settings) as gateway:
        reply = await gateway.client.post(
            "/graphql",
            json={"query": QUERY, "variables": {"tag": [CANARY + "-tag", "finance"]}},
            headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "Authorization": f"Bearer {CANARY}"},
        )
        assert reply.status_code == 200
        assert reply.json()["data"], reply.text
        await asyncio.sleep(0)
        calls = len(gateway.upstream.calls)
    spans = list(exporter.get_finished_spans())
    assert sum(one.kind.name == "CLIENT" for one in spans) == calls
    return spans


@pytest.mark.slow
async def test_a_request_is_one_tree_below_its_callers_span(settings: Settings, exporter: InMemorySpanExporter) -> None:
    spans = await traced(settings, exporter)
    by_id = {one.context.span_id: one for one in spans}
    (root,) = [one for one in spans if one.kind.name == "SERVER"]
    assert root.name == "graphql"
    assert format(root.context.trace_id, "032x") == TRACE
    assert {one.context.trace_id for one in spans} == {root.context.trace_id}
    for one in spans:
        if one is not root:
            assert one.parent is not None
            assert one.parent.span_id in by_id, one.name
    names = {one.name for one in spans}
    assert names >= {"batch load_projects", "batch models", "dbt EnvironmentHeaders", "dbt EnvironmentModels"}
    assert len(spans) < 40, "not one for each field"
    assert root.attributes is not None
    assert root.attributes["graphql.operation.type"] == "query"
    assert str(root.attributes["graphql.document.id"]).startswith("sha256:")


@pytest.mark.slow
async def test_answers_that_are_given_again_have_their_spans_too(
    settings: Settings, exporter: InMemorySpanExporter
) -> None:
    given = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:1"})
    async with live(given) as gateway, httpx2.AsyncClient() as http:
        for number in range(5):
            headers = {"traceparent": f"00-{number + 1:032x}-b7ad6b7169203331-01"}
            reply = await http.post(gateway.url, json={"query": "{ account { id } }"}, headers=headers)
            assert reply.status_code == 200
        assert reply.json()["extensions"]["gateway"]["cacheHits"] == 0, "given again"
    roots = [one for one in exporter.get_finished_spans() if one.kind.name == "SERVER"]
    assert [one.context.trace_id for one in roots] == [1, 2, 3, 4, 5]
    assert len({str(one.attributes) for one in roots[-2:]}) == 1
    assert (roots[-1].attributes or {})["graphql.operation.type"] == "query"


@pytest.mark.slow
async def test_no_text_of_a_caller_is_in_a_span(settings: Settings, exporter: InMemorySpanExporter) -> None:
    spans = await traced(settings, exporter)
    written = json.dumps([json.loads(one.to_json()) for one in spans])
    assert CANARY not in written
    assert "slowestModels" not in written


@pytest.mark.slow
async def test_what_is_asked_on_a_socket_and_each_event_is_a_tree_of_its_own(
    settings: Settings, exporter: InMemorySpanExporter, oracle: Oracle
) -> None:
    given = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:1", "revision_interval": 3600.0})
    async with live(given) as gateway, gateway.talk() as connection:
        await subscribe(connection, "1", FINISHED)
        await until(lambda: gateway.services.poller.listeners == 1)
        for place in range(2):
            gateway.services.events.publish(finished(oracle, place)[0])
            await hear(connection)
        await subscribe(connection, "2", f"{{ {CANARY}: account {{ jobs {{ nodes {{ id }} }} }} }}")
        assert (await hear(connection))["id"] == "2"
        await subscribe(connection, "3", f"{{ {CANARY} ")
        while (await hear(connection))["id"] != "3":
            continue
    spans = list(exporter.get_finished_spans())
    roots = [one for one in spans if one.kind.name == "SERVER"]
    kinds = [(one.attributes or {})["graphql.operation.type"] for one in roots]
    assert kinds == ["subscription", "subscription", "subscription", "query", "none"]
    assert [(one.attributes or {})["gateway.codes"] for one in roots] == ["", "", "", "", "GRAPHQL_PARSE_FAILED"]
    assert len({(one.attributes or {})["graphql.document.id"] for one in roots[:3]}) == 1
    assert CANARY not in json.dumps([json.loads(one.to_json()) for one in spans])


async def test_without_a_collector_nothing_is_traced(settings: Settings, exporter: InMemorySpanExporter) -> None:
    async with serving(settings) as gateway:
        await gateway.data("{ account { id name } }")
    assert exporter.get_finished_spans() == ()
    with span("outside of a request") as made:
        assert made is None

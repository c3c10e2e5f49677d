"""@defer: a slow project does not hold up the page, for clients that take an answer in parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.responses import Response

from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.serving import Call
from tests.streaming.conftest import SECONDS, LiveGateway, live, until

OLDER = "multipart/mixed;deferSpec=20220824, application/graphql-response+json, application/json;q=0.9"
NEWER = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
PAGE = """query Page($deferred: Boolean! = true) {
  fast: project(id: "finance") { id models(first: 2) { nodes { id runtime } } }
  ... @defer(if: $deferred, label: "slow") {
    slow: project(id: "marketing") { id models(first: 2) { nodes { id runtime } } }
  }
}"""


class SlowProject:
    """Holds back what dbt says of one project's models until it is released."""

    def __init__(self, gateway: LiveGateway, environment_id: int) -> None:
        self._environment_id = environment_id
        self.released = asyncio.Event()
        self.waiting = 0
        gateway.upstream.fault = self._hold

    async def _hold(self, call: Call) -> Response | None:
        asks_it = self._environment_id in call.variables.values() or str(self._environment_id) in call.document
        if call.operation == "EnvironmentModels" and asks_it:
            self.waiting += 1
            await self.released.wait()
        return None


@asynccontextmanager
async def parts(
    http: httpx2.AsyncClient, url: str, accept: str, query: str = PAGE
) -> AsyncIterator[AsyncIterator[Any]]:
    async with http.stream("POST", url, json={"query": query}, headers={"Accept": accept}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith('multipart/mixed; boundary="-"')
        assert ("deferSpec=20220824" in response.headers["content-type"]) == ("deferSpec" in accept)
        yield _parts(response)


async def _parts(response: httpx2.Response) -> AsyncIterator[Any]:
    """The parts of a multipart body, each as soon as the boundary after it has arrived."""
    text = ""
    async for chunk in response.aiter_text():
        text += chunk
        while "\r\n---" in text:
            part, _, text = text.partition("\r\n---")
            head, _, body = part.partition("\r\n\r\n")
            if body:
                assert "Content-Type: application/json" in head
                yield json.loads(body)
    assert text.strip() in ("", "--")


def expected(oracle: Oracle, project: str) -> dict[str, Any]:
    models = [one for one in oracle.models if one.project == project][:2]
    return {"id": project, "models": {"nodes": [{"id": one.id, "runtime": one.runtime} for one in models]}}


@pytest.mark.slow
async def test_the_page_comes_before_a_slow_project_is_read(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle
) -> None:
    slow = SlowProject(live_gateway, oracle.project("marketing").environment_id)
    async with parts(http, live_gateway.url, OLDER) as heard:
        first = await asyncio.wait_for(anext(heard), SECONDS)
        assert not slow.released.is_set()
        assert first["data"] == {"fast": expected(oracle, "finance")}
        assert first["hasNext"] is True
        assert first["extensions"]["gateway"]["incomplete"] == []
        slow.released.set()
        rest = [part async for part in heard]
    incremental = [one for part in rest for one in part.get("incremental", ())]
    assert incremental == [{"data": {"slow": expected(oracle, "marketing")}, "path": [], "label": "slow"}]
    assert [part["hasNext"] for part in rest] == [True] * (len(rest) - 1) + [False]
    assert rest[-1]["extensions"]["gateway"]["upstreamRequests"] == len(live_gateway.upstream.calls)


@pytest.mark.slow
async def test_the_newer_shape_names_what_is_pending(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle
) -> None:
    async with parts(http, live_gateway.url, NEWER) as heard:
        first, *rest = [part async for part in heard]
    assert first["pending"] == [{"id": "0", "path": [], "label": "slow"}]
    assert [part.get("incremental") for part in rest if "incremental" in part] == [
        [{"id": "0", "data": {"slow": expected(oracle, "marketing")}}]
    ]
    assert [one for part in rest for one in part.get("completed", ())] == [{"id": "0"}]


@pytest.mark.slow
@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/graphql-response+json"])
async def test_without_acceptance_all_is_answered_at_once(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle, accept: str
) -> None:
    reply = await http.post(live_gateway.url, json={"query": PAGE}, headers={"Accept": accept})
    assert reply.status_code == 200
    assert reply.json()["data"] == {"fast": expected(oracle, "finance"), "slow": expected(oracle, "marketing")}


@pytest.mark.parametrize("query", ["{ account { id } }", PAGE.replace("= true", "= false"), "{ account { nonsense } }"])
async def test_what_defers_nothing_is_an_ordinary_answer(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, query: str
) -> None:
    reply = await http.post(live_gateway.url, json={"query": query}, headers={"Accept": OLDER})
    assert "application/graphql-response+json" in reply.headers["content-type"]
    assert ("errors" in reply.json()) == ("nonsense" in query)


@pytest.mark.slow
async def test_a_project_that_cannot_be_read_is_missing_from_its_part_only(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle
) -> None:
    environment_id = oracle.project("marketing").environment_id

    async def broken(call: Call) -> Response | None:
        asks_it = environment_id in call.variables.values() or str(environment_id) in call.document
        return Response(status_code=500) if call.operation == "EnvironmentModels" and asks_it else None

    live_gateway.upstream.fault = broken
    async with parts(http, live_gateway.url, OLDER) as heard:
        first, *rest = [part async for part in heard]
    assert first["data"] == {"fast": expected(oracle, "finance")}
    assert "errors" not in first
    (late,) = [one for part in rest for one in part.get("incremental", ())]
    assert late["data"] == {"slow": {"id": "marketing", "models": None}}
    assert [error["path"] for error in late["errors"]] == [["slow", "models"]]
    assert late["errors"][0]["extensions"]["code"].startswith("UPSTREAM_")


async def test_a_deferred_failure_that_nulls_its_fragment_is_reported_in_both_shapes(
    live_gateway: LiveGateway, http: httpx2.AsyncClient
) -> None:
    query = '{ id: __typename ... @defer { project(id: "nowhere") { id } } }'
    for accept in (OLDER, NEWER):
        async with parts(http, live_gateway.url, accept, query) as heard:
            found = [part async for part in heard]
        told = json.dumps(found)
        assert '"NOT_FOUND"' in told
        assert found[-1]["hasNext"] is False


@pytest.mark.slow
async def test_when_the_client_leaves_the_work_stops(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle
) -> None:
    """Nothing new is asked of dbt; what it is answering already may still arrive, for others."""
    slow = SlowProject(live_gateway, oracle.project("marketing").environment_id)
    query = """{ __typename ... @defer {
      project(id: "marketing") { models(first: 50) { nodes { id jobs { nodes { id } } } } } } }"""
    before = len(asyncio.all_tasks())
    async with parts(http, live_gateway.url, OLDER, query) as heard:
        await asyncio.wait_for(anext(heard), SECONDS)
        await until(lambda: slow.waiting == 1)
    await asyncio.sleep(0.2)
    asked = len(live_gateway.upstream.calls)
    slow.released.set()
    await until(lambda: len(asyncio.all_tasks()) <= before + 1)
    assert len(live_gateway.upstream.calls) == asked


async def test_deferred_fields_count_like_all_others(live_gateway: LiveGateway, http: httpx2.AsyncClient) -> None:
    many = " ".join(f"a{number}: __typename" for number in range(100))
    deep = "{ ... @defer { account " + "{ jobs { nodes " * 12 + "{ id }" + " } }" * 12 + " } }"
    for query, limit in ((f"{{ ... @defer {{ account {{ {many} }} }} }}", "aliases"), (deep, "depth")):
        reply = await http.post(live_gateway.url, json={"query": query}, headers={"Accept": OLDER})
        assert (reply.status_code, reply.json()["errors"][0]["extensions"].get("limit")) == (400, limit), reply.text


@pytest.mark.slow
async def test_parts_are_events_too(live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle) -> None:
    reply = await http.post(live_gateway.url, json={"query": PAGE}, headers={"Accept": "text/event-stream"})
    told = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line.startswith("data: {")]
    assert told[0]["data"] == {"fast": expected(oracle, "finance")}
    assert told[-1]["hasNext"] is False
    assert reply.text.endswith("event: complete\ndata:\n\n")


LONG = """{ short: __typename ... @defer(label: "long") {
  project(id: "finance") { models(first: 16) { nodes { id uniqueId description rawCode } } } } }"""
TOO_LONG = {"code": "QUERY_TOO_LARGE", "limit": "response_bytes", "most": 2_000}


@pytest.mark.slow
async def test_parts_that_are_too_long_together_are_an_error_where_they_would_be(settings: Settings) -> None:
    bounded = settings.model_copy(update={"response_bytes": 2_000})
    async with live(bounded) as gateway, httpx2.AsyncClient(timeout=SECONDS) as http:
        async with parts(http, gateway.url, OLDER, LONG) as heard:
            first, last = [part async for part in heard]
        assert first["data"] == {"short": "Query"}
        (told,) = last["incremental"]
        assert (told["data"], told["path"], told["label"]) == (None, [], "long")
        assert [error["extensions"] for error in told["errors"]] == [TOO_LONG]
        assert last["hasNext"] is False
        async with parts(http, gateway.url, NEWER, LONG) as heard:
            first, last = [part async for part in heard]
        (told,) = last["completed"]
        assert (told["id"], [error["extensions"] for error in told["errors"]]) == ("0", [TOO_LONG])
        assert last["hasNext"] is False
        reply = await http.post(gateway.url, json={"query": LONG}, headers={"Accept": "text/event-stream"})
        *_, last, end = [line.removeprefix("data:").strip() for line in reply.text.splitlines() if "data:" in line]
        assert json.loads(last)["completed"][0]["errors"][0]["extensions"] == TOO_LONG
        assert end == ""


@pytest.mark.slow
async def test_a_first_part_that_is_too_long_is_the_only_one(settings: Settings) -> None:
    long_at_once = LONG.replace("short: __typename", "account { models(first: 41) { nodes { id uniqueId } } }")
    bounded = settings.model_copy(update={"response_bytes": 2_000})
    async with live(bounded) as gateway, httpx2.AsyncClient(timeout=SECONDS) as http:
        for accept in (OLDER, NEWER):
            async with parts(http, gateway.url, accept, long_at_once) as heard:
                (only,) = [part async for part in heard]
            assert (only["data"], only["hasNext"]) == (None, False)
            assert [error["extensions"] for error in only["errors"]] == [TOO_LONG]

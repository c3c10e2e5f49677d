"""`gateway schema --check OLD --usage`: who uses what breaks, as a running gateway has counted it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn

from gateway.cli import run
from gateway.cli.options import build_parser
from gateway.settings import Settings
from tests.generated.demo import SCHEMA_FILE
from tests.identity.callers import Holder, known_to
from tests.serving import Gateway, serving
from tests.sockets import listening

RANKING = """query Ranking { account(environment: PRODUCTION) { ...Slowest } }
query Other { account { ...Counted } }
fragment Counted on Account { id jobs { totalCount } }
fragment Slowest on Account {
  slowestModels(first: 2, filter: { materialization: "table" }) { runtime model { name } } }"""
ASKED = {
    "Query.account",
    "Query.account(environment:)",
    "DeploymentEnvironment.PRODUCTION",
    "Account.slowestModels",
    "Account.slowestModels(first:)",
    "Account.slowestModels(filter:)",
    "ModelFilter.materialization",
    "RankedModel.runtime",
    "RankedModel.model",
    "Model.name",
}
FILTERED = "query ($filter: ModelFilter) { account { models(filter: $filter) { totalCount } } }"


@pytest.fixture
async def gateway(demo_store: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=demo_store, open=True, field_usage=True)) as running:
        yield running


def main(arguments: list[str]) -> int:
    return run(build_parser().parse_args(arguments))


async def ask(gateway: Gateway, query: str, client: str | None, method: str = "POST", **parameters: Any) -> int:
    headers = {} if client is None else {"graphql-client-name": client}
    if method == "GET":
        given = "&".join(f"{name}={quote(value)}" for name, value in {"query": query, **parameters}.items())
        return (await gateway.client.get(f"/graphql?{given}", headers=headers)).status_code
    return (await gateway.client.post("/graphql", json={"query": query, **parameters}, headers=headers)).status_code


async def usage(gateway: Gateway) -> dict[str, dict[str, int]]:
    """How often each client has asked for each coordinate."""
    told = (await gateway.client.get("/usage")).json()["coordinates"]
    return {name: {client: count["requests"] for client, count in clients.items()} for name, clients in told.items()}


@pytest.mark.slow
async def test_each_request_counts_what_its_operation_asks_for_however_it_is_answered(gateway: Gateway) -> None:
    """Read, compiled, from memory, replayed and unmodified: seven requests of two clients are seven."""
    for client, times in (("web", 4), ("report", 3)):
        for _ in range(times):
            assert await ask(gateway, RANKING, client, operationName="Ranking") == 200
    counted = await usage(gateway)
    assert set(counted) == ASKED
    assert {json.dumps(clients, sort_keys=True) for clients in counted.values()} == {'{"report": 3, "web": 4}'}
    for _ in range(3):
        assert await ask(gateway, RANKING, "web", "GET", operationName="Ranking") == 200
    assert (await usage(gateway))["Model.name"] == {"web": 7, "report": 3}


async def test_what_is_not_run_and_introspection_count_nothing(gateway: Gateway) -> None:
    assert await ask(gateway, "{ nothing }", "web") == 400
    assert await ask(gateway, "{", "web") == 400
    assert await ask(gateway, "{ __schema { types { name fields { name } } } __typename }", "web") == 200
    assert await usage(gateway) == {}


@pytest.mark.slow
async def test_clients_are_bounded_and_their_names_printable(gateway: Gateway) -> None:
    query = "{ account { id } }"
    for client in (None, " ", "a\tb", "x" * 300, *(f"client {number}" for number in range(120))):
        assert await ask(gateway, query, client) == 200
    clients = (await usage(gateway))["Account.id"]
    assert clients["unknown"] == 2
    assert (clients["ab"], clients["x" * 64]) == (1, 1)
    assert len(clients) <= 100
    assert sum(clients.values()) == 124
    assert clients["other"] >= 20


async def test_only_operators_read_it(demo_store: str) -> None:
    operator, other = Holder("operator", scopes=("metrics",)), Holder("other")
    settings = known_to(Settings(store_url=demo_store, field_usage=True), operator, other)
    async with serving(settings) as gateway:
        statuses = [
            (await gateway.client.get("/usage", headers={"X-API-Key": holder.key})).status_code
            for holder in (operator, other)
        ]
        assert statuses == [200, 403]
        assert (await gateway.client.get("/usage")).status_code == 401


async def test_without_the_setting_there_is_no_such_path(warm_gateway: Gateway) -> None:
    assert (await warm_gateway.client.get("/usage")).status_code == 404


def changed(*replacements: tuple[str, str]) -> str:
    """The schema as it was before some breaking changes."""
    text = SCHEMA_FILE.read_text("utf-8")
    for now, before in replacements:
        assert now in text
        text = text.replace(now, before, 1)
    return text


@pytest.mark.slow
async def test_a_breaking_change_names_who_uses_it(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        await ask(gateway, "{ account { id } }", "web")
    await ask(gateway, FILTERED, "report", variables={"filter": {"tags": ["daily"]}})
    old = tmp_path / "old.graphql"
    ids = 'type Account @key(fields: "id") {'
    assert ids in changed()
    before = changed(
        (ids, f"{ids}\n  gone: Int\n"),
        ("input ModelFilter {", "input ModelFilter {\n  gone: Int\n"),
        ("enum DeploymentEnvironment {", "enum DeploymentEnvironment {\n  GONE\n"),
    )
    old.write_text(before, "utf-8")
    content = (await gateway.client.get("/usage")).json()
    content["coordinates"]["Account.gone"] = {"web": {"requests": 1200, "lastUsed": 1_700_000_000.0}}
    file = tmp_path / "usage.json"
    file.write_text(json.dumps(content), "utf-8")
    assert main(["schema", "--check", str(old), "--usage", str(file), "--usage", str(file)]) == 1
    lines = capsys.readouterr().err.splitlines()
    told = {lines[place]: lines[place + 1] for place in range(1, len(lines), 2)}
    assert told["  breaks clients: Field Account.gone was removed."] == (
        "    web: 2,400 requests, last 2023-11-14 22:13 UTC"
    )
    assert told["  breaks clients: Field ModelFilter.gone was removed."].startswith("    report: 2 requests, last 20")
    unused = told["  breaks clients: Enum value DeploymentEnvironment.GONE was removed."]
    assert unused.startswith("    not asked for since 20")


@pytest.mark.slow
async def test_usage_is_read_from_a_running_gateway(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.graphql"
    old.write_text(changed(("enum DeploymentEnvironment {", "enum DeploymentEnvironment {\n  GONE\n")), "utf-8")
    assert gateway.app is not None
    async with listening(uvicorn.Config(gateway.app, log_config=None, lifespan="off", access_log=False)) as port:
        address = f"http://127.0.0.1:{port}/usage"
        assert await asyncio.to_thread(main, ["schema", "--check", str(old), "--usage", address]) == 1
        assert "not asked for since" in capsys.readouterr().err
        wrong = f"http://127.0.0.1:{port}/livez"
        assert await asyncio.to_thread(main, ["schema", "--check", str(old), "--usage", wrong]) == 2
    assert "is not what /usage of a gateway answers" in capsys.readouterr().err
    assert main(["schema", "--usage", "x"]) == 2
    assert "give --check FILE too" in capsys.readouterr().err

"""Prices count what the caller may see: they are the same however many models are hidden from them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from benchmarks.account import Size, write_account
from gateway.settings import Settings
from tests.conftest import stored
from tests.identity.callers import Holder, known_to
from tests.serving import Gateway, serving

RANKING = "{ account { slowestModels(first: 1) { rank } } }"
FILTER = '{ account { projects(filter: {tags: ["x"]}) { totalCount } } }'
STATIC = {RANKING: 2, FILTER: 3}
"""By hand: account 1 + entry 1; account 1 + projects 1 + filter 1."""
ALL_MODELS = "{ account { models(first: 1) { totalCount } } }"
MODELS, ENVIRONMENTS = 250, 3

EVERYTHING = Holder("everything")
NOBODY = Holder("nobody", ("somewhere_else",))
ONE = Holder("one", ("finance_01",))
ONE_BY_NUMBER = Holder("by_number", ("*",), (600_001,))
TWO = Holder("two", ("finance_01", "marketing_02"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("prices") / "account"
    write_account(folder, Size(environments=ENVIRONMENTS, models=MODELS, runs=1))
    return stored(folder, tmp_path_factory.mktemp("prices-store"))


@pytest.fixture
async def gateway(store: str) -> AsyncIterator[Gateway]:
    settings = Settings(store_url=store)
    async with serving(known_to(settings, EVERYTHING, NOBODY, ONE, ONE_BY_NUMBER, TWO)) as opened:
        yield opened


async def prices(holder: Holder, gateway: Gateway) -> Mapping[str, int]:
    found = {}
    for query in STATIC:
        response = await gateway.client.post("/graphql", json={"query": query}, headers={"X-API-Key": holder.key})
        found[query] = response.json()["extensions"]["cost"]["requestedQueryCost"]
    return found


def beyond_static(of: Mapping[str, int]) -> set[int]:
    return {price - STATIC[query] for query, price in of.items()}


@pytest.mark.slow
async def test_a_price_holds_nothing_of_hidden_models(gateway: Gateway) -> None:
    await ONE.ask(gateway, ALL_MODELS)
    before = await prices(ONE, gateway)
    assert beyond_static(before) == {MODELS // 100}
    # Now the gateway has read all of the account.
    await EVERYTHING.ask(gateway, ALL_MODELS)
    assert beyond_static(await prices(EVERYTHING, gateway)) == {MODELS * ENVIRONMENTS // 100}
    assert await prices(ONE, gateway) == before
    assert beyond_static(await prices(TWO, gateway)) == {2 * MODELS // 100}
    assert beyond_static(await prices(ONE_BY_NUMBER, gateway)) == {MODELS // 100}
    assert beyond_static(await prices(NOBODY, gateway)) == {0}


@pytest.mark.slow
async def test_a_refusal_says_nothing_of_hidden_models_either(store: str) -> None:
    settings = Settings(store_url=store, query_cost=3)
    async with serving(known_to(settings, EVERYTHING, ONE, NOBODY)) as gateway:
        await EVERYTHING.ask(gateway, ALL_MODELS)
        refused = await ONE.ask(gateway, RANKING)
        assert refused.errors[0]["extensions"]["cost"] == STATIC[RANKING] + MODELS // 100
        assert (await NOBODY.ask(gateway, RANKING)).errors == []
        assert (await EVERYTHING.ask(gateway, RANKING)).errors[0]["extensions"]["cost"] == STATIC[RANKING] + 7


@pytest.mark.slow
async def test_callers_with_dbt_tokens_pay_by_what_their_own_token_has_read(store: str) -> None:
    settings = Settings(store_url=store, pass_through_tokens=True, service_token=SecretStr("own"))
    async with serving(settings) as gateway:
        for token in ("anna", "bert"):
            told = []
            for query in (RANKING, ALL_MODELS, RANKING + " "):
                response = await gateway.client.post(
                    "/graphql", json={"query": query}, headers={"X-DBT-Token": token, "Cache-Control": "no-cache"}
                )
                assert "errors" not in response.json(), response.text
                told.append(response.json()["extensions"]["cost"]["requestedQueryCost"])
            assert told[0] == STATIC[RANKING]
            assert told[2] == STATIC[RANKING] + MODELS * ENVIRONMENTS // 100

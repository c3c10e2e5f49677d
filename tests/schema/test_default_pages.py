"""A list whose `first` is left out returns what its price counts, and says that there is more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.account import Size, write_account
from gateway.settings import Settings
from tests.conftest import stored
from tests.serving import Gateway, serving

PROJECTS, MODELS, RUNS = 27, 110, 12


@pytest.fixture(scope="module")
def many_projects(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("many") / "account"
    write_account(folder, Size(environments=PROJECTS, models=4, runs=1))
    return stored(folder, tmp_path_factory.mktemp("many-store"))


@pytest.fixture(scope="module")
def many_models(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("long") / "account"
    write_account(folder, Size(environments=1, models=MODELS, runs=3 * RUNS))
    return stored(folder, tmp_path_factory.mktemp("long-store"))


@pytest.fixture
async def wide(many_projects: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=many_projects)) as opened:
        yield opened


@pytest.fixture
async def long(many_models: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=many_models)) as opened:
        yield opened


async def lengths_and_prices(gateway: Gateway, place: str, fields: str) -> dict[str, tuple[int, int]]:
    """How many items each of the lists has when nothing is said of their length, and how many were paid for."""
    found = {}
    for field in fields.split():
        query = f"{{ {place} {{ {field} {{ pageInfo {{ hasNextPage }} nodes {{ id }} }} }} }}"
        body = (await gateway.client.post("/graphql", json={"query": query})).json()
        assert "errors" not in body
        (owner,) = body["data"].values()
        page = owner[field]
        # The place, the connection and its pageInfo cost 1 each.
        found[field] = (len(page["nodes"]), body["extensions"]["cost"]["requestedQueryCost"] - 3)
        assert page["pageInfo"]["hasNextPage"], field
    return found


@pytest.mark.slow
async def test_of_many_projects_models_and_jobs_the_default_page_is_returned(wide: Gateway) -> None:
    assert await lengths_and_prices(wide, "account", "projects runs") == {"projects": (25, 25), "runs": (10, 10)}


@pytest.mark.slow
async def test_of_long_lists_the_default_page_is_returned_and_paid_for(long: Gateway) -> None:
    told = await lengths_and_prices(long, "account", "models runs")
    assert told == {"models": (100, 100), "runs": (10, 10)}
    assert await lengths_and_prices(long, 'project(id: "finance_01")', "models runs") == told
    jobs = (await long.data("{ account { jobs { nodes { id name } } } }"))["account"]["jobs"]["nodes"]
    daily = next(job["id"] for job in jobs if job["name"] == "Daily build")
    assert await lengths_and_prices(long, f'job(id: "{daily}")', "runs models") == {
        "runs": (10, 10),
        "models": (100, 100),
    }
    model = (await long.data("{ account { models(first: 1) { nodes { id } } } }"))["account"]["models"]["nodes"][0]
    # Looking for a model by its id costs 1 for each 100 models.
    place = f'model(id: "{model["id"]}")'
    assert await lengths_and_prices(long, place, "runs") == {"runs": (10, 11)}

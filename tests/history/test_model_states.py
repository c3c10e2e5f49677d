"""Lists of models that an archive orders and filters: as of whole models, of which those of the page alone are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.account import Size, write_account
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.loading.loaders import Loaders
from gateway.services.models.model_pages import OPTIONAL_FIELDS
from gateway.settings import Settings
from tests.comparison.generator import write_archive
from tests.conftest import stored
from tests.history.statements import noted_statements
from tests.serving import Gateway, serving

SIZE = Size(environments=4, models=20, runs=2)
PAGE = """query($first: Int, $after: String, $last: Int, $orderBy: ModelOrder, $filter: ModelFilter) { account {
  models(first: $first, after: $after, last: $last, orderBy: $orderBy, filter: $filter) {
    totalCount nodes { id name tags runtime materialization }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
OF_PROJECTS = """query($orderBy: ModelOrder, $filter: ModelFilter) { account { projects { nodes { id
  models(first: 3, orderBy: $orderBy, filter: $filter) { totalCount nodes { id runtime } } } } } }"""
ORDERS = [
    {"field": field, "direction": direction}
    for field in ("NAME", "RUNTIME", "LAST_RUN_TIME", "SEVERITY", "ID")
    for direction in ("ASC", "DESC")
]
FILTERS: list[dict[str, Any]] = [
    {"tags": ["daily"]},
    {"tags": ["daily", "finance"], "tagsMatch": "ALL"},
    {"tags": []},
    {"materialization": "TABLE"},
    {"statuses": ["FAILURE", "SKIPPED"]},
    {"nameContains": "STG"},
    {"folder": "models/staging"},
    {"access": ["PROTECTED"]},
    {"groups": ["nobody"]},
    {"owners": ["nobody"]},
    {"minRuntime": 2.0, "maxRuntime": 60.0},
    {"packages": ["finance_01"]},
    {"lastRunSince": "2020-01-01T00:00:00Z", "tags": ["daily"], "nameContains": "e"},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("states")
    write_account(place / "account", SIZE)
    return stored(place / "account", place)


@pytest.fixture(scope="module")
async def by_dbt(store: str) -> AsyncIterator[Gateway]:
    """Reads whole models, which it orders and filters itself."""
    async with serving(Settings(store_url=store, history_source="discovery", response_cache_bytes=0)) as opened:
        yield opened


@pytest.fixture
async def gateway(store: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=store, history_source="archive", response_cache_bytes=0)) as opened:
        yield opened


def models_read(gateway: Gateway) -> int | None:
    """How many models were named to dbt; None where it was asked for all of an environment."""
    named = 0
    for call in gateway.upstream.calls:
        if call.operation == "EnvironmentModels":
            filters = [value for name, value in call.variables.items() if name.startswith("filter")]
            if not filters or any("uniqueIds" not in one for one in filters):
                return None
            named += sum(len(one["uniqueIds"]) for one in filters)
    return named


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked", [*({"orderBy": one} for one in ORDERS), *({"filter": one} for one in FILTERS)], ids=str
)
async def test_pages_are_those_of_whole_models_of_which_few_are_read(
    gateway: Gateway, by_dbt: Gateway, asked: dict[str, Any]
) -> None:
    """The first page, the next and the last: one statement for all of them, two where roll-ups report all that is
    looked at."""
    with noted_statements() as noted:
        cursor = None
        for arguments in ({"first": 7}, {"first": 7, "after": "next"}, {"last": 5}):
            if "after" in arguments:
                arguments = {**arguments, "after": cursor}
            gateway.upstream.calls.clear()
            page = await gateway.ask(PAGE, **arguments, **asked)
            other = await by_dbt.ask(PAGE, **arguments, **asked)
            assert (page.data, page.errors) == (other.data, other.errors)
            shown = page.data["account"]["models"]
            assert (models_read(gateway) or 0) <= len(shown["nodes"])
            assert models_read(gateway) is not None
            cursor = shown["pageInfo"]["endCursor"]
    by_runtime = asked.get("orderBy", {}).get("field") == "RUNTIME"
    assert len(noted) == (2 if by_runtime else 1), noted


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, {"orderBy": ORDERS[4]}, {"filter": FILTERS[0]}], ids=str)
async def test_pages_of_each_project_are_read_together(
    gateway: Gateway, by_dbt: Gateway, asked: dict[str, Any]
) -> None:
    with noted_statements() as noted:
        found = await gateway.ask(OF_PROJECTS, **asked)
    assert found.data == (await by_dbt.ask(OF_PROJECTS, **asked)).data
    shown = [one["models"] for one in found.data["account"]["projects"]["nodes"]]
    assert [len(one["nodes"]) for one in shown] == [3] * 4
    assert len(noted) == 1, noted
    assert gateway.upstream.operations["EnvironmentModels"] == 1
    assert models_read(gateway) == 12


@pytest.mark.slow
async def test_a_page_of_most_models_reads_all_of_them(gateway: Gateway, by_dbt: Gateway) -> None:
    """They are cached whole then, and the next question finds them."""
    page = await gateway.ask(PAGE, first=60, orderBy=ORDERS[0])
    assert page.data == (await by_dbt.ask(PAGE, first=60, orderBy=ORDERS[0])).data
    assert models_read(gateway) is None


LOOKED_AT = (
    *("id", "unique_id", "name", "tags", "runtime", "outcome", "last_run_status", "last_run_time"),
    *("file_path", "group", "access"),
)


def looked_at(model: Any) -> tuple[Any, ...]:
    owner = (model.meta or {}).get("owner")
    kind = model.materialization and model.materialization.casefold()
    return (*(getattr(model, name) for name in LOOKED_AT), kind, owner if isinstance(owner, str) else None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 5, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(6, 26))])
async def test_states_are_those_of_whole_models_on_any_archive(tmp_path: Path, seed: int) -> None:
    """Failed, reused, cloned, renamed, never built: of every model all that orders and filters look at."""
    store = stored(write_archive(tmp_path / "runs", seed), tmp_path)
    compared = 0
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        loaders = Loaders(gateway.services)
        known = await loaders.projects()
        for deployment in DeploymentEnvironment:
            projects = known.accounts[deployment].projects
            lists = await gateway.services.model_lists.read(projects, described=True)
            whole = await gateway.services.models.models(projects, OPTIONAL_FIELDS)
            for environment_id, models in whole.items():
                expected: dict[str, Model] = dict(models.by_unique_id)
                told = {model.unique_id: model for model in lists[environment_id].models}
                assert {name: looked_at(one) for name, one in told.items()} == {
                    name: looked_at(one) for name, one in expected.items()
                }
                compared += len(told)
    assert compared

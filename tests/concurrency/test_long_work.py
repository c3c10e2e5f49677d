"""Long work of questions, over more models than the demo has: pieces, counted; nothing is timed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from gateway.hierarchy.filters.model_filters import ModelFilter, SearchFilter
from gateway.hierarchy.lists.model_index import EnvironmentModels, closest, most_similar
from gateway.hierarchy.lists.ordering import Direction, ModelOrderField, model_order
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.loading.histories import RunsToRead, _assemble
from gateway.loading.loaders import Loaders
from gateway.loading.suggestions import unknown
from gateway.queries.models.models import matching
from gateway.schema.lists.paging import PageArguments, cut_in_order
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_history import RunModels
from tests.serving import Gateway

MODELS = 20_000
NOBODY = FieldContext(cast(Loaders, None))


def model(number: int) -> Model:
    name = f"m{number:05}"
    plain = (name, "p", "shop", 1, ("daily",) if number % 3 else (), "table", float(number * 7919 % MODELS))
    return Model(f"shop.{name}", f"model.p.{name}", *plain, None, None, None, None, None)


@pytest.fixture(scope="module")
def environment() -> EnvironmentModels:
    return EnvironmentModels("shop", 1, [model(number) for number in range(MODELS)])


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many models filters have looked at."""
    count, matches = [0], SearchFilter.matches

    def counted(self: SearchFilter, model: Any) -> bool:
        count[0] += 1
        return matches(self, model)

    monkeypatch.setattr(SearchFilter, "matches", counted)
    return lambda: count[0]


async def turns_of_a_neighbour(work: Awaitable[object]) -> int:
    """How often somebody beside this work has their turn."""
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(neighbour())
    await work
    beside.cancel()
    return turns


@pytest.mark.slow
async def test_a_filter_lets_a_neighbour_on_and_looks_at_each_model_once(
    environment: EnvironmentModels, looked_at: Callable[[], int]
) -> None:
    criteria = ModelFilter(tags=("daily",))
    assert await turns_of_a_neighbour(matching(NOBODY, [environment], criteria)) >= MODELS // 3_000
    assert looked_at() == MODELS
    (narrowed,) = await matching(NOBODY, [environment], criteria)
    assert looked_at() == MODELS
    assert [one.id for one in narrowed.models] == [f"shop.m{number:05}" for number in range(MODELS) if number % 3]
    # Its order is kept with it: the next ranking of the same models sorts nothing.
    assert narrowed.slowest(100)[0] is max(narrowed.models, key=lambda one: one.runtime or 0)
    narrowed.slowest(1_000)
    assert narrowed.slowest(1_000) is narrowed.slowest(999)
    assert narrowed.steps_to_rank(1_000) < 10 < environment.steps_to_rank(1_000)


async def test_an_order_lets_a_neighbour_on(environment: EnvironmentModels) -> None:
    order = model_order(ModelOrderField.RUNTIME, Direction.DESC)
    page = PageArguments(first=3, after=None, last=None, before=None, most=5_000)
    found = []

    async def work() -> None:
        found.append(await cut_in_order(environment.models, order, page))

    # Placing, both sorts, their merges and the checksums; the sorts alone were one stretch.
    assert await turns_of_a_neighbour(work()) >= MODELS // 1_000
    assert [one.runtime for one in found[0].nodes] == [MODELS - 1, MODELS - 2, MODELS - 3]


async def test_ids_are_compared_in_pieces_and_for_a_few_of_a_request_only(environment: EnvironmentModels) -> None:
    class Request:
        asked = 0

        def may_suggest(self) -> bool:
            self.asked += 1
            return self.asked <= 1

    field_context = FieldContext(cast(Loaders, Request()))
    errors = []

    async def work() -> None:
        errors.append(await unknown(field_context, "model", "shop.m0001x", environment.ids))

    assert await turns_of_a_neighbour(work()) >= MODELS // 3_000
    assert await turns_of_a_neighbour(work()) <= 2
    assert errors[0].details["closest"] == closest("shop.m0001x", most_similar("shop.m0001x", environment.ids))
    assert errors[1].message == "No model has the id 'shop.m0001x'. There are 20000."


@pytest.mark.slow
async def test_histories_are_put_together_of_runs_in_pieces() -> None:
    def run_of(number: int, run_id: int) -> ModelRun:
        ended = datetime(2026, 3, run_id, tzinfo=UTC)
        plain = (f"model.p.m{number}", f"m{number}", "p", 1, 7, run_id, (), "table", RunStatus.SUCCESS, "success")
        return ModelRun(*plain, 1.5, None, None, None, None, None, ended)

    read = [RunModels(tuple(run_of(number, run_id) for number in range(4_000)), ingested=True) for run_id in (1, 3, 2)]
    keys = [HistoryKey(1, f"model.p.m{number}") for number in range(4_001)]
    found: dict[HistoryKey, Any] = {}

    async def work() -> None:
        found.update(await _assemble(read, keys, 2, RunsToRead((), None)))

    assert await turns_of_a_neighbour(work()) >= 3 * 4_000 // 3_000 + 4_000 * 5 // 3_000
    assert [run.run_id for run in found[keys[17]]] == [3, 2]
    assert found[keys[4_000]] == ()


@pytest.mark.slow
async def test_aliased_rankings_look_at_the_models_once_for_all_of_them(
    gateway: Gateway, looked_at: Callable[[], int]
) -> None:
    ranking = "slowestModels(first: 3, filter: { minRuntime: 0.001 }) { rank runtime model { id } }"
    alone = (await gateway.data("{ account { models { totalCount } " + ranking + " } }"))["account"]
    assert looked_at() == alone["models"]["totalCount"]
    many = await gateway.data("{ account { " + " ".join(f"a{n}: {ranking}" for n in range(20)) + " } }")
    assert looked_at() == alone["models"]["totalCount"]
    assert list(many["account"].values()) == [alone["slowestModels"]] * 20


@pytest.mark.slow
async def test_the_sixth_misspelt_id_of_a_request_is_not_compared(gateway: Gateway) -> None:
    query = "{ " + " ".join(f'a{n}: model(id: "marketing.rpt_ltvv{n}") {{ id }}' for n in range(8)) + " }"
    reply = await gateway.ask(query)
    assert len(reply.errors) == 8
    assert sum("Did you mean" in error["message"] for error in reply.errors) == 5

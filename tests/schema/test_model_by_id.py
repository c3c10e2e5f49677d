"""A model that is asked for by its id is read alone, and its id means what it means among all models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.account import Size, write_account
from gateway.settings import Settings
from tests.conftest import stored
from tests.figures.small_archive import DAY, Command, Did, SmallArchive
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway, serving

PROJECTS = {"projects": 1, "environments": 1, "EnvironmentHeaders": 1}
ONE = "query ($id: ID!) { model(id: $id) { id uniqueId } }"
REFERENCES = "query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Model { id tags } } }"


def rows_read(gateway: Gateway) -> list[str]:
    """Notes the unique id of every row of models that dbt answers with from now on."""
    rows: list[str] = []

    def note(call: Call, answer: Any) -> Any:
        if call.operation == "EnvironmentModels":
            places = (place for place in answer["data"].values() if place["applied"])
            rows.extend(edge["node"]["uniqueId"] for one in places for edge in one["applied"]["models"]["edges"])
        return answer

    gateway.upstream.rewrite = note
    return rows


def filters(gateway: Gateway) -> list[Any]:
    """The filters of the documents of models, in order."""
    calls = [call for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    return [value for call in calls for name, value in call.variables.items() if name.startswith("filter")]


@pytest.fixture(scope="module")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three projects of two pages of models each."""
    folder = tmp_path_factory.mktemp("large") / "account"
    write_account(folder, Size(environments=3, models=520, runs=2))
    return folder


@pytest.fixture(scope="module")
def large_store(large_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(large_folder, tmp_path_factory.mktemp("large-store"))


@pytest.fixture(scope="module")
def large_ids(large_folder: Path) -> list[tuple[str, str]]:
    """Id and unique id of every model of the first project."""
    oracle = Oracle(large_folder)
    first = sorted(oracle.production, key=lambda project: project.id)[0]
    return [(model.id, model.unique_id) for model in first.models]


@pytest.fixture
async def large(large_store: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=large_store)) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("spelling", [0, 1], ids=["id", "unique id"])
async def test_one_model_of_a_large_account_is_one_row_of_one_document(
    large: Gateway, large_ids: list[tuple[str, str]], spelling: int
) -> None:
    rows = rows_read(large)
    asked = large_ids[300][spelling]
    assert await large.count(ONE, id=asked) == {**PROJECTS, "EnvironmentModels": 1}
    assert rows == [large_ids[300][1]]
    assert filters(large) == [{"uniqueIds": [large_ids[300][1]]}]
    assert await large.count(ONE, id=asked) == {}
    assert (await large.data(ONE, id=asked))["model"] == {"id": large_ids[300][0], "uniqueId": large_ids[300][1]}


async def test_many_models_of_a_project_are_one_document_of_as_many_rows(
    large: Gateway, large_ids: list[tuple[str, str]]
) -> None:
    rows = rows_read(large)
    fields = " ".join(f'm{n}: model(id: "{one}") {{ id tags }}' for n, (one, _) in enumerate(large_ids[:10]))
    assert await large.count(f"{{ {fields} }}") == {**PROJECTS, "EnvironmentModels": 1}
    assert sorted(rows) == sorted(unique_id for _, unique_id in large_ids[:10])


def references(ids: Iterable[str]) -> list[dict[str, str]]:
    return [{"__typename": "Model", "id": one} for one in ids]


@pytest.mark.slow
async def test_references_to_models_are_read_by_name_as_long_as_one_filter_holds_them(
    large: Gateway, large_ids: list[tuple[str, str]]
) -> None:
    rows = rows_read(large)
    ids = [model_id for model_id, _ in large_ids]
    assert await large.count(REFERENCES, refs=references(ids[:100])) == {**PROJECTS, "EnvironmentModels": 1}
    assert len(rows) == 100
    assert await large.count(REFERENCES, refs=references(ids)) == {"EnvironmentModels": 2}, "two pages, of all models"
    assert len(rows) == 100 + 520
    assert await large.count(ONE, id=ids[-1]) == {}, "what is known as a whole is not read by name"


@pytest.mark.slow
async def test_unknown_references_cost_one_document_and_no_more_models(
    large: Gateway, large_ids: list[tuple[str, str]]
) -> None:
    rows = rows_read(large)
    refs = references([f"{large_ids[0][0]}x{n}" for n in range(50)])
    reply = await large.ask(REFERENCES, refs=refs)
    assert set(reply.codes.values()) == {"NOT_FOUND"}
    assert len(reply.codes) == 50
    # None of them was a model once: their histories, as those of a model of the package of each project, are one more.
    assert large.upstream.operations == {**PROJECTS, "EnvironmentModels": 1, "ModelHistories": 1}
    assert rows == []


@pytest.mark.parametrize(
    "beside",
    [
        "account { models(first: 3) { nodes { id } } }",
        "account { slowestModels { model { id } } }",
        'project(id: "marketing") { modelCount }',
    ],
)
async def test_what_needs_all_models_reads_them_and_no_model_a_second_time(gateway: Gateway, beside: str) -> None:
    query = f'{{ {beside} model(id: "marketing.rpt_ltv") {{ id }} }}'
    assert await gateway.count(query) == {**PROJECTS, "EnvironmentModels": 1}


@pytest.mark.slow
async def test_every_model_of_the_demo_is_found_by_each_of_its_names(gateway: Gateway, oracle: Oracle) -> None:
    several = {"model.common.dim_dates"}
    spelled = [(one, model) for model in oracle.models for one in sorted({model.id, model.unique_id} - several)]
    rows = rows_read(gateway)
    for some in (spelled[start : start + 10] for start in range(0, len(spelled), 10)):
        fields = " ".join(f'm{n}: model(id: "{one}") {{ id uniqueId runtime }}' for n, (one, _) in enumerate(some))
        data = await gateway.data(f"{{ {fields} }}")
        assert data == {
            f"m{n}": {"id": one.id, "uniqueId": one.unique_id, "runtime": one.runtime}
            for n, (_, one) in enumerate(some)
        }
    assert sorted(rows) == sorted(model.unique_id for model in oracle.models), "each is read once"


@pytest.mark.slow
async def test_an_unknown_id_reads_all_ids_and_the_history_of_a_model_that_may_be_gone(gateway: Gateway) -> None:
    reply = await gateway.ask(ONE, id="finance.rpt_ar_agin")
    assert reply.codes == {"model": "NOT_FOUND"}
    assert "Did you mean finance.rpt_ar_aging" in reply.errors[0]["message"]
    assert gateway.upstream.operations == {**PROJECTS, "EnvironmentModels": 2, "ModelHistories": 1}
    assert (await gateway.ask(ONE, id="finance.rpt_ar_agin")).errors == reply.errors
    assert gateway.upstream.operations == {**PROJECTS, "EnvironmentModels": 2, "ModelHistories": 1}


@pytest.mark.parametrize("model_id", ["finance." + "x" * 5_000, "finance.", "model.finance." + "y" * 301])
async def test_what_can_be_no_name_is_not_sent_to_dbt(gateway: Gateway, model_id: str) -> None:
    reply = await gateway.ask(ONE, id=model_id)
    assert reply.codes == {"model": "NOT_FOUND"}
    assert filters(gateway) == []


@pytest.mark.slow
async def test_a_package_that_dbt_does_not_list_hides_no_model(gateway: Gateway) -> None:
    def without_packages(call: Call, answer: Any) -> Any:
        if call.operation == "EnvironmentHeaders":
            for place in answer["data"].values():
                if place["applied"]:
                    place["applied"]["packages"] = []
        return answer

    gateway.upstream.rewrite = without_packages
    assert (await gateway.data(ONE, id="finance.dim_dates"))["model"]["uniqueId"] == "model.common.dim_dates"
    assert (await gateway.data(ONE, id="finance.rpt_ar_aging"))["model"]["id"] == "finance.rpt_ar_aging"


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Gateway]:
    """Two projects called shop, in environments of their own: both hold `m`, the second `only` as well. In the first
    two packages hold `dates`."""
    small = SmallArchive(tmp_path / "runs").account({1: {}, 2: {"environment_id": 21, "project_id": 2}})
    place = small.folder / "account.json"
    account = json.loads(place.read_text())
    account["projects"].append({"id": 2, "name": "Outlet"})
    second = {"id": 21, "project_id": 2, "name": "e21", "type": "deployment", "deployment_type": "production"}
    account["environments"].append(second)
    place.write_text(json.dumps(account))
    homonyms = [Did("dates"), Did("dates", package="common")]
    small.run(101, 1, DAY, Command([Did("m", seconds=1.0), *homonyms]))
    small.run(102, 2, DAY, Command([Did("m", seconds=2.0), Did("only")]), environment_id=21, project_id=2)
    async with serving(Settings(store_url=stored(small.folder, tmp_path))) as opened:
        yield opened


@pytest.mark.parametrize("asked", ["shop.m", "model.shop.m", "shop.shop.m"])
async def test_an_id_of_two_projects_of_one_name_is_reported_with_ids_that_tell_them_apart(
    twins: Gateway, asked: str
) -> None:
    reply = await twins.ask(ONE, id=asked)
    assert reply.codes == {"model": "AMBIGUOUS_ID"}
    assert reply.errors[0]["extensions"]["candidates"] == ["shop@11.m", "shop@21.m"]
    assert "shop@11.m, shop@21.m" in reply.errors[0]["message"]
    assert twins.upstream.operations == {**PROJECTS, "EnvironmentModels": 1}

    query = "query ($id: ID!) { model(id: $id) { id runtime project { name } } }"
    answers = [(await twins.data(query, id=one))["model"] for one in ("shop@11.m", "shop@21.m")]
    assert answers == [
        {"id": "shop@11.m", "runtime": 1.0, "project": {"name": "Shop"}},
        {"id": "shop@21.m", "runtime": 2.0, "project": {"name": "Outlet"}},
    ]


@pytest.mark.parametrize("asked", ["shop.only", "model.shop.only", "shop@21.only", "shop@21.shop.only"])
async def test_an_id_that_one_of_two_projects_of_a_name_holds_is_found(twins: Gateway, asked: str) -> None:
    assert (await twins.data(ONE, id=asked))["model"] == {"id": "shop@21.only", "uniqueId": "model.shop.only"}


@pytest.mark.slow
async def test_a_mistake_is_answered_with_ids_of_both_projects_of_the_name(twins: Gateway) -> None:
    reply = await twins.ask(ONE, id="shop.mm")
    assert reply.codes == {"model": "NOT_FOUND"}
    assert {"shop@11.m", "shop@21.m"} <= set(reply.errors[0]["extensions"]["closest"])


@pytest.mark.slow
async def test_models_of_one_name_in_two_packages_are_told_apart_by_what_is_read_of_them(twins: Gateway) -> None:
    rows = rows_read(twins)
    reply = await twins.ask(ONE, id="shop@11.dates")
    assert reply.codes == {"model": "AMBIGUOUS_ID"}
    assert reply.errors[0]["extensions"]["candidates"] == ["shop@11.common.dates", "shop@11.shop.dates"]
    assert sorted(rows) == ["model.common.dates", "model.shop.dates"]
    found = [(await twins.data(ONE, id=one))["model"]["id"] for one in ("model.common.dates", "shop@11.shop.dates")]
    assert found == ["shop@11.common.dates", "shop@11.shop.dates"]

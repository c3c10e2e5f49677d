"""Model ids: made once, each naming one model, and refused with candidates when they name several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AmbiguousId, NotFound
from gateway.hierarchy.ids.model_ids import model_ids, names_meant
from gateway.hierarchy.lists.model_index import EnvironmentModels, Unknown, closest, find_named, most_similar, not_found
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.vocabulary.unique_ids import local_name

NAMES = st.sampled_from(["orders", "orders.v1", "orders.v2", "dates", "Orders"])
UNIQUE_IDS = st.sets(st.builds("model.{}.{}".format, st.sampled_from(["shop", "common", "orders"]), NAMES), max_size=10)


def model(project_id: str, model_id: str, unique_id: str) -> Model:
    _, package, name = unique_id.split(".", 2)
    return Model(
        id=model_id,
        unique_id=unique_id,
        name=name,
        package_name=package,
        project_id=project_id,
        environment_id=1,
        tags=(),
        materialization=None,
        runtime=None,
        start_time=None,
        end_time=None,
        last_success_run_id=None,
        last_success_job_id=None,
        last_run=None,
    )


def environment(project_id: str, unique_ids: set[str]) -> EnvironmentModels:
    ids = model_ids(project_id, unique_ids)
    return EnvironmentModels(project_id, 1, [model(project_id, ids[one], one) for one in sorted(unique_ids)])


def resolve_model(given_id: str, searched: list[EnvironmentModels]) -> Model:
    found = find_named(given_id, searched)
    if found is None:
        known = [one for place in searched for one in place.ids]
        raise not_found(Unknown("model", given_id), known, closest(given_id, most_similar(given_id, known)), {})
    return found


@pytest.mark.slow
@given(UNIQUE_IDS)
def test_every_model_has_an_id_of_its_own_that_names_it(unique_ids: set[str]) -> None:
    shop = environment("shop", unique_ids)
    ids = [one.id for one in shop.models]
    assert len(set(ids)) == len(unique_ids)
    for one in shop.models:
        assert resolve_model(one.id, [shop]) is one
        assert resolve_model(one.unique_id, [shop]) is one
        assert one.id.startswith("shop.")


@pytest.mark.slow
@given(UNIQUE_IDS, UNIQUE_IDS)
def test_an_id_names_one_model_or_lists_ids_that_do(shop_ids: set[str], other_ids: set[str]) -> None:
    searched = [environment("shop", shop_ids), environment("other", other_ids)]
    for given_id in {*shop_ids, *other_ids, "shop.orders", "other.dates", "shop.common.dates"}:
        try:
            resolve_model(given_id, searched)
        except AmbiguousId as several:
            candidates = several.details["candidates"]
            assert len(candidates) > 1
            for candidate in candidates:
                assert resolve_model(candidate, searched).id == candidate
        except NotFound:
            known = [*shop_ids, *other_ids, *(one.id for place in searched for one in place.models)]
            assert given_id not in known


@pytest.mark.slow
@given(UNIQUE_IDS, st.sampled_from(["shop", "shop@7", "orders", "model"]), st.data())
def test_an_id_means_among_models_of_its_names_what_it_means_among_all(
    unique_ids: set[str], project_id: str, data: st.DataObject
) -> None:
    everything = environment(project_id, unique_ids)
    texts = [
        *unique_ids,
        *everything.ids,
        "shop.orders",
        "shop.common.dates",
        "orders.orders.v1",
        "model.shop",
        "shop.",
    ]
    given_id = data.draw(st.sampled_from(texts))
    names = names_meant(given_id, project_id)
    some = environment(project_id, {one for one in unique_ids if local_name(one) in names})
    assert [one.id for one in some.named(given_id)] == [one.id for one in everything.named(given_id)]


def test_two_packages_with_one_name_take_the_package_into_the_id() -> None:
    shop = environment("shop", {"model.shop.dates", "model.common.dates", "model.shop.orders"})
    assert [one.id for one in shop.models] == ["shop.common.dates", "shop.shop.dates", "shop.orders"]
    with pytest.raises(AmbiguousId) as several:
        resolve_model("shop.dates", [shop])
    assert several.value.details["candidates"] == ["shop.common.dates", "shop.shop.dates"]
    assert several.value.details["uniqueIds"] == ["model.common.dates", "model.shop.dates"]


def test_versions_stay_apart() -> None:
    shop = environment("shop", {"model.shop.orders.v1", "model.shop.orders.v2"})
    assert [one.id for one in shop.models] == ["shop.orders.v1", "shop.orders.v2"]
    with pytest.raises(NotFound, match=r"shop\.orders\.v1"):
        resolve_model("shop.orders", [shop])


def test_case_counts() -> None:
    with pytest.raises(NotFound):
        resolve_model("Shop.Orders", [environment("shop", {"model.shop.orders"})])


def test_an_unknown_id_says_what_there_is() -> None:
    with pytest.raises(NotFound, match="no model here at all"):
        resolve_model("shop.orders", [environment("shop", set())])
    with pytest.raises(NotFound, match=r"Did you mean shop\.orders") as missing:
        resolve_model("shop.ordres", [environment("shop", {"model.shop.orders", "model.shop.dates"})])
    assert missing.value.details["closest"][0] == "shop.orders"

"""docs/federation.md: its examples compose, run and answer as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.schema.build import FEDERATION_VERSION
from tests.federation.conftest import ROOT, Router
from tests.federation.programs import HERE, compose
from tests.oracle.account import Oracle
from tests.serving import Gateway

pytestmark = pytest.mark.external

PAGE = (ROOT / "docs/federation.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("composer", ["apollo", "guild"])
def test_the_example_of_another_team_composes(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    sdl, _ = blocks("graphql")
    subgraphs = {("dbt", "http://dbt.example/"): gateway_sdl, ("ownership", "http://ownership.example/"): sdl}
    assert compose(composer, tmp_path, subgraphs).errors == []


def test_the_resolvers_are_those_of_the_program_that_runs() -> None:
    (resolvers,) = blocks("python")
    assert resolvers in (HERE / "ownership.py").read_text("utf-8")


@pytest.mark.slow
def test_the_query_is_answered_by_a_router(router: Router) -> None:
    _, query = blocks("graphql")
    data = router.data(query)
    assert len(data["account"]["slowestModels"]) == 3
    costs = [model["costPerMonth"] for model in data["mostExpensive"]]
    assert costs == sorted(router.costs.values(), reverse=True)[:3]


async def test_the_ids_in_the_table_are_ids(warm_gateway: Gateway, oracle: Oracle) -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (`[^|]+`) \|$", PAGE, re.MULTILINE)
    assert [kind for kind, _ in rows] == ["Account", "Project", "Model", "Job", "Run"]
    examples = [(kind, key) for kind, keys in rows for key in re.findall(r"`(\S+?)`", keys)]
    query = "query ($all: [_Any!]!) { _entities(representations: $all) { __typename } }"
    data = await warm_gateway.data(query, all=[{"__typename": kind, "id": key} for kind, key in examples])
    assert data["_entities"] == [{"__typename": kind} for kind, _ in examples]


def test_the_version_is_the_one_of_the_schema() -> None:
    assert f"**Version {FEDERATION_VERSION}**" in PAGE
    assert f"federation_version: ={FEDERATION_VERSION}.0" in PAGE
    assert f"federation/v{FEDERATION_VERSION}" in blocks("graphql")[0]

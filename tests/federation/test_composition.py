"""The subgraph composes with another team's in two independent composers, for the reasons the documentation names."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLObjectType, build_schema

from tests.federation.programs import Composition, compose
from tests.serving import Gateway

COMPOSERS = ("apollo", "guild")
DBT = ("dbt", "http://dbt.example/graphql")
OTHER = ("ownership", "http://ownership.example/graphql")

PAGE = "hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String"

ENTITIES = ("Account", "Project", "Model", "Job", "Run")

# As short as another team may write it.
EXTENDING = f"""
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
type Query {{ page: PageInfo! }}
extend type Model @key(fields: "id") {{ id: ID! costPerMonth: Float }}
extend type Job @key(fields: "id") {{ id: ID! onCall: String }}
type PageInfo @shareable {{ {PAGE} }}
"""
EXTENDING_ALL = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
""" + "\n".join(f'extend type {kind} @key(fields: "id") {{ id: ID! of{kind}: String }}' for kind in ENTITIES)

pytestmark = [pytest.mark.external, pytest.mark.usefixtures("packages")]


@pytest.fixture(params=COMPOSERS)
def composer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_the_gateway_gives_its_router_the_committed_schema(warm_gateway: Gateway, gateway_sdl: str) -> None:
    data = await warm_gateway.data("{ _service { sdl } }")
    assert data["_service"]["sdl"].strip() == gateway_sdl.strip()


@pytest.mark.slow
def test_the_subgraph_composes_alone(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    composed(compose(composer, tmp_path, {DBT: gateway_sdl}))


@pytest.mark.slow
def test_it_composes_with_a_subgraph_that_extends_model_and_job_and_has_its_own_pages(
    composer: str, gateway_sdl: str, ownership_sdl: str, tmp_path: Path
) -> None:
    supergraph = composed(compose(composer, tmp_path, {DBT: gateway_sdl, OTHER: ownership_sdl}))
    for other in ("mostExpensive", "jobsOnCall", "account"):
        assert other in fields(supergraph, "Query")
    assert fields(supergraph, "Query").isdisjoint({"_entities", "_service", "node"})
    assert {"costPerMonth", "runtime", "jobs"} <= fields(supergraph, "Model")
    assert {"onCall", "lastRun", "models"} <= fields(supergraph, "Job")
    assert fields(supergraph, "PageInfo") == {"hasNextPage", "hasPreviousPage", "startCursor", "endCursor"}


@pytest.mark.slow
def test_it_composes_with_a_subgraph_that_writes_extend(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    supergraph = composed(compose(composer, tmp_path, {DBT: gateway_sdl, OTHER: EXTENDING}))
    assert "costPerMonth" in fields(supergraph, "Model")
    assert "onCall" in fields(supergraph, "Job")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param("hasNextPage: Boolean!", id="fewer"),
        pytest.param(f"{PAGE} pageCount: Int", id="more", marks=pytest.mark.nightly),
    ],
)
def test_pages_of_other_fields_than_relays_would_not_compose(
    composer: str, page: str, gateway_sdl: str, tmp_path: Path
) -> None:
    theirs = EXTENDING.replace(PAGE, page)
    assert theirs != EXTENDING
    assert compose(composer, tmp_path, {DBT: gateway_sdl, OTHER: theirs}).codes == {"SATISFIABILITY_ERROR"}


@pytest.mark.slow
def test_every_entity_can_be_extended_by_its_id(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    supergraph = composed(compose(composer, tmp_path, {DBT: gateway_sdl, OTHER: EXTENDING_ALL}))
    for kind in ENTITIES:
        assert {"id", f"of{kind}"} < fields(supergraph, kind)


def test_a_page_that_were_not_shareable_would_not_compose(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    unshared = gateway_sdl.replace("type PageInfo @shareable", "type PageInfo")
    assert unshared != gateway_sdl
    assert compose(composer, tmp_path, {DBT: unshared, OTHER: EXTENDING}).codes == {"INVALID_FIELD_SHARING"}


def test_a_field_that_dbt_answers_cannot_be_answered_by_another_team(
    composer: str, gateway_sdl: str, tmp_path: Path
) -> None:
    claiming = EXTENDING.replace("costPerMonth: Float", "runtime: Float")
    assert compose(composer, tmp_path, {DBT: gateway_sdl, OTHER: claiming}).codes == {"INVALID_FIELD_SHARING"}


@pytest.mark.slow
def test_an_entity_without_its_key_would_not_compose(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    keyless = gateway_sdl.replace('type Model implements Resource @key(fields: "id")', "type Model implements Resource")
    assert keyless != gateway_sdl
    result = compose(composer, tmp_path, {DBT: keyless, OTHER: EXTENDING})
    assert result.supergraph is None


@pytest.mark.slow
def test_a_newer_version_would_shut_one_composer_out(gateway_sdl: str, tmp_path: Path) -> None:
    """Why the subgraph says 2.9. When this fails, the documentation and the version may move."""
    newer = gateway_sdl.replace("federation/v2.9", "federation/v2.10")
    composed(compose("apollo", tmp_path, {DBT: newer}))
    assert compose("guild", tmp_path, {DBT: newer}).codes == {"UNKNOWN_FEDERATION_LINK_VERSION"}


def composed(result: Composition) -> str:
    assert result.errors == []
    assert result.supergraph
    return result.supergraph


def fields(supergraph: str, type_name: str) -> set[str]:
    found = build_schema(supergraph, assume_valid_sdl=True).type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return set(found.fields)

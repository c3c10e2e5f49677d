"""The schema that tells routers what belongs to callers."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import build_schema

from gateway.cli import run
from gateway.cli.options import build_parser
from gateway.schema.roots.authenticated import OF_CALLERS, with_authentication
from gateway.settings import Settings
from tests.federation.programs import compose
from tests.serving import serving

pytestmark = pytest.mark.external

DBT = ("dbt", "http://dbt.example/graphql")


def test_every_entity_is_marked_and_nothing_else_is_changed(gateway_sdl: str) -> None:
    before = build_schema(gateway_sdl, assume_valid_sdl=True)
    after = build_schema(with_authentication(gateway_sdl), assume_valid_sdl=True)
    marked = set()
    for name, kind in after.type_map.items():
        node = kind.ast_node
        directives = [one.name.value for one in node.directives or ()] if node else []
        if "authenticated" in directives:
            marked.add(name)
        assert kind.description == before.type_map[name].description
        assert getattr(kind, "fields", {}).keys() == getattr(before.type_map[name], "fields", {}).keys()
    entities = {name for name, kind in before.type_map.items() if "@key" in _directives(kind.ast_node)}
    assert marked == entities == OF_CALLERS


def _directives(node: object) -> list[str]:
    return [f"@{one.name.value}" for one in getattr(node, "directives", None) or ()]


async def test_a_router_is_given_it_where_it_was_asked_for(
    settings: Settings, gateway_sdl: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = with_authentication(gateway_sdl)
    async with serving(settings.model_copy(update={"authenticated_schema": True})) as gateway:
        assert (await gateway.data("{ _service { sdl } }"))["_service"]["sdl"] == expected
    assert run(build_parser().parse_args(["schema", "--authenticated"])) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.slow
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("composer", ["apollo", "guild"])
def test_it_composes_and_the_supergraph_says_it_too(composer: str, gateway_sdl: str, tmp_path: Path) -> None:
    composition = compose(composer, tmp_path, {DBT: with_authentication(gateway_sdl)})
    assert composition.supergraph, composition.errors
    assert "https://specs.apollo.dev/authenticated/v0.1" in composition.supergraph
    assert composition.supergraph.count("@authenticated") >= len(OF_CALLERS)

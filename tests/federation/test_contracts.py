"""Contracts: variants of a supergraph without code, people or money, for readers who are not to see them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, build_schema

from tests.federation.programs import HERE, compose
from tests.federation.test_composition import DBT, OTHER, composed
from tests.node import node

TAGGED = {
    "code": {"ModelCode", "Model.rawCode", "Model.compiledCode", "Model.codeInRun"},
    "people": {"Owner", "Model.owner", "Exposure.owner", "ModelFilter.owners"},
    "costs": {"CostEstimate", "WastedBuilds.costPerDay", "WeightedSeconds.cost"},
}
FILE = HERE.parents[1] / "docs/federation.md"


def coordinates(schema: GraphQLSchema) -> set[str]:
    """The types of a schema and their fields."""
    kinds = (GraphQLObjectType, GraphQLInputObjectType)
    types = [kind for name, kind in schema.type_map.items() if isinstance(kind, kinds) and not name.startswith("__")]
    return {kind.name for kind in types} | {f"{kind.name}.{name}" for kind in types for name in kind.fields}


def tags_in(sdl: str) -> dict[str, set[str]]:
    """The coordinates of each tag, read from the text."""
    tags: dict[str, set[str]] = {}
    parent = name = ""
    for line in re.sub(r'"""(?s:.*?)"""', "", sdl).splitlines():
        if opened := re.match(r"(?:type|input|enum|interface) (\w+)", line):
            parent, name = opened[1], ""
        elif named := re.match(r"  (\w+)[:(]", line):
            name = named[1]
        for tag in re.findall(r'@tag\(name: "(\w+)"\)', line):
            tags.setdefault(tag, set()).add(f"{parent}.{name}" if name else parent)
    return tags


def test_the_schema_has_the_tags_that_the_page_lists(gateway_sdl: str) -> None:
    assert tags_in(gateway_sdl) == TAGGED
    page = FILE.read_text("utf-8")
    for tag, tagged in TAGGED.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{tag}` |"))
        assert {name for name in tagged if "." in name} <= set(re.findall(r"`([\w.]+)`", row)), tag


@pytest.mark.external
@pytest.mark.slow
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    "tags",
    ["code", "people,costs", *(pytest.param(tags, marks=pytest.mark.nightly) for tags in ("", "code,people,costs"))],
)
def test_a_contract_leaves_out_what_is_tagged_and_nothing_else(
    tags: str, gateway_sdl: str, ownership_sdl: str, tmp_path: Path
) -> None:
    arguments = []
    for (name, address), sdl in {DBT: gateway_sdl, OTHER: ownership_sdl}.items():
        path = tmp_path / f"{name}.graphql"
        path.write_text(sdl, "utf-8")
        arguments += [name, address, str(path)]
    command = [str(node()), str(HERE / "contract.mjs"), tags, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    contract = json.loads(done.stdout)
    assert contract["errors"] == []
    whole = build_schema(composed(compose("guild", tmp_path, {DBT: gateway_sdl, OTHER: ownership_sdl})), True)
    everything = {name for name in coordinates(whole) if not name.startswith("join__")}
    gone = {name for tag in tags.split(",") if tag for name in TAGGED[tag]}
    gone |= {name for name in everything if name.partition(".")[0] in gone}
    assert coordinates(build_schema(contract["public"], assume_valid_sdl=True)) == everything - gone
    # The supergraph still has them, for the router, which refuses them to clients.
    assert contract["supergraph"].count("@inaccessible") >= bool(tags)


@pytest.mark.external
@pytest.mark.slow
@pytest.mark.usefixtures("packages")
def test_tags_stand_in_the_supergraph_for_managed_contracts(gateway_sdl: str, tmp_path: Path) -> None:
    supergraph = composed(compose("apollo", tmp_path, {DBT: gateway_sdl}))
    assert {tag: len(names) for tag, names in tags_in(supergraph).items()} == {
        tag: len(names) for tag, names in TAGGED.items()
    }

"""What projects define and what stands around models, against the manifests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.oracle.account import Oracle, Project
from tests.oracle.artifacts import moment
from tests.oracle.resources import Defined, levels, read_manifest
from tests.serving import Gateway, serving

RESOURCES = """query($id: ID!, $filter: ResourceFilter, $first: Int, $after: String) { project(id: $id) {
  resources(filter: $filter, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    nodes { __typename id uniqueId name resourceType project { id } ... on OtherResource { tags } } } } }"""
LINEAGE = """query($id: ID!, $direction: LineageDirection!, $depth: Int!, $types: [ResourceType!]!, $first: Int!) {
  model(id: $id) { lineage(direction: $direction, depth: $depth, resourceTypes: $types, first: $first) {
    leftOut resources { level resource { id uniqueId } } links { parentId childId indirect } } } }"""
CLASSES = {name: name.capitalize() for name in ("MODEL", "SOURCE", "SEED", "SNAPSHOT", "EXPOSURE")}
USUAL = [*CLASSES]


@pytest.fixture(scope="module")
def defined(demo_folder: Path, oracle: Oracle) -> Mapping[str, dict[str, Defined]]:
    """What each project in production defines."""
    newest = {project.newest.generated_at: project for project in oracle.production}
    found = {}
    for path in demo_folder.glob("*/*/*/step_*/manifest.json"):
        project = newest.get(moment(json.loads(path.read_bytes())["metadata"]["generated_at"]))
        if project is not None:
            found[project.id] = read_manifest(path)
    assert len(found) == len(oracle.production)
    return found


def id_of(project: Project, unique_id: str) -> str:
    models = {model.unique_id: model.id for model in project.models}
    return models.get(unique_id, f"{project.id}/{unique_id}")


@pytest.mark.slow
async def test_a_project_lists_everything_that_it_defines(
    warm_gateway: Gateway, oracle: Oracle, defined: Mapping[str, dict[str, Defined]]
) -> None:
    kinds: Counter[str] = Counter()
    for project in oracle.production:
        nodes, after = [], None
        while True:
            data = await warm_gateway.data(RESOURCES, id=project.id, first=400, after=after)
            page = data["project"]["resources"]
            nodes += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        expected = []
        for unique_id, one in sorted(defined[project.id].items()):
            kind = CLASSES.get(one.resource_type, "OtherResource")
            told = {"id": id_of(project, unique_id), "uniqueId": unique_id, "name": one.name}
            told |= {"__typename": kind, "resourceType": one.resource_type, "project": {"id": project.id}}
            expected.append(told | ({"tags": list(one.tags)} if kind == "OtherResource" else {}))
        assert nodes == expected
        assert page["totalCount"] == len(expected)
        kinds.update(one["resourceType"] for one in nodes)
    assert {"MODEL", "SOURCE", "SEED", "SNAPSHOT", "EXPOSURE", "DATA_TEST", "MACRO"} <= kinds.keys()


@pytest.mark.parametrize(
    "criteria",
    [
        {"resourceTypes": ["SEED", "EXPOSURE"]},
        {"resourceTypes": []},
        {"nameContains": "ORDER"},
        {"tags": ["daily", "pii"], "resourceTypes": ["MODEL"]},
        {"tags": []},
    ],
)
async def test_resources_are_filtered(
    warm_gateway: Gateway, oracle: Oracle, defined: Mapping[str, dict[str, Defined]], criteria: dict[str, Any]
) -> None:
    for project in oracle.production:
        found = (await warm_gateway.data(RESOURCES, id=project.id, filter=criteria, first=1000))["project"]
        assert [one["uniqueId"] for one in found["resources"]["nodes"]] == [
            unique_id
            for unique_id, one in sorted(defined[project.id].items())
            if one.resource_type in criteria.get("resourceTypes", [one.resource_type])
            and criteria.get("nameContains", "").lower() in one.name.lower()
            and ("tags" not in criteria or set(criteria["tags"]) & set(one.tags))
        ]


@pytest.mark.slow
async def test_groups_that_a_filter_leaves_out_are_not_read(settings: Settings, oracle: Oracle) -> None:
    async with serving(settings) as gateway:
        for types, groups in ((["SEED"], ["Seed"]), (["MACRO"], ["Macro"]), (["UNIT_TEST"], ["Test"]), ([], [])):
            gateway.upstream.calls.clear()
            await gateway.data(RESOURCES, id=oracle.production[0].id, filter={"resourceTypes": types})
            documents = [one.document for one in gateway.upstream.calls if one.operation == "EnvironmentResources"]
            assert len(documents) == len(groups)
            assert all(group in document for group, document in zip(groups, documents, strict=True))


@pytest.mark.parametrize("direction", ["UPSTREAM", "DOWNSTREAM", "BOTH"])
@pytest.mark.parametrize(("depth", "types", "first"), [(1, USUAL, 500), (50, USUAL, 500), (3, ["MODEL"], 4)])
async def test_what_stands_around_every_model(
    warm_gateway: Gateway,
    oracle: Oracle,
    defined: Mapping[str, dict[str, Defined]],
    direction: str,
    depth: int,
    types: list[str],
    first: int,
) -> None:
    for project in oracle.production:
        nodes = {name: one for name, one in defined[project.id].items() if one.resource_type != "MACRO"}
        for model in project.models[::5]:
            above = {} if direction == "DOWNSTREAM" else levels(nodes, model.unique_id, down=False)
            below = {} if direction == "UPSTREAM" else levels(nodes, model.unique_id, down=True)
            around = {**{name: -level for name, level in above.items()}, **below}
            shown = [name for name in around if name == model.unique_id or nodes[name].resource_type in types]
            near = sorted(
                (name for name in shown if abs(around[name]) <= depth),
                key=lambda name: (abs(around[name]), around[name], name),
            )[:first]
            variables = {"direction": direction, "depth": depth, "types": types, "first": first}
            found = (await warm_gateway.data(LINEAGE, id=model.id, **variables))["model"]["lineage"]
            assert [(one["level"], one["resource"]["uniqueId"]) for one in found["resources"]] == [
                (around[name], name) for name in near
            ]
            assert found["leftOut"] == len(shown) - len(near)
            ids = {name: id_of(project, name) for name in near}
            direct = {(ids[p], ids[name]) for name in near for p in nodes[name].parents if p in ids}
            assert {(one["parentId"], one["childId"]) for one in found["links"] if not one["indirect"]} == direct


@pytest.mark.slow
async def test_links_through_what_is_not_listed_are_indirect(
    warm_gateway: Gateway, oracle: Oracle, defined: Mapping[str, dict[str, Defined]]
) -> None:
    seen = 0
    for project in oracle.production:
        nodes = defined[project.id]
        for model in project.models:
            variables = {"direction": "UPSTREAM", "depth": 50, "types": ["SOURCE"], "first": 500}
            found = (await warm_gateway.data(LINEAGE, id=model.id, **variables))["model"]["lineage"]
            sources = {name for name in levels(nodes, model.unique_id, down=False) if name.startswith("source.")}
            assert {one["parentId"] for one in found["links"]} == {f"{project.id}/{name}" for name in sources}
            for one in found["links"]:
                assert one["indirect"] == (one["parentId"].split("/")[1] not in nodes[model.unique_id].parents)
            seen += sum(one["indirect"] for one in found["links"])
    assert seen > 10


@pytest.mark.slow
async def test_a_lineage_costs_one_document_whatever_its_depth(settings: Settings, oracle: Oracle) -> None:
    async with serving(settings) as gateway:
        variables = {"direction": "BOTH", "depth": 50, "types": ["MODEL", "DATA_TEST"], "first": 5}
        await gateway.data(LINEAGE, id=oracle.models[0].id, **{**variables, "types": ["MODEL"]})
        assert gateway.upstream.operations["EnvironmentResources"] == 1
        await gateway.data(LINEAGE, id=oracle.models[0].id, **{**variables, "depth": 1, "types": ["MODEL"]})
        assert gateway.upstream.operations["EnvironmentResources"] == 1
        await gateway.data(LINEAGE, id=oracle.models[0].id, **variables)
        assert gateway.upstream.operations["EnvironmentResources"] == 2


@pytest.mark.parametrize(("name", "value"), [("depth", 0), ("depth", 51), ("first", 0), ("first", 5001)])
async def test_walks_are_bounded(warm_gateway: Gateway, oracle: Oracle, name: str, value: int) -> None:
    variables = {"direction": "BOTH", "depth": 1, "types": USUAL, "first": 5, name: value}
    reply = await warm_gateway.ask(LINEAGE, id=oracle.models[0].id, **variables)
    assert reply.codes == {"model.lineage": "BAD_USER_INPUT"}


async def test_an_empty_part_of_a_name_is_refused(warm_gateway: Gateway, oracle: Oracle) -> None:
    reply = await warm_gateway.ask(RESOURCES, id=oracle.production[0].id, filter={"nameContains": " "})
    assert reply.codes == {"project.resources": "BAD_USER_INPUT"}

"""Equal `__typename` and `id` mean equal fields, through whatever environment and filter an object was come by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_required_argument

from gateway.settings import Settings
from tests.conftest import stored
from tests.generated.demo import read_schema
from tests.identity.canaries import places, write_account
from tests.repetitions import daily_and_nightly
from tests.serving import Gateway, serving

pytestmark = pytest.mark.external

ENTITIES = ("Account", "Project", "Model", "Job", "Run")


def selection(schema: GraphQLSchema, kind: GraphQLObjectType, depth: int) -> str:
    """Every field that needs no argument. What has an id counts as one level, and is named only below the last."""
    parts = ["__typename"]
    if "id" in kind.fields and depth == 0:
        return "{ __typename id }"
    for name, field in kind.fields.items():
        if name.startswith("_") or any(map(is_required_argument, field.args.values())):
            continue
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif isinstance(inner, GraphQLObjectType) and name != "edges":
            parts.append(f"{name} {selection(schema, inner, depth - ('id' in kind.fields))}")
    return "{ " + " ".join(parts) + " }"


def objects(found: Any) -> Iterator[dict[str, Any]]:
    """Everything with an id in an answer."""
    if isinstance(found, list):
        for one in found:
            yield from objects(one)
    elif isinstance(found, dict):
        if "id" in found and "__typename" in found:
            yield found
        for one in found.values():
            yield from objects(one)


def said(value: Any) -> Any:
    """What a field says: an object with an id is a reference, as in a client's cache."""
    if isinstance(value, list):
        return [said(one) for one in value]
    if isinstance(value, dict):
        if "id" in value:
            return (value["__typename"], value["id"])
        return {name: said(one) for name, one in value.items()}
    return value


class Cache:
    """What a client keeps: the fields of each object by type and id. Refuses another value for a field it knows."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, found: Any, where: str) -> None:
        for one in objects(found):
            fields = self.known.setdefault((one["__typename"], one["id"]), {})
            for name, value in one.items():
                told = said(value)
                assert fields.setdefault(name, told) == told, f"{one['__typename']} {one['id']}: {name} in {where}"

    def ids(self, kind: str) -> list[str]:
        return [one for typename, one in self.known if typename == kind]


@asynccontextmanager
async def over(store: str) -> AsyncIterator[Gateway]:
    async with serving(
        Settings(store_url=store, limits="measure", query_cost_mode="measure", query_tokens=10_000)
    ) as opened:
        yield opened


async def fill(gateway: Gateway, cache: Cache, views: list[str], every: int) -> None:
    """Asks for the account through every view, then by its id alone for everything found: for all by references, for
    one in `every` by its root too."""
    schema = read_schema()

    def of(kind: str, depth: int) -> str:
        named = schema.type_map[kind]
        assert isinstance(named, GraphQLObjectType)
        return selection(schema, named, depth)

    for view in views:
        cache.take(await gateway.data(f"{{ account{view} {of('Account', 2)} }}"), view)
    for kind in ENTITIES:
        ids = cache.ids(kind)
        root = kind.lower()
        for one in ids[::every]:
            data = await gateway.data(f"query($id: ID!) {{ {root}(id: $id) {of(kind, 1)} }}", id=one)
            assert data[root]["id"] == one
            cache.take(data, f"{root}(id)")
        references = [{"__typename": kind, "id": one} for one in ids]
        query = f"query($refs: [_Any!]!) {{ _entities(representations: $refs) {{ ... on {kind} {of(kind, 1)} }} }}"
        answered = (await gateway.data(query, refs=references))["_entities"]
        assert [one["id"] for one in answered] == ids
        cache.take(answered, "_entities")


DEMO_VIEWS = [
    "",
    "(environment: STAGING)",
    '(filter: {projectIds: ["finance"]})',
    '(filter: {projectIds: ["marketing"]})',
    '(environment: STAGING, filter: {projectIds: ["finance"]})',
    '(filter: {projectIds: ["finance"], includeOrExclude: EXCLUDE})',
    '(filter: {models: {tags: ["month_end"]}})',
]


@pytest.mark.slow
@pytest.mark.parametrize("every", daily_and_nightly(25, 1))
async def test_equal_ids_have_equal_fields_over_the_demo(demo_store: str, every: int) -> None:
    cache = Cache()
    async with over(demo_store) as gateway:
        await fill(gateway, cache, DEMO_VIEWS, every)
    assert len(cache.ids("Account")) == len(DEMO_VIEWS)
    assert {one for one in cache.ids("Project") if "finance" in one} == {"finance", "finance@201002"}
    assert {"finance.fct_invoices", "finance@201002.fct_invoices"} <= set(cache.ids("Model"))
    for kind, least in (("Model", 50), ("Run", 80), ("ModelRun", 300), ("Test", 20), ("Source", 10), ("Job", 9)):
        assert len(cache.ids(kind)) >= least, kind


@pytest.mark.slow
async def test_equal_ids_have_equal_fields_where_projects_share_names(tmp_path: Path) -> None:
    """Two environments of one project, two projects of one name: the made-up account of the authorisation tests."""
    write_account(tmp_path / "account", places())
    cache = Cache()
    async with over(stored(tmp_path / "account", tmp_path)) as gateway:
        await fill(gateway, cache, ["", "(environment: STAGING)", '(filter: {projectIds: ["twins"]})'], every=2)
    assert len(cache.ids("Project")) == 6
    assert len(cache.ids("Model")) == 24


VIEWS_OF_A_MODEL = [
    ('model(id: "finance.fct_invoices")', "finance.fct_invoices"),
    ('model(id: "finance.fct_invoices", environment: PRODUCTION)', "finance.fct_invoices"),
    ('model(id: "finance.fct_invoices", environment: null)', "finance.fct_invoices"),
    ('model(id: "finance.fct_invoices", environment: STAGING)', "finance@201002.fct_invoices"),
    ('model(id: "finance@201002.fct_invoices")', "finance@201002.fct_invoices"),
    ('model(id: "finance@201002.fct_invoices", environment: STAGING)', "finance@201002.fct_invoices"),
    ('model(id: "model.finance.fct_invoices", environment: STAGING)', "finance@201002.fct_invoices"),
    ('project(id: "finance")', "finance"),
    ('project(id: "finance", environment: STAGING)', "finance@201002"),
    ('project(id: "finance@201002")', "finance@201002"),
    ('account(id: "70403103900042")', "70403103900042"),
    ('account(id: "70403103900042@staging", environment: STAGING)', "70403103900042@staging"),
    ('account(environment: STAGING, filter: {projectIds: ["finance"]})', "70403103900042@staging?projectIds=finance"),
    ("account(filter: {})", "70403103900042"),
]


@pytest.mark.parametrize(("root", "expected"), VIEWS_OF_A_MODEL)
async def test_a_root_takes_every_form_of_an_id(warm_gateway: Gateway, root: str, expected: str) -> None:
    data = await warm_gateway.data(f"{{ root: {root} {{ id }} }}")
    assert data["root"]["id"] == expected


@pytest.mark.parametrize(
    ("root", "argument"),
    [
        ('model(id: "finance@201002.fct_invoices", environment: PRODUCTION)', "environment"),
        ('project(id: "finance@201002", environment: PRODUCTION)', "environment"),
        ('account(id: "70403103900042@staging", environment: PRODUCTION)', "environment"),
        ('account(id: "70403103900042", filter: {projectIds: ["finance"]})', "filter"),
        ('account(filter: {models: {tags: ["' + "a" * 5_000 + '"]}})', "filter"),
    ],
)
async def test_what_contradicts_an_id_is_refused(warm_gateway: Gateway, root: str, argument: str) -> None:
    reply = await warm_gateway.ask(f"{{ root: {root} {{ id }} }}")
    assert reply.codes == {"root": "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == argument


async def test_staging_is_named_by_either_spelling_in_filters(warm_gateway: Gateway) -> None:
    for spelling in ("finance", "finance@201002"):
        data = await warm_gateway.data(
            "query($id: ID!, $model: ID!) { account(environment: STAGING) { projects(filter: {projectIds: [$id]}) "
            "{ nodes { id } } models(filter: {modelIds: [$model]}) { nodes { id } } } }",
            id=spelling,
            model=f"{spelling}.fct_invoices",
        )
        assert data["account"] == {
            "projects": {"nodes": [{"id": "finance@201002"}]},
            "models": {"nodes": [{"id": "finance@201002.fct_invoices"}]},
        }

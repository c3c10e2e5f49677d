"""The estimated cost of queries: by hand, by an independent reckoning, at the limit, and what is told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    get_named_type,
    is_composite_type,
    parse,
    value_from_ast_untyped,
)
from starlette.applications import Starlette

from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.graphql import EndpointPolicy
from gateway.http.limits.cost import CEILING, Estimator
from gateway.http.limits.cost_model import CostModel, read_cost_model
from gateway.http.limits.query_limits import UNLIMITED, QueryLimits
from gateway.http.operation_cost import CostPolicy, Pricing
from gateway.http.pages.documents import read_documents
from gateway.http.pages.tabs import read_tabs
from gateway.http.request.documents import DocumentLimits, Documents
from gateway.settings import Settings
from tests.generated.demo import demo_values, read_schema
from tests.generated.queries import QueryGenerator
from tests.http.conftest import Readable, SmallExecutor
from tests.http.hostile_documents import COSTLY, lying_variables
from tests.http.raw_http import post, send
from tests.http.steps import Counter
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

ROOT = Path(__file__).parents[2]
SDL = (ROOT / "schema.graphql").read_text("utf-8")
SCHEMA = build_schema(SDL, assume_valid_sdl=True)
OPEN = DocumentLimits(10**9, 10**9, 10**9, UNLIMITED)


@cache
def model_of(sdl: str) -> CostModel:
    return read_cost_model(sdl)


def cost_of(query: str, variables: Mapping[str, Any] | None = None, name: str | None = None, sdl: str = SDL) -> int:
    price = Pricing(CostPolicy(model_of(sdl), most=10**18)).price(Documents(OPEN).read(query), name, variables or {})
    assert price is not None
    return price.cost


WHOLE_HIERARCHY = """{ account { projects { nodes {
    models { nodes { id runs { nodes { runtime } } jobs { nodes { id } } } }
    jobs { nodes { id runs { nodes { id } } } }
    runs { nodes { id } }
} } } }"""

BY_HAND = [
    ("{ __typename }", {}, 0),
    ("{ account { id name } }", {}, 1),
    ("{ a: account { id } b: account { id } }", {}, 2),
    ("{ account { models(first: 7) { nodes { id } } } }", {}, 1 + 1 + 7),
    ("{ account { models(last: 7) { nodes { id project { id } } } } }", {}, 1 + 1 + 7 * 2),
    ("{ account { models(first: 3, last: 7) { nodes { id } } } }", {}, 1 + 1 + 7),
    ("{ account { models { nodes { id } } } }", {}, 1 + 1 + 100),
    ("{ account { models { totalCount pageInfo { hasNextPage } } } }", {}, 1 + 1 + 1),
    ("{ account { models(first: 7) { nodes { id } edges { cursor node { id } } } } }", {}, 1 + 1 + 7 + 7 * 2),
    ("{ account { projects { nodes { id } } } }", {}, 1 + 1 + 25),
    ("{ account { runs { nodes { id } } } }", {}, 1 + 1 + 10),
    ('{ job(id: "1") { runs { nodes { id } } models { nodes { id } } } }', {}, 1 + 1 + 10 + 1 + 100),
    ('{ model(id: "a") { runs { nodes { runId } } jobs { nodes { id } } } }', {}, 1 + 1 + 10 + 1 + 10),
    (WHOLE_HIERARCHY, {}, 1 + 1 + 25 * (1 + 1 + 100 * (1 + 1 + 10 + 1 + 10) + 1 + 100 * (1 + 1 + 10) + 1 + 10)),
    ("{ account { jobs(first: 2) { nodes { runs(first: 3) { nodes { id } } } } } }", {}, 1 + 1 + 2 * (1 + 1 + 3)),
    ("{ account { slowestModels { rank model { id } } } }", {}, 1 + 5 * (1 + 1)),
    ("{ account { slowestModels(first: 20) { rank model { id } } } }", {}, 1 + 20 * (1 + 1)),
    ("{ account { slowestModels(first: 2, filter: {tags: []}) { rank } } }", {}, 1 + 2 * 1 + 1),
    ('{ model(id: "a") { rawCode compiledCode freshness { sources { name } } } }', {}, 1 + 1 + 1 + 5 + 5),
    ('{ run(id: "1") { steps { name } trigger { cause } modelCount } }', {}, 1 + 5 * 2 + 5 + 1),
    ('{ job(id: "1") { runtimes(lastRuns: 9) { runtime } averageRuntime { runtime } } }', {}, 1 + 9 + 5),
    ("{ account { models(first: 7) { ...F } } } fragment F on ModelConnection { nodes { id } }", {}, 9),
    ("{ account { models(first: 7) { ...F ...F } } } fragment F on ModelConnection { nodes { id } }", {}, 2 + 14),
    ("{ account { models(first: 7) { ... { ... on ModelConnection { nodes { id } } } } } }", {}, 9),
    ("{ account { models(first: 7) { nodes @skip(if: true) { id } } } }", {}, 2),
    ("{ account { models(first: 7) { nodes @include(if: false) { id } } } }", {}, 2),
    ("{ account { models(first: 7) { nodes @include(if: true) { id } } } }", {}, 9),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": 7}, 9),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": 7.0}, 9),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {}, 102),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": None}, 102),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": "7"}, 102),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": True}, 102),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": -7}, 102),
    ("query($n: Int) { account { models(first: $n) { nodes { id } } } }", {"n": [1] * 3}, 5),
    ("query($n: Int = 7) { account { models(first: $n) { nodes { id } } } }", {}, 9),
    ("query($n: Int = 7) { account { models(first: $n) { nodes { id } } } }", {"n": 3}, 5),
    ("query($n: Int! = 7) { account { slowestModels(first: $n) { rank } } }", {}, 8),
    ('{ account { slowestModels(first: "x") { rank } } }', {}, 6),
    ("{ account { models(first: 99999999999999999999999) { nodes { id } } } }", {}, 102),
    ("query($f: ModelFilter) { account { slowestModels(first: 2, filter: $f) { rank } } }", {"f": {"tags": []}}, 4),
    ("query($f: ModelFilter) { account { slowestModels(first: 2, filter: $f) { rank } } }", {"f": None}, 3),
    ("query($f: ModelFilter) { account { slowestModels(first: 2, filter: $f) { rank } } }", {"f": "x"}, 3),
    (
        "query($r: [_Any!]!) { _entities(representations: $r) { ... on Model { project { id } } } }",
        {"r": [{"__typename": "Model", "id": "a"}] * 4},
        4 * 2,
    ),
    (
        "query($r: [_Any!]!) { _entities(representations: $r) { ... on Run { id } } }",
        {"r": [{"__typename": "Run", "id": "1"}] * 4 + [{"__typename": "Job", "id": "1"}, {"__typename": 7}, 3, None]},
        8 + 4 * 20,
    ),
    ('{ _entities(representations: [{__typename: "Run", id: "1"}, {__typename: "Model"}]) { __typename } }', {}, 22),
    ("query($r: [_Any!]!) { _entities(representations: $r) { __typename } }", {"r": "x"}, 10),
    ("{ nothing { at { all } } }", {}, 0),
    ("{ account { ...Nothing } }", {}, 1),
]


@pytest.mark.parametrize(("query", "variables", "cost"), BY_HAND)
def test_costs_by_hand(query: str, variables: dict[str, Any], cost: int) -> None:
    assert cost_of(query, variables) == cost


def test_each_operation_has_its_own_price_and_its_own_memory() -> None:
    document = Documents(OPEN).read(
        "query A($n: Int) { account { models(first: $n) { nodes { id } } } } query B { account { id } }"
    )
    pricing = Pricing(CostPolicy(read_cost_model(SDL)))
    for n, cost in ((3, 5), (4, 6), (3, 5), (True, 102), (1, 3), (1.0, 3), (None, 102)):
        price = pricing.price(document, "A", {"n": n})
        assert price is not None
        assert price.cost == cost
    other = pricing.price(document, "B", {"n": 3})
    assert other is not None
    assert other.cost == 1
    for n in range(200):
        price = pricing.price(document, "A", {"n": n})
        assert price is not None
        assert price.cost == 2 + n
    assert sum(len(known) for _, known in document.prices.values()) <= 20


CUSTOM = """
type Query { dear: Int @cost(weight: 5) told(a: Int @cost(weight: 10)): Int kind: Kind object: Dear list: [Plain]
  input(i: Input, l: [Input]): Int some: [Plain] @listSize(assumedSize: 3) }
type Mutation { change: Plain }
enum Kind @cost(weight: 15) { A B }
type Dear @cost(weight: 40) { id: ID inner: Plain }
type Plain { id: ID }
input Input { plain: Int dear: Int @cost(weight: 20) inner: Input }
"""


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{ dear }", {}, 5),
        ("{ told }", {}, 0),
        ("{ told(a: 1) }", {}, 10),
        ("query($a: Int) { told(a: $a) }", {"a": 1}, 10),
        ("query($a: Int) { told(a: $a) }", {}, 0),
        ("{ kind }", {}, 15),
        ("{ object { id inner { id } } }", {}, 41),
        ("{ list { id } }", {}, 10),
        ("{ some { id } }", {}, 3),
        ("{ input(i: {plain: 1}) }", {}, 1),
        ("{ input(i: {plain: 1, dear: 1}) }", {}, 21),
        ("{ input(i: {inner: {inner: {dear: 2}}}) }", {}, 23),
        ("query($i: Input) { input(i: $i) }", {"i": {"inner": {"dear": 1}, "nothing": {"dear": 1}}}, 22),
        ("query($i: Input) { input(i: {inner: $i}) }", {"i": {"dear": 1}}, 22),
        ("mutation { change { id } }", {}, 1),
    ],
)
def test_weights_of_another_schema(query: str, variables: dict[str, Any], cost: int) -> None:
    assert cost_of(query, variables, sdl=CUSTOM) == cost


class Reckoning:
    """The same formula by plain recursion over graphql-core's schema: every spread is followed every time."""

    def __init__(self, document: str, variables: Mapping[str, Any]) -> None:
        self.schema = SCHEMA
        nodes = parse(document).definitions
        self.fragments = {one.name.value: one for one in nodes if isinstance(one, FragmentDefinitionNode)}
        (self.operation,) = (one for one in nodes if isinstance(one, OperationDefinitionNode))
        self.variables = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in self.operation.variable_definitions or ()
            if one.default_value
        } | dict(variables)

    def cost(self) -> int:
        return self.of_selections(self.schema.query_type, self.operation.selection_set, (), None)

    def of_selections(self, kind: Any, selections: Any, sized: Any, length: int | None) -> int:
        cost = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                cost += self.of_field(kind, node, sized, length)
                continue
            inner: Any = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = inner.type_condition
            below = self.schema.type_map[condition.name.value] if condition else kind
            cost += self.of_selections(below, inner.selection_set, sized, length)
        return cost

    def of_field(self, kind: Any, node: FieldNode, sized: Any, given: int | None) -> int:
        if node.name.value == "__typename" or self.is_skipped(node):
            return 0
        field = kind.fields[node.name.value]
        told = {one.name.value: one for one in (field.ast_node and field.ast_node.directives) or ()}
        size = self.arguments(told["listSize"]) if "listSize" in told else {}
        below = get_named_type(field.type)
        weight = self.arguments(told["cost"])["weight"] if "cost" in told else int(is_composite_type(below))
        length = self.length(field, node, size)
        if node.selection_set:
            weight += self.of_selections(below, node.selection_set, size.get("sizedFields") or (), length)
        items: int | None = 1
        if "[" in str(field.type):
            items = given if node.name.value in sized and given is not None else length
            items = 10 if items is None else items
        objects = [
            one
            for one in node.arguments or ()
            if isinstance(get_named_type(field.args[one.name.value].type), GraphQLInputObjectType)
        ]
        assert items is not None
        keys = self.value((node.arguments or ())[0].value) if node.name.value == "_entities" else ()
        runs = sum(key["__typename"] == "Run" for key in keys)
        return items * weight + 20 * runs + sum(input_objects(self.value(one.value)) for one in objects)

    def length(self, field: Any, node: FieldNode, size: Mapping[str, Any]) -> int | None:
        if node.name.value == "_entities":
            return len(self.value((node.arguments or ())[0].value))
        found = {name: field.args[name].default for name in size.get("slicingArguments") or ()}
        lengths = {name: int(one.literal.value) for name, one in found.items() if one is not None}
        for one in node.arguments or ():
            if one.name.value in found and isinstance(self.value(one.value), int):
                lengths[one.name.value] = self.value(one.value)
        return max(lengths.values(), default=size.get("assumedSize"))

    def value(self, node: Any) -> Any:
        return value_from_ast_untyped(node, self.variables)

    def is_skipped(self, node: FieldNode) -> bool:
        return any(
            "$" not in str(one.loc and one.loc.source.body[one.loc.start : one.loc.end])
            and self.arguments(one)["if"] is (one.name.value == "skip")
            for one in node.directives or ()
        )

    @staticmethod
    def arguments(directive: Any) -> dict[str, Any]:
        return {one.name.value: value_from_ast_untyped(one.value) for one in directive.arguments}


def input_objects(value: Any) -> int:
    """How many input objects a value holds, itself among them: each costs 1."""
    return 1 + sum(input_objects(field) for field in value.values()) if isinstance(value, dict) else 0


@pytest.mark.slow
def test_costs_of_generated_queries_are_those_of_plain_recursion(oracle: Oracle) -> None:
    generator = QueryGenerator(11, read_schema(), demo_values(oracle))
    costs = set()
    for _ in range(400):
        query, variables = generator.query()
        cost = cost_of(query, variables)
        assert cost == Reckoning(query, variables).cost(), (query, variables)
        costs.add(cost)
    assert len(costs) > 50


@pytest.mark.parametrize("kind", ["Resource", "Source"])
def test_what_is_selected_on_an_interface_costs_as_on_its_types(kind: str) -> None:
    inner = "project { resources { totalCount } }"
    query = f'{{ project(id: "a") {{ resources(first: 2) {{ nodes {{ ... on {kind} {{ {inner} }} }} }} }} }}'
    # The project and its resources at 5; two nodes, each with a project that has resources again: 6 + 2 * (1 + 6).
    assert cost_of(query) == 20


SMALL_SDL = """
type Query { one(a: Int, b: Int): One }
type One { id: ID! colour: Colour }
enum Colour { RED GREEN BLUE }
"""


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ __typename }", 0),
        ('{ __type(name: "One") { name } }', 1),
        # 3 types here and 13 of every schema, 3 fields in 3 types, 2 arguments of 3 fields: 1 each.
        ("{ __schema { types { name } } }", 1 + 16 * 10),
        ("{ __schema { types { fields { name args { name } } } } }", 1 + 16 * (10 + 10 + 10)),
        ("{ __schema { types { fields { type { name ofType { name } } } } } }", 1 + 16 * (10 + 10 + 1 + 1)),
        ("{ a: __schema { types { name } } b: __schema { types { name } } }", 2 * (1 + 16 * 10)),
        ("{ one { id __typename } }", 1),
    ],
)
def test_introspection_costs_what_it_holds(query: str, cost: int) -> None:
    assert cost_of(query, sdl=SMALL_SDL) == cost


def test_the_usual_introspection_is_within_the_limit_and_circles_are_not() -> None:
    usual = cost_of(get_introspection_query())
    assert 10_000 < usual < 50_000
    assert cost_of("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }") > 100_000


def test_costs_have_a_ceiling_whatever_doubles() -> None:
    parts = [f"fragment F{n} on Account {{ ...F{n + 1} ...F{n + 1} }}" for n in range(90)]
    nested = "upstream { " * 30 + "id" + " }" * 30
    assert cost_of(
        "{ account { ...F0 } } " + " ".join(parts) + " fragment F90 on Account { models { totalCount } }"
    ) == (CEILING)
    assert cost_of(f'{{ model(id: "a") {{ {nested} }} }}') == CEILING
    huge = "jobs(first: 2147483647) { nodes { models(first: 2147483647) { nodes { " * 5 + "id" + " } } } }" * 5
    assert cost_of(f"{{ account {{ {huge} }} }}") == CEILING


@pytest.fixture
async def limited(settings: Settings) -> Any:
    async with serving(settings.model_copy(update={"query_cost": 9})) as gateway:
        yield gateway


QUERY = "query($n: Int) { account { models(first: $n) { nodes { id } } } }"


@pytest.mark.slow
async def test_a_query_may_cost_as_much_as_the_limit_and_no_more(limited: Gateway) -> None:
    assert (await limited.ask(QUERY, n=7)).status == 200
    limited.upstream.calls.clear()
    reply = await limited.ask(QUERY, n=8)
    assert (reply.status, reply.data) == (400, None)
    (error,) = reply.errors
    assert error["extensions"] == {"code": "QUERY_TOO_LARGE", "limit": "cost", "most": 9, "cost": 10}
    assert "10" in error["message"]
    assert limited.upstream.calls == []


@pytest.mark.slow
async def test_an_answer_reports_its_estimate_and_the_limit(limited: Gateway) -> None:
    response = await limited.client.post("/graphql", json={"query": QUERY, "variables": {"n": 3}})
    assert response.json()["extensions"]["cost"] == {"requestedQueryCost": 5, "maximumAvailable": 9}
    invalid = await limited.client.post("/graphql", json={"query": "{ nothing }"})
    assert "extensions" not in invalid.json()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "told"), [("measure", {"requestedQueryCost": 10, "maximumAvailable": 9}), ("off", None)]
)
async def test_costs_can_be_measured_or_left_alone(settings: Settings, mode: str, told: Any) -> None:
    changed = settings.model_copy(update={"query_cost": 9, "query_cost_mode": mode})
    async with serving(changed) as gateway:
        response = await gateway.client.post("/graphql", json={"query": QUERY, "variables": {"n": 8}})
        assert response.status_code == 200
        assert response.json()["extensions"].get("cost") == told
        figures = (await gateway.client.get("/metrics")).text
        assert ('gateway_limits_exceeded_total{limit="cost",refused="false"} 1.0' in figures) is (mode == "measure")
        assert ("gateway_operation_cost_sum 10.0" in figures) is (mode == "measure")


async def test_a_refusal_is_counted_by_its_limit(limited: Gateway) -> None:
    await limited.ask(QUERY, n=8)
    figures = (await limited.client.get("/metrics")).text
    assert 'gateway_limits_exceeded_total{limit="cost",refused="true"} 1.0' in figures


@pytest.mark.slow
async def test_a_trusted_document_has_no_limit(settings: Settings, tmp_path: Path) -> None:
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({"models": QUERY}), "utf-8")
    changed = settings.model_copy(update={"query_cost": 9, "trusted_documents": manifest})
    async with serving(changed) as gateway:
        response = await gateway.client.post("/graphql", json={"documentId": "models", "variables": {"n": 8}})
        assert response.json()["extensions"]["cost"]["requestedQueryCost"] == 10


@pytest.mark.parametrize("mode", ["enforce", "measure"])
async def test_the_gates_limits_can_be_measured(executor: SmallExecutor, mode: str) -> None:
    limits = DocumentLimits(gate=QueryLimits(fields=2, aliases=0, operations=1), enforce_gate=mode == "enforce")
    app = create_edge(executor, EdgePolicy(endpoint=EndpointPolicy(documents=limits)), Readable())
    query = {"query": "query A { a: greeting slow greeting } query B { slow }", "operationName": "A"}
    assert (await post(app, query)).status == (400 if mode == "enforce" else 200)
    figures = (await send(app, "GET", "/metrics")).body.decode()
    found = re.findall(r'gateway_limits_exceeded_total\{limit="(\w+)",refused="(\w+)"\} 1.0', figures)
    measured = {("fields", "false"), ("aliases", "false"), ("operations", "false")}
    assert set(found) == ({("operations", "true")} if mode == "enforce" else measured)


async def test_what_protects_the_parser_is_enforced_even_when_limits_are_measured(executor: SmallExecutor) -> None:
    limits = DocumentLimits(tokens=5, enforce_gate=False)
    app: Starlette = create_edge(executor, EdgePolicy(endpoint=EndpointPolicy(documents=limits)), Readable())
    assert (await post(app, {"query": "{ greeting slow double }"})).status == 400
    assert (await post(app, {"query": "{ ...F } fragment F on Query { ...F }"})).status == 400


def documented() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every query that a page, the explorer or a test of the federation shows."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```graphql\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            if not re.match(r"\s*(extend|type|schema|directive)", block):
                yield block, {"representations": [{}] * 100, "first": 100}
    for block in re.findall(r"`(\{ [^`]*\})`", (ROOT / "docs/federation.md").read_text("utf-8")):
        yield block, {}
    for screen in read_documents():
        yield screen.text, {}
    for tab in read_tabs():
        yield tab.query, tab.variable_values()


@pytest.mark.slow
async def test_the_whole_hierarchy_is_answered_with_every_first_left_out(warm_gateway: Gateway) -> None:
    reply = await warm_gateway.ask(WHOLE_HIERARCHY)
    assert reply.errors == []
    assert cost_of(WHOLE_HIERARCHY) == 87_852 <= CostPolicy().most


@pytest.mark.parametrize(("query", "variables"), list(documented()))
def test_what_is_documented_passes_with_twice_the_headroom(query: str, variables: dict[str, Any]) -> None:
    document = Documents(DocumentLimits()).read(query)
    limits, figures = DocumentLimits().gate, document.size
    for name in figures.__dataclass_fields__:
        assert 2 * getattr(figures, name) <= getattr(limits, name), name
    known = SCHEMA.query_type
    assert known is not None
    roots = document.operations[0].selection_set.selections
    if all(one.name.value in known.fields for one in roots if isinstance(one, FieldNode)):
        assert 2 * cost_of(query, variables) <= CostPolicy().most


@pytest.mark.slow
async def test_an_answer_that_is_too_long_is_refused(settings: Settings) -> None:
    query = "{ account { models(first: 100) { nodes { id rawCode } } } }"
    long = "{ account { models(first: 5000) { nodes { id rawCode } } } }"
    async with serving(settings.model_copy(update={"response_bytes": 5_000})) as gateway:
        for asked in (query, long):
            reply = await gateway.ask(asked)
            assert (reply.status, reply.data) == (400, None)
            (error,) = reply.errors
            assert error["extensions"] == {"code": "QUERY_TOO_LARGE", "limit": "response_bytes", "most": 5_000}
        assert (await gateway.ask("{ account { id } }")).status == 200
        figures = (await gateway.client.get("/metrics")).text
        assert 'gateway_limits_exceeded_total{limit="response_bytes",refused="true"} 2.0' in figures


@pytest.mark.slow
async def test_a_long_answer_is_the_same_in_pieces(warm_gateway: Gateway) -> None:
    pages = [
        (
            await warm_gateway.client.post(
                "/graphql", json={"query": f"{{ account {{ models(first: {n}) {{ nodes {{ {STATE} }} }} }} }}"}
            )
        )
        for n in (52, 5000)
    ]
    texts = [page.text.partition('"extensions"')[0] for page in pages]
    assert texts[0] == texts[1]
    assert len(pages[1].json()["data"]["account"]["models"]["nodes"]) == 52


STATE = "id name tags runtime meta description startTime jobs { nodes { id name } }"


def steps_of(name: str, size: int) -> tuple[int, int]:
    """Lines run for an estimate, and the length of the request."""
    text, variables, counter = COSTLY[name](size), lying_variables(size), Counter()
    document, estimator = Documents(OPEN).read(text), Estimator(model_of(SDL))
    counter.during(lambda: estimator.estimate(document.operations[0], document.inner_first, variables))
    return counter.lines, len(text) + len(json.dumps(variables))


@pytest.mark.parametrize("name", COSTLY)
def test_the_work_of_an_estimate_grows_no_faster_than_the_request(name: str) -> None:
    (small, short), (large, long) = steps_of(name, 12), steps_of(name, 24)
    assert large <= 1.15 * small * long / short


# The others cost little at this length, and are answered.
DEAR = sorted(COSTLY.keys() - {"inline_pages", "references"})


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("name", DEAR)
async def test_a_dear_request_is_refused_before_dbt_is_asked(warm_gateway: Gateway, name: str, method: str) -> None:
    text, variables = COSTLY[name](40), {"v0": 2**31 - 1} | lying_variables(40)
    warm_gateway.upstream.calls.clear()
    asked = {"query": text, "variables": variables}
    if method == "GET":
        params = {"query": text, "variables": json.dumps(variables)}
        response = await warm_gateway.client.get("/graphql", params=params, headers={"GraphQL-Require-Preflight": "1"})
    else:
        response = await warm_gateway.client.post("/graphql", json=asked)
    assert response.status_code in (400, 413)
    assert response.json()["errors"][0]["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    assert warm_gateway.upstream.calls == []
    batch = await warm_gateway.client.post("/graphql", json=[asked] * 5)
    assert batch.json()["errors"][0]["extensions"]["code"] == "BATCHING_NOT_SUPPORTED"


RANKINGS = [
    ("{ account { slowestModels(first: 1) { rank } } }", 1),
    ("{ account { slowestModels(first: 1, lastRuns: 4) { rank } } }", 5),
    ('{ account { slowestModels(first: 1, filter: { tags: ["daily"] }) { rank } } }', 1),
    ("{ account { models(first: 1) { totalCount } } }", 0),
    ("{ account { models(first: 1, filter: { tags: [] }, orderBy: { field: NAME }) { totalCount } } }", 2),
    ('{ model(id: "a.b") { id } }', 1),
    ('{ project(id: "a") { slowestModels { rank } } }', 1),
    ("{ account { projects { nodes { slowestModels(lastRuns: 3) { rank } } } } }", 4),
    ('{ project(id: "a") { models(filter: { tags: [] }, orderBy: { field: NAME }) { totalCount } } }', 2),
    ('{ project(id: "a") { jobs(filter: { models: { tags: [] } }) { totalCount } models { totalCount } } }', 1),
    ('{ job(id: "1") { slowestModels { runtime } averageModelRuntime(lastRuns: 2) { runtime } } }', 1 + 3),
    ("{ account { ...R } } fragment R on Account { a: slowestModels { rank } b: slowestModels { rank } }", 2),
]


@pytest.mark.parametrize(("query", "looks"), RANKINGS)
def test_who_has_all_models_looked_at_pays_for_them(query: str, looks: int) -> None:
    """However few are asked for: 100 models that are looked at cost 1."""
    known = 0
    pricing = Pricing(CostPolicy(model_of(SDL), most=5_000, models=lambda _: known))
    document = Documents(OPEN).read(query)

    def price() -> int:
        found = pricing.price(document, None, {})
        assert found is not None
        return found.cost

    cold = price()
    assert cold == cost_of(query)
    known = 20_000
    assert price() == cold + looks * 200
    known = 100_000
    assert price() == cold + looks * 1_000


def test_the_runs_that_a_ranking_looks_at_may_come_as_a_variable() -> None:
    pricing = Pricing(CostPolicy(model_of(SDL), most=5_000, models=lambda _: 20_000))
    document = Documents(OPEN).read("query ($n: Int!) { account { slowestModels(first: 1, lastRuns: $n) { rank } } }")
    prices = [pricing.price(document, None, {"n": runs}) for runs in (1, 100, 1)]
    costs = [price.cost for price in prices if price is not None]
    assert (costs[1] - costs[0], costs[2]) == (100 * 200, costs[0])
    assert [price.is_exceeded for price in prices if price is not None] == [False, True, False]

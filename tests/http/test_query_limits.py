"""The gate before validation: what it counts, what it refuses, and that its work grows with a document's length."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_introspection_query,
    parse,
    print_ast,
)
from graphql.language import Token
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from gateway.errors import GatewayError
from gateway.execution.per_document import PerDocument
from gateway.http.limits.query_limits import QueryLimits, QuerySize, check_document
from gateway.http.pages.tabs import read_tabs
from gateway.http.request.documents import DocumentLimits, Documents
from tests.http.conftest import SmallExecutor
from tests.http.hostile_documents import GENERATORS
from tests.http.raw_http import post
from tests.http.steps import Counter
from tests.repetitions import daily_and_nightly

OPEN = QueryLimits(*([10**9] * 8))


def unfold(document: DocumentNode) -> QuerySize:
    """The same figures by plain recursion over every spread, as often as it occurs: exponential."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}

    def visit(selection: SelectionSetNode, level: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for node in selection.selections:
            found += [("directive", level)] * len(node.directives or ())
            found += [("argument", level)] * print_ast(without_selections(node)).count(":")
            if isinstance(node, FieldNode):
                found.append(("field", level + 1))
                found += [("alias", level)] if node.alias else []
                found += visit(node.selection_set, level + 1) if node.selection_set else []
            elif isinstance(node, InlineFragmentNode):
                found += visit(node.selection_set, level)
            elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
                fragment = fragments[node.name.value]
                found += [("directive", level)] * len(fragment.directives or ())
                found += visit(fragment.selection_set, level)
        return found

    (operation,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    found = visit(operation.selection_set, 0)
    fields = [level for kind, level in found if kind == "field"]
    directives = sum(kind == "directive" for kind, _ in found) + len(operation.directives or ())
    aliases, arguments = (sum(kind == wanted for kind, _ in found) for wanted in ("alias", "argument"))
    return QuerySize(max(fields, default=0), len(fields), fields.count(1), aliases, directives, arguments)


def without_selections(node: SelectionNode) -> SelectionNode:
    """A field, spread or inline fragment alone: every colon left in its text is that of an argument or input field."""
    if isinstance(node, FieldNode):
        return replace(node, alias=None, selection_set=None)
    if isinstance(node, InlineFragmentNode):
        return replace(node, selection_set=SelectionSetNode(selections=()))
    return node


def selections(spreadable: list[str]) -> st.SearchStrategy[str]:
    """A selection set that may spread the fragments named."""
    leaves = [
        st.sampled_from(["a", "x: a", "a @d", "y: b @d @e", "a(f: 1)", "a(f: {g: [{h: 1}, [2]]}, i: $v) @d(j: {k: 1})"])
    ]
    if spreadable:
        leaves.append(st.sampled_from([f"...{name}" for name in spreadable] + [f"...{spreadable[0]} @d"]))
    nested = st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"c {{ {' '.join(parts)} }}"),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"... @d {{ {' '.join(parts)} }}"),
        ),
        max_leaves=6,
    )
    return st.lists(nested, min_size=1, max_size=4).map(lambda parts: f"{{ {' '.join(parts)} }}")


@st.composite
def documents(draw: st.DrawFn) -> str:
    """An operation and up to four fragments without cycles; each may spread those that follow it, several times."""
    names = [f"F{number}" for number in range(draw(st.integers(0, 4)))]
    fragments = [
        f"fragment {name} on T{draw(st.sampled_from(['', ' @d']))} {draw(selections(names[index + 1 :]))}"
        for index, name in enumerate(names)
    ]
    parts = [f"query {draw(selections(names))}", *fragments]
    return " ".join(draw(st.permutations(parts)))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(documents())
def test_the_figures_are_those_of_the_unfolded_document(text: str) -> None:
    document = parse(text)
    assert check_document(document, OPEN).size == unfold(document)


BOUNDARIES: dict[str, tuple[int, Callable[[int], str]]] = {
    "depth": (4, lambda count: "{ a " * count + "}" * count),
    "fields": (7, lambda count: "{ a { " + "b " * (count - 1) + "} }"),
    "root_fields": (5, lambda count: "{ ...F " + "a " * (count - 1) + "} fragment F on Query { b }"),
    "aliases": (5, lambda count: "{ a { " + "x: b " * count + "} }"),
    "directives": (5, lambda count: "query @d { a " + "@e " * (count - 1) + "}"),
    "arguments": (
        6,
        lambda count: "{ a(b: {c: 1, d: [{e: 1}]}) @f(" + " ".join(f"g{n}: 1" for n in range(count - 4)) + ") }",
    ),
    "operations": (3, lambda count: " ".join(f"query Q{number} {{ a }}" for number in range(count))),
    "fragments": (
        3,
        lambda count: "{ a } " + " ".join(f"fragment F{number} on Query {{ a }}" for number in range(count)),
    ),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_limit_lets_through_what_reaches_it_and_refuses_one_more(name: str) -> None:
    most, document = BOUNDARIES[name]
    limits = replace(OPEN, **{name: most})
    check_document(parse(document(most)), limits)
    with pytest.raises(GatewayError) as refused:
        check_document(parse(document(most + 1)), limits)
    assert refused.value.extensions == {"code": "QUERY_TOO_LARGE", "limit": name, "most": most}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_measured_limit_is_exceeded_by_one_more(name: str) -> None:
    most, document = BOUNDARIES[name]
    limits = replace(OPEN, **{name: most})
    measured = [check_document(parse(document(most + more)), limits, enforce=False).exceeded for more in (0, 1)]
    assert measured == [(), (name,)]


def test_every_limit_has_a_boundary_tested() -> None:
    assert set(BOUNDARIES) == set(asdict(OPEN))


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { a { ...B } } fragment B on Query { ... { ...A } }",
        "{ a } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...B }",
    ],
)
def test_fragments_in_a_circle_are_refused_even_unused(text: str) -> None:
    with pytest.raises(GatewayError) as refused:
        check_document(parse(text), OPEN)
    assert refused.value.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_a_fragment_reached_by_two_ways_is_no_circle() -> None:
    text = "{ ...A ...B } fragment A on Query { ...C } fragment B on Query { ...C ...A } fragment C on Query { a }"
    assert check_document(parse(text), OPEN).size.fields == 3


def test_the_largest_operation_counts() -> None:
    text = "query A { a b c } query B { a { b { c } } } query C { x: a @d y: a @e }"
    assert check_document(parse(text), OPEN).size == QuerySize(
        3, 3, root_fields=3, aliases=2, directives=2, arguments=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", daily_and_nightly(600, 6000))
@pytest.mark.parametrize("name", GENERATORS)
async def test_a_document_that_grows_without_end_is_refused(
    app: Starlette, executor: SmallExecutor, name: str, size: int
) -> None:
    response = await post(app, {"query": GENERATORS[name](size)})
    assert response.status in (400, 413)
    assert set(response.json) == {"errors"}


def steps_of(text: str) -> int:
    """Lines run to read a document with every limit out of the way."""
    reader, counter = Documents(DocumentLimits(characters=10**9, tokens=10**9, comments=10**9, gate=OPEN)), Counter()
    counter.during(lambda: reader.read(text))
    return counter.lines


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "fragment_clique"])
def test_the_work_grows_no_faster_than_the_document(name: str) -> None:
    generate = GENERATORS[name]
    small, large = generate(25), generate(50)
    assert steps_of(large) <= 1.15 * steps_of(small) * len(large) / len(small)


@pytest.mark.slow
def test_a_clique_of_fragments_costs_as_much_as_it_is_long() -> None:
    # Its text grows with the square of its size; its paths double with each fragment.
    small, large = GENERATORS["fragment_clique"](20), GENERATORS["fragment_clique"](40)
    assert steps_of(large) <= 1.3 * steps_of(small) * len(large) / len(small)


def test_introspection_passes() -> None:
    Documents(DocumentLimits()).read(get_introspection_query(specified_by_url=True, input_value_deprecation=True))


@pytest.mark.parametrize("tab", read_tabs(), ids=lambda tab: tab.name)
def test_the_ready_questions_pass_with_twice_the_headroom(tab: Any) -> None:
    figures = asdict(Documents(DocumentLimits()).read(tab.query).size)
    limits = asdict(DocumentLimits().gate)
    assert {name: 2 * figure <= limits[name] for name, figure in figures.items()} == dict.fromkeys(figures, True)


def test_a_refused_document_is_not_kept() -> None:
    reader = Documents(DocumentLimits(gate=replace(QueryLimits(), fields=1)))
    for _ in range(2):
        with pytest.raises(GatewayError, match="fields"):
            reader.read("{ a b }")


def test_kept_documents_are_bounded_by_their_tokens_and_the_last_used_stay() -> None:
    reader = Documents(DocumentLimits(), kept_tokens=50)
    first = reader.read("{ first }")
    for number in range(30):
        reader.read(f"{{ field{number} }}")
        assert reader.read("{ first }") is first
    second = reader.read("{ field29 }")
    for number in range(30):
        reader.read(f"{{ other{number} }}")
    assert reader.read("{ field29 }") is not second


@pytest.mark.slow
def test_what_is_known_of_a_document_goes_with_it() -> None:
    known = PerDocument(lambda document, _: len(document.definitions))
    documents = [parse("{ a }") for _ in range(3)]
    assert [known.of(document) for document in documents] == [1, 1, 1]
    assert len(known) == 3
    del documents
    gc.collect()
    assert len(known) == 0


@pytest.mark.slow
def test_a_document_that_is_let_go_leaves_nothing_to_the_garbage_collector() -> None:
    """It looks at what has grown old rarely; until then every document that came once would stay."""
    reader = Documents(DocumentLimits())

    def tokens() -> int:
        return sum(type(one) is Token for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = tokens()
        texts = [f"query Q{number} {{ a(b: 1) {{ c d }} }}" for number in range(20)]
        kept = [reader.read(text).tokens for text in texts]
        assert tokens() - before == sum(kept) == 20 * 16
        for text in texts:
            reader.forget(text)
        assert tokens() == before
    finally:
        gc.enable()

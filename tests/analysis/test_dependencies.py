"""NodeDependencies among executed nodes, against dbt's own definitions tried out on small graphs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.dependencies import Parents, children_of, dependencies, downstream_of_all, in_order, without
from gateway.analysis.intervals import NodeInterval
from tests.analysis.generated_runs import graphs, numbered


def ancestors(parents: Mapping[str, list[str]], one: str) -> set[str]:
    found: set[str] = set()
    for parent in parents.get(one, []):
        found |= {parent} | ancestors(parents, parent)
    return found


def waits(parents: Parents) -> set[tuple[int, int]]:
    """Who waits for whom, at any distance."""
    pairs = {(place, one) for place, of_node in enumerate(parents) for one in of_node}
    while True:
        longer = pairs | {(a, d) for (a, b), (c, d) in itertools.product(pairs, pairs) if b == c}
        if longer == pairs:
            return pairs
        pairs = longer


def at(*unique_ids: str) -> list[NodeInterval]:
    return [NodeInterval(one, 0.0, 1.0) for one in unique_ids]


@pytest.mark.slow
@settings(max_examples=150)
@given(graphs(7), st.lists(st.sampled_from(["model", "test"]), min_size=7, max_size=7), st.data())
def test_a_build_waits_as_dbts_linker_has_it(parents: Parents, kinds: list[str], data: st.DataObject) -> None:
    """dbt-core's add_test_edges: a test goes before each node whose ancestors hold all that it depends on."""
    names = [node.unique_id for node in numbered(kinds[: len(parents)], [(0, 0)] * len(parents))]
    manifest = {
        names[place]: [names[one] for one in of_node if names[one].startswith("model.")]
        for place, of_node in enumerate(parents)
    }
    executed = [one for one in names if data.draw(st.integers(0, 3)) or one.startswith("test.")]
    found = dependencies(at(*executed), manifest)
    expected = {
        (executed.index(child), executed.index(parent))
        for child in executed
        for parent in ancestors(manifest, child) & {*executed}
    }
    for test, node in itertools.product(executed, executed):
        if not (test.startswith("test.") and node.startswith("model.")):
            continue
        if manifest[test] and {*manifest[test]} <= {*executed} & ancestors(manifest, node):
            expected.add((executed.index(node), executed.index(test)))
    closed: Parents = [[] for _ in executed]
    for child, parent in expected:
        closed[child].append(parent)
    assert waits(found.parents) == waits(closed)
    assert sorted(found.order) == list(range(len(executed)))
    assert all(found.order.index(child) > found.order.index(parent) for child, parent in expected)
    assert found.cut == 0


@pytest.mark.slow
@settings(max_examples=50)
@given(graphs(7))
def test_blocks_of_any_size_give_the_same(parents: Parents) -> None:
    children = children_of(parents)
    wanted = dict(enumerate(itertools.combinations(range(len(parents)), 2)))
    whole = downstream_of_all(children, in_order(parents, children), wanted)
    assert downstream_of_all(children, in_order(parents, children), wanted, block_size=2) == whole


def test_a_model_waits_for_its_unit_tests_and_they_for_its_parents() -> None:
    nodes = at("model.shop.a", "model.shop.b", "unit_test.shop.b.u1", "unit_test.shop.b.u2")
    manifest = {
        "model.shop.b": ["model.shop.a"],
        "unit_test.shop.b.u1": ["model.shop.b"],
        "unit_test.shop.b.u2": ["model.shop.b"],
    }
    assert dependencies(nodes, manifest).parents == [[], [0, 2, 3], [0], [0]]


def test_a_source_that_was_not_built_keeps_a_test_from_holding_anything_up() -> None:
    nodes = at("model.shop.a", "model.shop.b", "test.shop.t")
    manifest = {"model.shop.b": ["model.shop.a"], "test.shop.t": ["model.shop.a", "source.shop.raw.orders"]}
    assert dependencies(nodes, manifest).parents == [[], [0], [0]]


def test_a_circle_is_cut_where_it_goes_back_in_time() -> None:
    nodes = [NodeInterval(f"model.shop.{name}", start, start + 1) for name, start in (("a", 4), ("b", 0), ("c", 2))]
    manifest = {"model.shop.a": ["model.shop.c"], "model.shop.b": ["model.shop.a"], "model.shop.c": ["model.shop.b"]}
    assert dependencies(nodes, manifest) == ([[2], [], [1]], [1, 2, 0], 1)


def test_circles_of_nodes_that_were_not_executed_end() -> None:
    manifest = {"model.shop.a": ["model.shop.x"], "model.shop.x": ["model.shop.y"], "model.shop.y": ["model.shop.x"]}
    assert dependencies(at("model.shop.a"), manifest).parents == [[]]


def test_what_waited_for_a_dropped_node_waits_for_its_parents() -> None:
    assert without([[], [0], [1], [1, 2]], frozenset({1})) == [[], [], [0], [0, 2]]

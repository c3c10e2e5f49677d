"""Which node of one command had to wait for which: parents among the nodes that were executed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from gateway.analysis.intervals import NodeInterval

K = TypeVar("K", bound=Hashable)

# So many nodes' descendants are found at once, as bits of one number: a block of 40,000 nodes takes 40 MB.
_BLOCK = 8192

Parents = list[list[int]]
"""Of each node the places of its parents, ascending."""


class NodeDependencies(NamedTuple):
    """`parents` of each node; `order`: all places, each behind its parents; `cut`: how many dependencies were left out
    because they run in a circle, which only spoilt artifacts hold."""

    parents: Parents
    order: list[int]
    cut: int


def dependencies(nodes: Sequence[NodeInterval], parents: Mapping[str, Collection[str]]) -> NodeDependencies:
    """What the nodes of one command waited for. `parents` are those of its manifest: of all nodes, executed or not.

    Parents are reached through nodes that were not executed, such as ephemeral models. In a command that executes
    models and tests, as `dbt build` does, a node also waits for each test whose parents are all upstream of it
    (dbt-core's add_test_edges; only tests all of whose parents were executed), and a model for its unit tests, which
    wait for the model's parents. In a circle, what started later waits for what started earlier.
    """
    places = {node.unique_id: place for place, node in enumerate(nodes)}
    dependencies: Parents = []
    whole = []
    for place, node in enumerate(nodes):
        own = parents.get(node.unique_id, ())
        direct = [places[parent] for parent in own if parent in places]
        if len(direct) < len(own):
            direct = [places[ancestor] for ancestor in _nearest(parents, node.unique_id, places.__contains__)]
        elif direct and node.unique_id.startswith("test."):
            whole.append(place)
        if len(direct) > 1:
            direct = sorted(set(direct))
        if place in direct:
            direct.remove(place)
        dependencies.append(direct)
    children = children_of(dependencies)
    order = in_order(dependencies, children)
    straight = dependencies if len(order) == len(nodes) else _without_circles(nodes, dependencies, order)
    cut = 0 if straight is dependencies else sum(map(len, dependencies)) - sum(map(len, straight))
    if cut:
        children = children_of(straight)
        order = in_order(straight, children)
    _wait_for_tests(nodes, straight, children, order, whole)
    _turn_unit_tests(nodes, straight)
    return NodeDependencies(straight, in_order(straight, children_of(straight)), cut)


def without(parents: Parents, dropped: frozenset[int]) -> Parents:
    """The parents when some nodes are left out: what waited for them waits for what they waited for. Nodes that are
    left out have none."""
    known = dict(enumerate(parents))
    return [
        [] if place in dropped else sorted(_nearest(known, place, lambda ancestor: ancestor not in dropped))
        for place in range(len(parents))
    ]


def in_order(parents: Parents, children: Sequence[Sequence[int]]) -> list[int]:
    """The places of all nodes that are in no circle, each behind its parents. `children`: those of each node."""
    left = list(map(len, parents))
    order = [place for place, count in enumerate(left) if not count]
    for place in order:  # which grows meanwhile
        for child in children[place]:
            if left[child] == 1:
                order.append(child)
            left[child] -= 1
    return order


def children_of(parents: Parents) -> list[list[int]]:
    """The places of each node's children, ascending."""
    children: list[list[int]] = [[] for _ in parents]
    for place, of_node in enumerate(parents):
        for parent in of_node:
            children[parent].append(place)
    return children


def _nearest(parents: Mapping[K, Iterable[K]], start: K, is_kept: Callable[[K], bool]) -> set[K]:
    """The nearest ancestors that are kept, reached through those that are not."""
    nearest: set[K] = set()
    seen = {start}
    pending = list(parents.get(start, ()))
    while pending:
        node = pending.pop()
        if is_kept(node):
            nearest.add(node)
        elif node not in seen:
            seen.add(node)
            pending.extend(parents.get(node, ()))
    return nearest


def _without_circles(nodes: Sequence[NodeInterval], parents: Parents, order: Sequence[int]) -> Parents:
    """The parents without those by which nodes that are not in `order` would wait for what began later."""
    circling = set(range(len(nodes))).difference(order)
    began = [(node.start, node.unique_id) for node in nodes]
    return [
        [parent for parent in of_node if not {parent, place} <= circling or began[parent] < began[place]]
        for place, of_node in enumerate(parents)
    ]


def _wait_for_tests(
    nodes: Sequence[NodeInterval],
    parents: Parents,
    children_and_tests: Sequence[Sequence[int]],
    order: Sequence[int],
    tests: Sequence[int],
) -> None:
    """Adds to nodes the tests that they wait for: the first nodes downstream of all that a test looks at. `order`: all
    places, each behind its parents."""
    if not tests:
        return
    is_test = [node.unique_id.startswith(("test.", "unit_test.")) for node in nodes]
    children = [[child for child in of_node if not is_test[child]] for of_node in children_and_tests]
    waiting = {test: children[parents[test][0]] for test in tests if len(parents[test]) == 1}
    waited_for = {test: parents[test] for test in tests if test not in waiting}
    waiting |= downstream_of_all(children, order if waited_for else (), waited_for)
    for test, held in waiting.items():
        for place in held:
            parents[place].append(test)
    for place in {place for held in waiting.values() for place in held}:
        parents[place].sort()


def downstream_of_all(
    children: list[list[int]], order: Sequence[int], weights: Mapping[int, Sequence[int]], block_size: int = _BLOCK
) -> dict[int, list[int]]:
    """Under each key the first nodes that are downstream of all places wanted; those downstream of these follow."""
    below: dict[int, list[int]] = {key: [] for key in weights}
    for begin in range(0, len(order), block_size):
        block = order[begin : begin + block_size]
        bits = {place: 1 << bit for bit, place in enumerate(block)}
        downstream = [0] * len(children)
        for place in reversed(order[: begin + block_size]):
            for child in children[place]:
                downstream[place] |= downstream[child] | bits.get(child, 0)
        for key, places in weights.items():
            common = downstream[places[0]]
            for place in places[1:]:
                common &= downstream[place]
            for known in below[key]:
                common &= ~downstream[known]
            while common:
                first = block[(common & -common).bit_length() - 1]
                below[key].append(first)
                common &= ~(downstream[first] | bits[first])
    return below


def _turn_unit_tests(nodes: Sequence[NodeInterval], parents: Parents) -> None:
    """Has each model wait for its unit tests, and these for the model's other parents."""
    tested = {
        place: parents[place][0]
        for place, node in enumerate(nodes)
        if node.unique_id.startswith("unit_test.") and len(parents[place]) == 1
    }
    before = {model: list(parents[model]) for model in tested.values()}
    for test, model in tested.items():
        parents[test] = before[model]
    for test, model in tested.items():
        parents[model] = sorted({*parents[model], test})

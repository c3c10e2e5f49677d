from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.intervals import NodeInterval, lanes, peak, span
from tests.analysis.generated_runs import intervals


def node(start: float, end: float) -> NodeInterval:
    return NodeInterval("model.shop.orders", start, end)


@pytest.mark.slow
@settings(max_examples=60)
@given(intervals())
def test_the_peak_is_the_greatest_number_of_nodes_that_run_at_one_start(nodes: list[NodeInterval]) -> None:
    running = [sum(other.start <= node.start < other.end for other in nodes) for node in nodes]
    assert peak(nodes) == max([*running, min(1, len(nodes))])


@pytest.mark.slow
@settings(max_examples=60)
@given(intervals(), st.none() | st.integers(1, 8))
def test_nodes_of_one_lane_follow_each_other_on_no_more_lanes_than_needed(
    nodes: list[NodeInterval], threads: int | None
) -> None:
    placed = lanes(nodes, threads)
    for place, node in enumerate(nodes):
        for other in range(place):
            if placed[place] == placed[other] and node.seconds and nodes[other].seconds:
                assert node.start >= nodes[other].end or node.end <= nodes[other].start
    lasting = [lane for lane, node in zip(placed, nodes, strict=True) if node.seconds]
    assert all(lane >= 1 for lane in placed)
    assert max(lasting, default=1) <= max(threads or 1, peak(nodes))


def test_a_node_takes_the_lane_that_has_been_free_for_longest() -> None:
    assert lanes([node(0, 5), node(0, 3), node(0, 9), node(6, 8), node(10, 11)]) == [1, 2, 3, 2, 1]


def test_lanes_are_added_where_more_nodes_run_at_once_than_there_are_threads() -> None:
    assert sorted(lanes([node(0, 5), node(1, 5), node(2, 5)], 2)) == [1, 2, 3]


def test_nothing_and_one_node_that_took_no_time() -> None:
    assert (lanes([], 4), peak([]), span([])) == ([], 0, 0.0)
    assert (lanes([node(3, 3)]), peak([node(3, 3)]), span([node(3, 3)])) == ([1], 1, 0.0)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        node(3, 2)

"""The observed chain, utilization and weighted seconds: sums that hold for every run, and small runs by hand."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from hypothesis import given, settings

from gateway.analysis.dependencies import NodeDependencies
from gateway.analysis.intervals import NodeInterval
from gateway.analysis.observed_chain import WaitReason, observed_chain
from gateway.analysis.step import Step
from gateway.analysis.utilization import utilization
from gateway.analysis.weighted_seconds import busy_seconds, weighted_seconds
from tests.analysis.generated_runs import as_dependencies, intervals, numbered, runs, scheduled_steps, steps

QUARTERS = 4


def step(times: list[tuple[float, float]], parents: list[list[int]] | None = None, threads: int | None = None) -> Step:
    found = as_dependencies(parents) if parents is not None else None
    return Step(numbered(["model"] * len(times), times), threads, found)


@pytest.mark.slow
@settings(max_examples=100)
@given(runs())
def test_links_and_gaps_add_up_to_the_time_from_first_start_to_last_end(run: list[Step]) -> None:
    links = observed_chain(run)
    nodes = [node for one in run for node in one.nodes]
    assert sum(link.seconds + link.gap for link in links) == max(n.end for n in nodes) - min(n.start for n in nodes)
    assert min(min(link.seconds, link.gap, link.overlap) for link in links) >= 0
    later = [link.start for link in links]
    assert later == sorted(later, reverse=True)


@pytest.mark.slow
@settings(max_examples=150)
@given(scheduled_steps())
def test_each_link_of_a_run_in_good_order_waited_for_the_one_before(found: Step) -> None:
    links = observed_chain([found])
    assert found.dependencies
    names = [node.unique_id for node in found.nodes]
    assert {link.overlap for link in links} == {0}
    for link, before in itertools.pairwise(links):
        place, earlier = names.index(link.unique_id), names.index(before.unique_id)
        ends = [found.nodes[one].end for one in found.dependencies.parents[place]]
        if link.waited_for is WaitReason.DEPENDENCY:
            assert earlier in found.dependencies.parents[place]
            assert found.nodes[earlier].end == max(ends)
        else:
            assert link.waited_for is WaitReason.THREAD
            assert found.lanes[place] == found.lanes[earlier]
            assert all(end < found.nodes[earlier].end for end in ends)
        assert link.gap == found.nodes[place].start - found.nodes[earlier].end


def test_a_chain_by_hand() -> None:
    # 4 waits for 1, which ended at 6, and dbt for 3 more seconds; 1 waits for 0.
    found = step([(0, 4), (4, 6), (0, 3), (3.5, 9), (9, 9.5)], [[], [0], [], [], [1]], 2)
    assert [(link.unique_id[-1], link.seconds, link.waited_for, link.gap) for link in observed_chain([found])] == [
        ("4", 0.5, "DEPENDENCY", 3),
        ("1", 2, "DEPENDENCY", 0),
        ("0", 4, "HEAD", 0),
    ]


def test_clocks_that_step_back_give_no_negative_gaps() -> None:
    found = step([(0, 5), (3, 8)], [[], [0]], 2)
    last, first = observed_chain([found])
    assert (last.seconds, last.gap, first.seconds, first.overlap) == (5, 0, 3, 2)
    backwards = step([(4, 5), (3, 8)], [[], [0]], 2)
    assert [link.waited_for for link in observed_chain([backwards])] == ["HEAD"], "a parent that began later"


def test_a_step_waits_for_the_one_before() -> None:
    chain = observed_chain([step([(10, 12)]), step([(0, 4)]), step([(4.5, 9)])])
    assert [(link.seconds, link.waited_for, link.gap) for link in chain] == [
        (2, "HEAD", 1),
        (4.5, "HEAD", 0.5),
        (4, "HEAD", 0),
    ]


@pytest.mark.slow
@settings(max_examples=150)
@given(intervals(least=1))
def test_weighted_seconds_share_out_each_quarter_of_a_second(nodes: list[NodeInterval]) -> None:
    shares = [0.0] * len(nodes)
    busy = 0
    for quarter in range(60 * QUARTERS):
        at = quarter / QUARTERS
        running = [place for place, node in enumerate(nodes) if node.start <= at < node.end]
        busy += bool(running)
        for place in running:
            shares[place] += 1 / QUARTERS / len(running)
    assert weighted_seconds(nodes) == pytest.approx(shares)
    assert busy_seconds(nodes) == pytest.approx(busy / QUARTERS) == pytest.approx(sum(weighted_seconds(nodes)))


def reason_by_hand(found: Step, at: float) -> tuple[WaitReason, list[str]]:
    nodes = found.nodes
    parents = found.dependencies.parents if found.dependencies else [[]] * len(nodes)
    later = sorted((place for place in range(len(nodes)) if nodes[place].start > at), key=lambda n: (nodes[n].start, n))
    if not later:
        return WaitReason.TAIL, []
    if any(all(nodes[one].end <= at for one in parents[place]) for place in later):
        return WaitReason.SCHEDULER, []
    running = [nodes[one].unique_id for one in parents[later[0]] if nodes[one].start <= at < nodes[one].end]
    return WaitReason.DEPENDENCY, running


@pytest.mark.slow
@settings(max_examples=100)
@given(steps())
def test_idle_threads_by_reason_instant_by_instant(found: Step) -> None:
    begin, end = found.start - 2, found.end + 3
    idle = defaultdict(float, {WaitReason.HEAD: 2.0 * found.width, WaitReason.TAIL: 3.0 * found.width})
    blockers: defaultdict[str, float] = defaultdict(float)
    for quarter in range(int(found.start * QUARTERS), int(found.end * QUARTERS)):
        at = quarter / QUARTERS
        free = found.width - sum(node.start <= at < node.end for node in found.nodes)
        reason, waited_for = reason_by_hand(found, at)
        idle[reason] += free / QUARTERS
        for one in waited_for:
            blockers[one] += free / QUARTERS / len(waited_for)
    used = utilization([found], begin, end)
    assert {one: seconds for one, seconds in used.idle.items() if seconds} == pytest.approx(
        {one: seconds for one, seconds in idle.items() if seconds}
    )
    assert used.blockers == pytest.approx({one: seconds for one, seconds in blockers.items() if seconds})
    total = found.width * (end - begin)
    assert used.share == pytest.approx(min(1, found.work / total))


@pytest.mark.slow
@settings(max_examples=50)
@given(runs())
def test_work_and_idle_time_are_all_thread_time_of_steps_one_after_the_other(run: list[Step]) -> None:
    moved, begin = [], 0.0
    for one in run:
        nodes = [NodeInterval(n.unique_id, n.start - one.start + begin, n.end - one.start + begin) for n in one.nodes]
        moved.append(Step(nodes, one.threads, one.dependencies))
        begin = moved[-1].end + 1
    used = utilization(moved, moved[0].start, moved[-1].end)
    ends = [moved[0].start, *(one.end for one in moved)]
    total = sum(one.width * (one.end - before) for one, before in zip(moved, ends, strict=False))
    assert sum(used.idle.values()) + sum(one.work for one in moved) == pytest.approx(total)


def test_a_run_of_nothing() -> None:
    assert observed_chain([]) == []
    assert weighted_seconds([]) == []
    assert utilization([], 0, 5).share == 0
    assert observed_chain([Step([], None, NodeDependencies([], [], 0))]) == []


def test_only_what_still_runs_is_waited_for() -> None:
    used = utilization([step([(0, 2), (0, 5), (5, 6)], [[], [], [0, 1]], 2)], 0, 6)
    assert used.blockers == {"model.shop.n1": 3}
    assert used.idle == {"HEAD": 0, "DEPENDENCY": 3, "TAIL": 1}

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.critical_path import bounds, critical_path
from gateway.analysis.dependencies import Parents
from gateway.analysis.schedule import AS_IT_WAS, RunChange, ScheduleOrder, SpeedUp, makespan, outlook
from gateway.analysis.step import Step
from tests.analysis.generated_runs import as_dependencies, graphs, numbered, scheduled_steps, steps


def ticked(seconds: list[int], parents: Parents, ranks: list[int], threads: int, gap: int) -> int:
    """The same schedule, tick by tick."""
    busy: dict[int, tuple[int, int]] = {}  # thread -> (node, last tick it is taken)
    ends: dict[int, int] = {}
    left = set(range(len(seconds)))
    tick = 0
    while left:
        while True:
            free = [one for one in range(threads) if one not in busy or busy[one][1] <= tick]
            ready = [one for one in left if all(ends.get(parent, tick + 1) <= tick for parent in parents[one])]
            if not free or not ready:
                break
            chosen = min(ready, key=ranks.__getitem__)
            left.remove(chosen)
            ends[chosen] = tick + seconds[chosen]
            busy[free[0]] = (chosen, ends[chosen] + gap)
        tick += 1
    return max(ends.values())


@pytest.mark.slow
@settings(max_examples=200)
@given(
    graphs(),
    st.lists(st.integers(1, 5), min_size=8, max_size=8),
    st.permutations(range(8)),
    st.integers(1, 4),
    st.integers(0, 2),
)
def test_list_scheduling_tick_by_tick(
    parents: Parents, seconds: list[int], ranks: list[int], threads: int, gap: int
) -> None:
    seconds = seconds[: len(parents)]
    found = makespan(seconds, parents, ranks, threads, gap=gap)
    assert found == ticked(seconds, parents, ranks, threads, gap)
    if not gap:
        least, most = bounds(critical_path(seconds, as_dependencies(parents)).seconds, sum(seconds), threads)
        assert least <= found + 1e-9
        assert found <= most + 1e-9


@pytest.mark.slow
@settings(max_examples=100)
@given(scheduled_steps())
def test_with_a_thread_for_each_node_a_run_takes_its_critical_path(found: Step) -> None:
    assert found.dependencies
    change = RunChange(len(found.nodes), {}, frozenset(), ScheduleOrder.AS_DBT)
    path = critical_path([node.seconds for node in found.nodes], found.dependencies).seconds
    then = outlook([found], change)
    assert then.then == pytest.approx(path) == then.lower_bound


@pytest.mark.slow
@settings(max_examples=100)
@given(steps(), st.data())
def test_what_is_dropped_takes_no_time_and_what_stays_keeps_its_order(found: Step, data: st.DataObject) -> None:
    if found.dependencies is None:
        return
    names = [node.unique_id for node in found.nodes]
    dropped = frozenset(one for one in names if data.draw(st.booleans()))
    then = outlook([found], RunChange(1, {}, dropped, ScheduleOrder.LONGEST_TAIL_FIRST)).then
    kept = [node.seconds for node in found.nodes if node.unique_id not in dropped]
    assert then - sum(kept) >= -1e-9, "one thread does one after the other"
    assert kept or then == 0


def hand_made() -> Step:
    """Two threads: dbt takes a and b first by name, though the long chain begins with c."""
    times = [(0.0, 2.0), (0.0, 2.0), (2.0, 4.0), (4.0, 10.0)]
    return Step(numbered(["model"] * 4, times), 2, as_dependencies([[], [], [], [2]]))


def test_changes_by_hand() -> None:
    found = [hand_made()]
    now = outlook(found, AS_IT_WAS)
    assert (now.now, now.then, now.observed, now.calibration, now.is_trusted) == (10, 10, 10, 1, True)
    longest_first = outlook(found, RunChange(None, {}, frozenset(), ScheduleOrder.LONGEST_TAIL_FIRST))
    assert (longest_first.then, longest_first.lower_bound) == (8, 8)
    faster = outlook(
        found,
        RunChange(
            None,
            {"model.shop.n3": SpeedUp(0.5, None), "model.shop.n0": SpeedUp(None, 1.0)},
            frozenset(),
            ScheduleOrder.AS_DBT,
        ),
    )
    assert faster.then == 6
    assert outlook(found, RunChange(1, {}, frozenset(), ScheduleOrder.AS_DBT)).then == 12
    assert outlook(found, RunChange(None, {}, frozenset({"model.shop.n2"}), ScheduleOrder.AS_DBT)).then == 8


def test_idle_time_between_nodes_of_a_lane_is_kept() -> None:
    times = [(0.0, 1.0), (1.5, 2.5), (3.0, 4.0)]
    found = [Step(numbered(["model"] * 3, times), 1, as_dependencies([[], [], []]))]
    assert outlook(found, AS_IT_WAS).now == 4
    assert outlook(found, RunChange(3, {}, frozenset(), ScheduleOrder.AS_DBT)).then == 1


def test_a_run_that_is_not_reproduced_is_not_trusted() -> None:
    times = [(0.0, 1.0), (9.0, 10.0)]
    found = [Step(numbered(["model"] * 2, times), 2, as_dependencies([[], [0]]))]
    assert not outlook(found, AS_IT_WAS).is_trusted

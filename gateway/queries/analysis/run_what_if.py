"""How long a run would take if something of it were different, and what differs between two runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from gateway.analysis.change_points import median
from gateway.analysis.observed_chain import ChainLink
from gateway.analysis.schedule import TRUSTED, Outlook, RunChange, ScheduleOrder, SpeedUp, outlook
from gateway.concurrency.gathering import gather, gather_pair
from gateway.errors import BadUserInput
from gateway.hierarchy.analysis.run_analysis import (
    Baseline,
    NodeDifference,
    RunComparison,
    WhatIf,
    WhatIfVerdict,
)
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.measures.durations import LONGEST_SECONDS
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.rankings.averages import reason_to_leave_out
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import find_run
from gateway.queries.runs.run_steps import RunSteps, aside, run_steps

LAST_RUNS = 20
"""How many of a job's newest runs show what is usual."""

MOST_THREADS = 1000
MOST_CHANGED = 1000

_LEAST_RUNS = 5
_SHOWN = 5


def changed(
    threads: int | None,
    speed_ups: Sequence[tuple[str, float | None, float | None]],
    drop: Sequence[str],
    order: ScheduleOrder,
) -> RunChange:
    """What would be different: of each speed-up the unique id, and the factor or the new seconds. Raises BadUserInput
    for nothing, and for what no run can have."""
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise BadUserInput(f"threads must be from 1 to {MOST_THREADS}; it is {threads}.", argument="threads")
    if threads is None and not speed_ups and not drop and order is ScheduleOrder.AS_DBT:
        raise BadUserInput("Nothing would be different. Set threads, speedUps, drop or order.", argument="change")
    if max(len(speed_ups), len(drop)) > MOST_CHANGED:
        raise BadUserInput(f"A change names at most {MOST_CHANGED} resources in a list.", argument="change")
    named = {unique_id: _new_seconds(unique_id, factor, seconds) for unique_id, factor, seconds in speed_ups}
    if len(named) < len(speed_ups):
        raise BadUserInput("A resource stands twice in speedUps. Name each once.", argument="speedUps")
    return RunChange(threads, named, frozenset(drop), order)


def _new_seconds(unique_id: str, factor: float | None, seconds: float | None) -> SpeedUp:
    if (factor is None) == (seconds is None):
        raise BadUserInput(f"Give {unique_id[:100]} either a factor or seconds.", argument="speedUps")
    amount = factor if seconds is None else seconds
    if not (amount is not None and 0 <= amount <= LONGEST_SECONDS):
        raise BadUserInput(
            f"The factor or seconds of {unique_id[:100]} must be from 0 to {LONGEST_SECONDS:g}; it is {amount}.",
            argument="speedUps",
        )
    return SpeedUp(factor, seconds)


async def what_if(context: FieldContext, run: Run, change: RunChange) -> WhatIf | None:
    """What a change would make of a run; None where nothing of it has times. Raises BadUserInput for resources that
    the run did not execute."""
    steps = await run_steps(context, run)
    if steps is None:
        return None
    _ensure_known([*change.speed_ups, *sorted(change.drop)], steps.results)
    noise = noise_of(await _successes(context, run.job_id))
    return _answer(steps, await _outlook(steps, change), noise)


async def what_if_of_job(context: FieldContext, job: Job, change: RunChange, last_runs: int) -> WhatIf | None:
    """The same of a job's newest `last_runs` successful runs: medians over them, with the run of the median wall clock.

    Resources that one of the runs did not execute change nothing there. Nothing can be said where the simulation
    reproduces half of the runs or fewer. Raises BadUserInput for resources that none of the runs executed.
    """
    successes = await _successes(context, job.id)
    read = await gather(run_steps(context, run) for run in successes[:last_runs])
    steps = [steps for steps in read if steps is not None]
    if not steps:
        return None
    known = {name for of_run in steps for name in of_run.results}
    _ensure_known([*change.speed_ups, *sorted(change.drop)], known)
    noise = noise_of(successes)
    outlooks = [await _outlook(of_run, _within(change, of_run.results)) for of_run in steps]
    return median_of([_answer(of_run, outlook, noise) for of_run, outlook in zip(steps, outlooks, strict=True)])


async def _outlook(steps: RunSteps, change: RunChange) -> Outlook | None:
    if not steps.has_graph:
        return None
    return await aside(len(steps.results), lambda: outlook(steps.steps, change))


def _within(change: RunChange, executed: Collection[str]) -> RunChange:
    """As much of a change as is about what a run executed."""
    named = {unique_id: speed_up for unique_id, speed_up in change.speed_ups.items() if unique_id in executed}
    return RunChange(change.threads, named, change.drop.intersection(executed), change.order)


def median_of(answers: Sequence[WhatIf]) -> WhatIf:
    """Medians of one answer or more, over runs of one job: of the seconds now and of the calibration over all, of what
    is saved and of the lower bound over those that can be known. then = now - saved."""
    by_clock = sorted(answers, key=lambda answer: answer.now_seconds)
    middle = by_clock[(len(by_clock) - 1) // 2]
    savings = [
        (answer.saved_seconds, answer.lower_bound_seconds) for answer in answers if answer.saved_seconds is not None
    ]
    now, noise = median([answer.now_seconds for answer in answers]), middle.noise_seconds
    missing = list(dict.fromkeys(what for answer in answers for what in answer.basis.missing))
    began = [answer.basis.since for answer in answers if answer.basis.since is not None]
    basis = Basis(middle.basis.source, len(answers), min(began, default=None), tuple(missing))
    calibration = median([answer.calibration for answer in answers])
    if 2 * len(savings) <= len(answers):
        least = median([answer.lower_bound_seconds for answer in answers])
        return WhatIf(middle.run, WhatIfVerdict.CANNOT_TELL, now, None, None, least, calibration, noise, basis)
    saved, least = median([saving for saving, _ in savings]), median([bound for _, bound in savings])
    within = noise is not None and abs(saved) < noise
    verdict = WhatIfVerdict.WITHIN_NOISE if within else WhatIfVerdict.CLEAR
    return WhatIf(middle.run, verdict, now, now - saved, saved, least, calibration, noise, basis)


def noise_of(runs: Sequence[Run]) -> float | None:
    """The median distance of wall clocks from their median; None of fewer than five."""
    clocks = [run.runtime for run in runs if run.runtime is not None]
    if len(clocks) < _LEAST_RUNS:
        return None
    middle = median(clocks)
    return median([abs(clock - middle) for clock in clocks])


def typical(runs: Sequence[Run]) -> Run | None:
    """The run whose wall clock is the median, of an even number the lower; the newest of equal ones."""
    timed = sorted((run for run in runs if run.runtime is not None), key=lambda run: run.runtime or 0.0)
    return timed[(len(timed) - 1) // 2] if timed else None


async def compare(context: FieldContext, run: Run, to: Baseline, run_id: int | None) -> RunComparison | None:
    """A run against another of the same job; None where there is none to compare with. Raises BadUserInput for a run
    of another job, and NotFound for an unknown one."""
    base = await _base_of(context, run, to, run_id)
    if base is None:
        return None
    here, there = await gather_pair(run_steps(context, run), run_steps(context, base))
    ours, theirs = run.runtime, base.runtime
    difference = None if ours is None or theirs is None else ours - theirs
    size = len(here.results if here else ()) + len(there.results if there else ())
    differences = await aside(size, lambda: _differences(here, there))
    missing = [
        f"{which}: {what}"
        for which, steps in (("this run", here), ("the other run", there))
        for what in (steps.basis.missing if steps else ("times",))
    ]
    began = [either.start_time for either in (run, base) if either.start_time]
    basis = Basis(context.loaders.source_of_runs([run, base]), 2, min(began, default=None), tuple(missing))
    return RunComparison(base, difference, tuple(differences), basis)


async def _successes(context: FieldContext, job_id: int) -> list[Run]:
    runs = await context.loaders.recent_runs(job_id, LAST_RUNS)
    return [run for run in runs if run.status is RunStatus.SUCCESS]


def _ensure_known(named: Sequence[str], known: Collection[str]) -> None:
    unknown = [unique_id for unique_id in named if unique_id not in known]
    if unknown:
        close = get_close_matches(unknown[0], known, _SHOWN) or sorted(known)[:_SHOWN]
        raise BadUserInput(
            f"The run did not execute '{unknown[0][:100]}'. It executed {', '.join(close)} and others.",
            argument="change",
        )


def _answer(steps: RunSteps, outlook: Outlook | None, noise: float | None) -> WhatIf:
    """`then` = now - (simulated now - simulated then), and never less than the lower bound."""
    head, tail = steps.margins(of_step=False)
    now = steps.wall + (head or 0.0) + (tail or 0.0)
    missing = list(steps.basis.missing)
    if noise is None:
        missing.append(f"the usual difference between two runs: fewer than {_LEAST_RUNS} successful runs are known")
    if outlook is not None and not outlook.is_trusted:
        missing.append(f"a simulation that takes {TRUSTED[0]} to {TRUSTED[1]} times as long as the run took")
    basis = Basis(steps.basis.source, steps.basis.run_count, steps.basis.since, tuple(missing))
    if outlook is None or not outlook.is_trusted:
        least, calibration = (outlook.lower_bound, outlook.calibration) if outlook else (0.0, 0.0)
        verdict = WhatIfVerdict.CANNOT_TELL
        return WhatIf(steps.run, verdict, now, None, None, least, calibration, noise, basis)
    least = now - outlook.observed + outlook.lower_bound
    then = max(least, now - (outlook.now - outlook.then))
    within = noise is not None and abs(now - then) < noise
    verdict = WhatIfVerdict.WITHIN_NOISE if within else WhatIfVerdict.CLEAR
    return WhatIf(steps.run, verdict, now, then, now - then, least, outlook.calibration, noise, basis)


async def _base_of(context: FieldContext, run: Run, to: Baseline, run_id: int | None) -> Run | None:
    if run_id is not None:
        base = await find_run(context, run_id)
        if base.job_id != run.job_id:
            raise BadUserInput(
                f"Run {run_id} is of job {base.job_id}, this one of job {run.job_id}. Compare runs of one job.",
                argument="runId",
            )
        return base
    runs = await context.loaders.recent_runs(run.job_id, 500)
    earlier = [
        earlier_run
        for earlier_run in runs
        if earlier_run.recency < run.recency and reason_to_leave_out(earlier_run) is None
    ]
    successes = [success for success in earlier if success.status is RunStatus.SUCCESS]
    if to is Baseline.TYPICAL:
        return typical(successes[:LAST_RUNS])
    return next(iter(earlier if to is Baseline.PREVIOUS else successes), None)


def _differences(here: RunSteps | None, there: RunSteps | None) -> list[NodeDifference]:
    ours, theirs = ({**steps.reused, **steps.results} if steps else {} for steps in (here, there))
    moved = _by_node(here.chain() if here else [])
    for unique_id, seconds in _by_node(there.chain() if there else []).items():
        moved[unique_id] = moved.get(unique_id, 0.0) - seconds
    codes = [{node.unique_id: node.code for node in steps.graph.nodes} if steps else {} for steps in (here, there)]
    differences = []
    for unique_id in sorted({*ours, *theirs}):
        code, earlier_code = (known.get(unique_id) for known in codes)
        before, after = theirs.get(unique_id), ours.get(unique_id)
        differences.append(
            NodeDifference(
                unique_id,
                before,
                after,
                moved.get(unique_id, 0.0),
                None if code is None or earlier_code is None else code != earlier_code,
                _rows_change(before, after),
            )
        )
    return sorted(
        differences,
        key=lambda difference: (-abs(difference.contribution_seconds), -_change(difference), difference.unique_id),
    )


def _rows_change(before: NodeResult | None, after: NodeResult | None) -> int | None:
    rows = [result.rows_affected if result else None for result in (before, after)]
    return None if rows[0] is None or rows[1] is None else rows[1] - rows[0]


def _by_node(chain: Sequence[ChainLink]) -> dict[str, float]:
    return {link.unique_id: link.seconds + link.gap for link in chain}


def _change(difference: NodeDifference) -> float:
    after, before = (result.runtime or 0.0 if result else 0.0 for result in (difference.after, difference.before))
    return abs(after - before)

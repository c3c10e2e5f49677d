"""The ranking over all models from warm facts, for accounts of several sizes: what it costs and how that grows."""

from __future__ import annotations

from benchmarks.contest import CPU, OURS, Contender, Results, Schedule, Work, compete, show, started
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import Question
from benchmarks.objects import Size, account_models, slowest
from benchmarks.processes import running

_SIZES = (Size(projects=50, models=500), Size(projects=50, models=1000), Size(projects=50, models=2000))
_MOST_MILLISECONDS = 5.0


def run(schedule: Schedule) -> bool:
    """Prints the CPU for each size; whether the largest is cheap enough."""
    found = []
    for size in _SIZES:
        asked = Question(
            "{ account { slowestModels(first: 5) { rank runtime model { id } } } }",
            {"account": {"slowestModels": slowest(account_models(size), 5)}},
        )
        work = Work(f"slowestModels over {size.projects} x {size.models:,}, warm", asked, (), CPU, connections=4)
        found.append(_measure(work, size, schedule))
    met = not [one for one in found if not show(one)] and found[-1].median(OURS) <= _MOST_MILLISECONDS
    grows = (found[-1].median(OURS) - found[0].median(OURS)) / 75
    said = "met" if met else "NOT MET"
    print(f"  {grows:6.3f} ms more for each 1,000 models (at most {_MOST_MILLISECONDS:g} ms: {said})")
    return met


def _measure(work: Work, size: Size, schedule: Schedule) -> Results:
    with running(fake_upstream(size)) as upstream:
        contenders = (Contender(OURS, gateway(upstream.port)),)
        with started(contenders) as servers:
            return compete(work, contenders, servers, schedule)

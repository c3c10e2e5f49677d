"""`make bench`: measures the gateway beside its contenders and prints medians, spread and ratios.

    python -m benchmarks [--only lists,...] [--rounds 5] [--seconds 1.0]

Everything is started here, on the loopback; servers run on one core, the load generator and dbt's stand-in on another.
Returns 1 when an answer was wrong or a goal was not met.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping

from benchmarks import (
    archive,
    archive_large,
    columnar,
    gateway_job,
    held,
    lists,
    memory,
    neighbour,
    repeats,
    upstream_tables,
    warm_ranking,
    workers,
)
from benchmarks.contest import Results, Schedule, show
from benchmarks.machine import describe
from benchmarks.processes import LOAD_CORE, NODE, pin


def _lists(schedule: Schedule) -> bool:
    return _show(lists.run(schedule))


def _list_of_500(schedule: Schedule) -> bool:
    return _show(lists.run(schedule, (500,)))


def _list_of_5(schedule: Schedule) -> bool:
    return _show(lists.run(schedule, (5,)))


def _numbered_lists(schedule: Schedule) -> bool:
    return _show(lists.run(schedule, (500, 5), numbered=True))


def _repeats(schedule: Schedule) -> bool:
    return _show(repeats.run(schedule))


def _page(schedule: Schedule) -> bool:
    return _show(gateway_job.page(schedule))


def _ranking(schedule: Schedule) -> bool:
    return _show(gateway_job.ranking(schedule))


def _history(schedule: Schedule) -> bool:
    return _show(gateway_job.history(schedule))


def _memory(_schedule: Schedule) -> bool:
    return memory.run(minutes=1)


def _memory_for_an_hour(_schedule: Schedule) -> bool:
    return memory.run(minutes=60)


def _neighbour(_schedule: Schedule) -> bool:
    return neighbour.run()


def _held(_schedule: Schedule) -> bool:
    return held.run()


def _upstream_tables(schedule: Schedule) -> bool:
    upstream_tables.main(["--rounds", "1"])
    return True


def _archive(schedule: Schedule) -> bool:
    return archive.run(schedule.rounds)


def _archive_large(schedule: Schedule) -> bool:
    return archive_large.show(archive.PLACE, schedule.rounds)


def _columnar(schedule: Schedule) -> bool:
    return columnar.show(archive.PLACE, schedule.rounds)


PARTS: Mapping[str, Callable[[Schedule], bool]] = {
    "lists": _lists,
    "list500": _list_of_500,
    "list5": _list_of_5,
    "numbered-lists": _numbered_lists,
    "repeats": _repeats,
    "page": _page,
    "ranking": _ranking,
    "history": _history,
    "neighbour": _neighbour,
    "warm-ranking": warm_ranking.run,
    "memory": _memory,
    "memory-hour": _memory_for_an_hour,
    "held": _held,
    "archive": _archive,
    "archive-large": _archive_large,
    "columnar": _columnar,
    "workers": workers.run,
    "upstream": _upstream_tables,
}
DEFAULT = (
    "lists",
    "numbered-lists",
    "repeats",
    "page",
    "ranking",
    "history",
    "warm-ranking",
    "memory",
    "workers",
    "upstream",
)


def main() -> int:
    given = _arguments()
    # Every part is shown when it is over, also where somebody reads it from a file.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text file
    _install_contenders()
    pin(0, frozenset({LOAD_CORE}))
    print(describe())
    schedule = Schedule(given.rounds, given.seconds)
    met = [PARTS[name](schedule) for name in given.only]
    return 0 if all(met) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures the gateway beside its contenders.")
    parser.add_argument("--only", type=_parts, default=DEFAULT, help=f"parts, by comma: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender (5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds a turn takes (1)")
    return parser.parse_args()


def _parts(given: str) -> tuple[str, ...]:
    names = tuple(given.split(","))
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}")
    return names


def _install_contenders() -> None:
    """The Node contenders, as locked, once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise SystemExit("Node 20 or newer, with npm, is needed for the contenders.")
    installed = NODE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (NODE / "package-lock.json").stat().st_mtime:
        print("Installing the Node contenders (once) ...", file=sys.stderr)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True, capture_output=True)
        installed.touch()


def _show(results: Iterable[Results]) -> bool:
    return not [one for one in results if not show(one)]


if __name__ == "__main__":
    sys.exit(main())

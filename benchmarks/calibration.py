"""How well the what-if simulation reproduces real commands: `python -m benchmarks.calibration FOLDER...`.

Looks for folders with manifest.json and run_results.json of one dbt command, simulates each command as it was, and
prints simulated / observed seconds by how long commands took: how many there are, the least, the median and the
greatest, and how many lie between 0.85 and 1.15, where a what-if is answered. Commands with fewer than three timed
nodes are left out.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.analysis.dependencies import dependencies
from gateway.analysis.intervals import NodeInterval
from gateway.analysis.schedule import AS_IT_WAS, TRUSTED, outlook
from gateway.analysis.step import Step
from gateway.archive.artifacts.artifact_files import (
    MANIFEST,
    RUN_RESULTS,
    Manifest,
    Result,
    RunResults,
    read_args,
    read_record,
)
from gateway.archive.times import from_micros, parse_micros
from gateway.errors import UnreadableArtifact
from gateway.hierarchy.measures.durations import Timings, interval
from gateway.hierarchy.vocabulary.status import status_of_word

LEAST_NODES = 3
EXECUTING = ("build", "run", "seed", "snapshot", "test", "retry")
CLASSES = ((20.0, "20 s and more"), (4.0, "4 to 20 s"), (1.0, "1 to 4 s"), (0.0, "less than 1 s"))


@dataclass(frozen=True)
class Calibration:
    """One command: its seconds from first start to last end, its threads, and simulated / observed."""

    seconds: float
    threads: int
    ratio: float

    @property
    def is_trusted(self) -> bool:
        """Whether a what-if of it is answered."""
        return TRUSTED[0] <= self.ratio <= TRUSTED[1]


def commands_below(folder: Path) -> Iterator[Path]:
    """Folders that hold both files."""
    for path in sorted(folder.rglob(RUN_RESULTS)):
        if (path.parent / MANIFEST).exists():
            yield path.parent


def calibrated(folder: Path) -> Calibration | None:
    """The calibration of a command; None for one that executes nothing, tells too few times, or whose manifest is of
    another command or cannot be read."""
    try:
        manifest, _ = read_record(folder / MANIFEST, Manifest)
        told, _ = read_record(folder / RUN_RESULTS, RunResults)
    except UnreadableArtifact:
        return None
    args = read_args(bytes(told.args))
    invocations = {manifest.metadata.invocation_id, told.metadata.invocation_id} - {None}
    if args.which not in EXECUTING or len(invocations) > 1:
        return None
    nodes = [node for result in told.results if (node := _timed(result)) is not None]
    if len(nodes) < LEAST_NODES:
        return None
    begin = min(start for _, start, _ in nodes)
    moved = [NodeInterval(name, _since(begin, start), _since(begin, end)) for name, start, end in nodes]
    threads = args.threads if isinstance(args.threads, int) and args.threads > 0 else None
    step = Step(moved, threads, dependencies(moved, _parents(manifest)))
    if step.end <= step.start:
        return None
    return Calibration(step.end - step.start, step.width, outlook([step], AS_IT_WAS).calibration)


def _timed(result: Result) -> tuple[str, datetime, datetime] | None:
    if not status_of_word((result.status or "").lower()).executed:
        return None
    moments = [
        None if (micros := parse_micros(text)) is None else from_micros(micros)
        for timing in result.timing or ()
        for text in (timing.started_at, timing.completed_at)
    ]
    start, end = interval(Timings(*moments[:4]), result.execution_time)
    return None if start is None or end is None else (result.unique_id, start, end)


def _since(begin: datetime, moment: datetime) -> float:
    return (moment - begin).total_seconds()


def _parents(manifest: Manifest) -> dict[str, list[str]]:
    sections = (manifest.nodes, manifest.unit_tests, manifest.functions, manifest.saved_queries)
    return {
        name: list(node.depends_on.nodes or ()) if node.depends_on else []
        for section in sections
        for name, node in (section or {}).items()
    }


def rows_of(found: list[Calibration]) -> Iterator[tuple[str, list[Calibration]]]:
    """The commands of each class that has some."""
    left = list(found)
    for least, name in CLASSES:
        of_class = [one for one in left if one.seconds >= least]
        left = [one for one in left if one.seconds < least]
        if of_class:
            yield name, of_class


def main() -> int:
    """Prints a table for each folder."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    for folder in map(Path, sys.argv[1:]):
        found = [one for path in commands_below(folder) if (one := calibrated(path)) is not None]
        print(f"{folder.name}: {len(found)} commands")
        print("| commands of | number | threads | least | median | greatest | trusted |")
        print("|---|---|---|---|---|---|---|")
        for name, of_class in rows_of(found):
            ratios = [one.ratio for one in of_class]
            threads = sorted({one.threads for one in of_class})
            trusted = sum(one.is_trusted for one in of_class)
            print(
                f"| {name} | {len(ratios)} | {threads[0]}–{threads[-1]} | {min(ratios):.3f} | "
                f"{statistics.median(ratios):.3f} | {max(ratios):.3f} | {trusted} |"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

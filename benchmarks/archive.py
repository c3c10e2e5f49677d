"""What happened, asked of an archive: cold processes, memory, ingest and bytes, beside what a person would do instead.

A generated account of 20 environments x 2,000 models x 20 runs. It and its archive are kept under build/bench and made
once.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import archive_beside, archive_contenders, archive_ingest
from benchmarks.account import Size, write_account
from benchmarks.archive_cold import Asked, ask_cold
from gateway.archive.archive import Archive

PLACE = Path("build/bench")
SIZE = Size(environments=20, models=2000, runs=20)
MOST_BYTES_A_RESULT = 320.0


@dataclass(frozen=True)
class Question:
    """What is asked of a new process, and how many seconds its answer may take; None: no goal is set."""

    name: str
    document: str
    most_seconds: float | None


def _ranking(arguments: str) -> str:
    return f"{{ account {{ slowestModels({arguments}) {{ rank runtime model {{ id }} }} }} }}"


QUESTIONS = (
    Question("counts of all projects", "{ account { projects { nodes { id modelCount jobCount } } } }", 1.5),
    Question(
        "first page of models and counts",
        "{ account { models(first: 50) { totalCount nodes { id name runtime tags } }"
        " projects { nodes { id modelCount } } } }",
        1.5,
    ),
    Question(
        "20 models of each project",
        "{ account { projects { nodes { id models(first: 20) { nodes { id runtime } } } } } }",
        None,
    ),
    Question("slowestModels", _ranking("first: 5"), 1.5),
    Question("slowestModels(lastRuns: 5)", _ranking("first: 5, lastRuns: 5"), 0.8),
    Question("slowestModels(lastRuns: 20)", _ranking("first: 5, lastRuns: 20"), 1.2),
)
MOST_WARM_MILLISECONDS = 5.0


def run(rounds: int) -> bool:
    """Prints the table; whether every goal is met. The machine should have nothing else to do."""
    folder, store, results = prepared(SIZE)
    print(f"\narchive: {SIZE.environments} x {SIZE.models:,} models x {SIZE.runs} runs, {results:,} results")
    met = [_show(question, [ask_cold(store, question.document) for _ in range(rounds)]) for question in QUESTIONS]
    met.append(archive_beside.show(store, {question.name: question.document for question in QUESTIONS}, rounds))
    archive_contenders.show(folder, store, last_runs=5, first=5)
    met.append(archive_ingest.show(folder, rounds))
    met.append(_show_bytes(store, results))
    return all(met)


def prepared(size: Size) -> tuple[Path, str, int]:
    """The folder and the archive of an account, made when they are not there, and how many results it holds."""
    name = f"{size.environments}x{size.models}x{size.runs}"
    folder, file = PLACE / name, PLACE / f"{name}-results.db"
    if not folder.exists():
        print(f"Writing {name} (once) ...", file=sys.stderr)
        write_account(folder, size)
    store = f"sqlite:///{file}"
    if not file.exists():
        print(f"Reading {name} into an archive (once) ...", file=sys.stderr)
        command = [sys.executable, "-m", "gateway", "ingest", str(folder), "--no-raw", "--store", store]
        subprocess.run(command, check=True, capture_output=True)
    archive = Archive.open(store)
    try:
        return folder, store, archive.describe().model_results
    finally:
        archive.close()


def _show(question: Question, asked: Sequence[Asked]) -> bool:
    wall, cpu = (sorted(found)[len(found) // 2] for found in ([a.wall for a in asked], [a.cpu for a in asked]))
    warm, memory = min(one.warm_cpu_milliseconds for one in asked), max(one.mebibytes for one in asked)
    failed = next((one.error for one in asked if one.error), None)
    met = failed is None and (question.most_seconds is None or wall <= question.most_seconds)
    is_ranking = question.name.startswith("slowest")
    met = met and (not is_ranking or warm <= MOST_WARM_MILLISECONDS)
    goal = f"at most {question.most_seconds:g} s" if question.most_seconds else "no goal"
    print(
        f"  {question.name:34} {wall:6.2f} s, CPU {cpu:5.2f} s ({goal}); warm {warm:4.1f} ms of CPU; {memory:4.0f} MiB"
        + ("" if met else f"  NOT MET{': ' + failed if failed else ''}")
    )
    return met


def _show_bytes(store: str, results: int) -> bool:
    size = Path(store.removeprefix("sqlite:///")).stat().st_size / results
    met = size <= MOST_BYTES_A_RESULT
    print(f"  {size:.1f} bytes a result, all in all (at most {MOST_BYTES_A_RESULT:g}){'' if met else '  NOT MET'}")
    return met

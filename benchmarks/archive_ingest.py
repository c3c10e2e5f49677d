"""What reading runs into an archive costs for 1,000 results: as it is, without looking for lasting changes of runtimes,
and by the last commit without roll-ups.

That commit looked for keys that stand twice in artifacts in a way that took longer than all else, so this is left out
of both; what it takes now is shown beside them.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.processes import ROOT

MOST_TIMES = 1.15
_BEFORE_ROLLUPS = "a81ecb2^"
_PROGRAM = """
import importlib, sys, time
from pathlib import Path
store, folder, left_out = sys.argv[1:]
if left_out != "nothing":
    try:
        limits = importlib.import_module("gateway.archive.artifacts.json_limits")
    except ImportError:
        limits = importlib.import_module("gateway.archive.json_limits")
    limits.check_json = lambda *_: None
from gateway.archive.archive import Archive
from gateway.ingest import folders
if left_out == "lasting changes":
    from gateway.archive.rollups import upkeep
    folders.look_at_new_runs = folders.look_while_writing = upkeep.mark_models_of = lambda *_: None
archive = Archive.open(store)
began = time.process_time()
report = folders.ingest_folder(archive, Path(folder), keep_raw=False)
print(time.process_time() - began, report.results)
archive.close()
"""


def show(folder: Path, rounds: int) -> bool:
    """Prints CPU milliseconds for 1,000 results of one project; whether roll-ups, and the columns that came with them,
    cost little more than before."""
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=folder.parent) as made:
        place = Path(made).resolve()
        project = sorted(path for path in folder.iterdir() if path.is_dir())[0]
        shutil.copytree(project, place / "account" / project.name, copy_function=os.link)
        os.link(folder / "account.json", place / "account" / "account.json")
        before = _earlier_program(place / "before")
        programs = {
            "whole": (ROOT, "nothing"),
            "now": (ROOT, "checks"),
            "without lasting changes": (ROOT, "lasting changes"),
            **({"before": (before, "checks")} if before else {}),
        }
        turns = [{name: _once(place, *program) for name, program in programs.items()} for _ in range(rounds)]
    costs = {name: median(turn[name] for turn in turns) for name in programs}
    said = ", ".join(f"{cost:.1f} {name}" for name, cost in costs.items() if name != "whole")
    print(f"  ingest, for 1,000 results: {costs['whole']:.1f} ms of CPU; without looking for repeated keys {said}")
    if not before:
        print(f"    the commit before roll-ups ({_BEFORE_ROLLUPS}) is not in this checkout: NOT COMPARED")
        return True
    times = median(turn["without lasting changes"] / turn["before"] for turn in turns)
    met = times <= MOST_TIMES
    print(
        f"    with roll-ups {times:.2f} times what it cost before (at most {MOST_TIMES:g}){'' if met else '  NOT MET'}"
    )
    return met


def _earlier_program(place: Path) -> Path | None:
    """The gateway as it was before roll-ups; None where git does not have it."""
    command = ["git", "-C", str(ROOT), "archive", _BEFORE_ROLLUPS, "gateway"]
    try:
        packed = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(place, filter="data")
    return place


def _once(place: Path, program: Path, left_out: str) -> float:
    with tempfile.TemporaryDirectory(dir=place) as made:
        command = [sys.executable, "-c", _PROGRAM, f"sqlite:///{made}/runs.db", str(place / "account"), left_out]
        environment = {**os.environ, "PYTHONPATH": str(program)}
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=program, env=environment)
    seconds, results = said.stdout.split()
    return float(seconds) * 1000 / (int(results) / 1000)

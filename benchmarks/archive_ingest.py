"""What reading runs into an archive costs for 1,000 results, and in the same run without looking for lasting changes of
runtimes, and without roll-ups either."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

MOST_TIMES = 1.15
_LEFT_OUT = ("nothing", "lasting changes", "roll-ups")
_PROGRAM = """
import sys, time
from pathlib import Path
from gateway.archive.rollups import upkeep as rollups
from gateway.archive.writing import run_writer
from gateway.archive.archive import Archive
from gateway.ingest import folders
from gateway.ingest.folders import ingest_folder
store, folder, left_out = sys.argv[1:]
if left_out != "nothing":
    folders.look_at_new_runs = folders.look_while_writing = rollups.mark_models_of = lambda *_: None
if left_out == "roll-ups":
    run_writer.add_results = lambda *_: None
archive = Archive.open(store)
began = time.process_time()
report = ingest_folder(archive, Path(folder), keep_raw=False)
print(time.process_time() - began, report.results)
archive.close()
"""


def show(folder: Path, rounds: int) -> bool:
    """Prints CPU milliseconds for 1,000 results of one project; whether roll-ups cost little enough."""
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=folder.parent) as made:
        place = Path(made)
        project = sorted(one for one in folder.iterdir() if one.is_dir())[0]
        shutil.copytree(project, place / "account" / project.name, copy_function=os.link)
        os.link(folder / "account.json", place / "account" / "account.json")
        turns = [tuple(_once(place, one, n) for one in _LEFT_OUT) for n in range(rounds)]
    whole, with_rollups, without = (median(one) for one in zip(*turns, strict=True))
    times = median(one / other for _, one, other in turns)
    met = times <= MOST_TIMES
    print(
        f"  ingest, for 1,000 results: {whole:.1f} ms of CPU, {with_rollups:.1f} without lasting changes, {without:.1f}"
        f" without roll-ups, which cost {times:.2f} times (at most {MOST_TIMES:g}){'' if met else '  NOT MET'}"
    )
    return met


def _once(place: Path, left_out: str, number: int) -> float:
    store = f"sqlite:///{place / f'{left_out}-{number}.db'}"
    command = [sys.executable, "-c", _PROGRAM, store, str(place / "account"), left_out]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]) * 1000 / (int(said[1]) / 1000)

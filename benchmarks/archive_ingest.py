"""What reading runs into an archive costs for 1,000 results: with roll-ups and, in the same run, without them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

MOST_TIMES = 1.15
_PROGRAM = """
import sys, time
from pathlib import Path
from gateway.archive import run_writer
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
store, folder, rollups = sys.argv[1:]
if rollups == "without":
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
        pairs = [tuple(_once(place, rollups, n) for rollups in ("with", "without")) for n in range(rounds)]
    with_rollups, without = (median(one) for one in zip(*pairs, strict=True))
    times = median(one / other for one, other in pairs)
    met = times <= MOST_TIMES
    print(
        f"  ingest, for 1,000 results: {with_rollups:.1f} ms of CPU, {without:.1f} without roll-ups, {times:.2f} times"
        f" (at most {MOST_TIMES:g}){'' if met else '  NOT MET'}"
    )
    return met


def _once(place: Path, rollups: str, number: int) -> float:
    store = f"sqlite:///{place / f'{rollups}-{number}.db'}"
    command = [sys.executable, "-c", _PROGRAM, store, str(place / "account"), rollups]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]) * 1000 / (int(said[1]) / 1000)

"""Loads the demo and a generated account of 40,000 models, then asks both the main questions.

    python -m benchmarks.upstream_tables [--environments 20] [--models 2000] [--runs 20] [--rounds 1] [--sample 100]

The generated account and its archive are kept under build/bench and made anew when their size changes.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.account import Size, write_account
from benchmarks.platform_process import run_platform
from benchmarks.questions import report
from gateway.ingest.demo import unpack_demo

_PLACE = Path("build/bench")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints both tables."""
    given = _arguments(arguments)
    size = Size(given.environments, given.models, given.runs)
    demo = _PLACE / "demo"
    if not demo.exists():
        unpack_demo(demo)
    for name, folder in (("the demo account", demo), (_describe(size), _generated(size))):
        print(f"\n{name}")
        store = _load(folder)
        with run_platform(store) as platform:
            asyncio.run(report(platform, given.rounds, given.sample))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures loading and the main questions, on two accounts.")
    parser.add_argument("--environments", type=int, default=20, help="environments of the generated account (20)")
    parser.add_argument("--models", type=int, default=2000, help="models in each of them (2000)")
    parser.add_argument("--runs", type=int, default=20, help="runs in each of them (20)")
    parser.add_argument("--rounds", type=int, default=1, help="times each question is asked cold (1)")
    parser.add_argument("--sample", type=int, default=100, help="one-by-one requests that are really timed (100)")
    return parser.parse_args(arguments)


def _describe(size: Size) -> str:
    return f"{size.environments} environments x {size.models:,} models x {size.runs} runs, generated"


def _generated(size: Size) -> Path:
    folder = _PLACE / f"{size.environments}x{size.models}x{size.runs}"
    if not folder.exists():
        print(f"Writing {_describe(size)} ...", file=sys.stderr)
        write_account(folder, size)
    return folder


def _load(folder: Path) -> str:
    """Reads a folder into a new archive in a process of its own, and tells what that took."""
    archive = _PLACE / f"{folder.name}.db"
    for old in _PLACE.glob(f"{archive.name}*"):
        old.unlink()
    store = f"sqlite:///{archive}"
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "gateway", "ingest", str(folder), "--store", store], check=True, capture_output=True
    )
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"loaded in {took:.1f} s, at most {peak:,.0f} MiB of memory, {archive.stat().st_size / 2**20:,.1f} MiB on disk"
    )
    return store


if __name__ == "__main__":
    main()

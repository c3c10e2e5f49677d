"""Prints the fault matrix as a table of counts: `python -m tests.chaos`."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from gateway.settings import Settings
from gateway.wiring.upstream import open_archive
from tests.chaos.harness import ALL_FAULTS, SECONDS, STATES, opened_matrix
from tests.chaos.test_fault_matrix import DOCUMENTED


async def report(store: str) -> None:
    """One line a fault, one group of counts a state: right · null with a code · stale · wrong."""
    write(f"{'fault':40}" + "".join(f"{state:>24}" for state in STATES))
    write(f"{'':40}" + f"{'right coded stale wrong':>24}" * len(STATES))
    sums = [[0, 0, 0, 0] for _ in STATES]
    slowest = 0.0
    async with opened_matrix(store, DOCUMENTED) as matrix:
        for fault in ALL_FAULTS:
            line = f"{fault:40}"
            for state, total in zip(STATES, sums, strict=True):
                found = await matrix.examine(fault, state)
                counts = [found.right, found.coded, found.stale, len(found.wrong)]
                slowest = max(slowest, found.slowest)
                total[:] = [a + b for a, b in zip(total, counts, strict=True)]
                line += "".join(f"{count:6}" for count in counts)
            write(line)
    write(f"{'all':40}" + "".join(f"{count:6}" for total in sums for count in total))
    write(f"the slowest answer took {slowest:.2f} s, of {SECONDS} s that a request had")


def write(line: str) -> None:
    """A line at once: the whole takes a minute."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as directory:
        archive, _ = open_archive(Settings(), Path(directory))
        archive.close()
        asyncio.run(report(f"sqlite:///{directory}/runs.db"))


if __name__ == "__main__":
    main()

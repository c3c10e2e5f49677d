"""The whole comparison: `python -m tests.comparison [--seeds 100] [--first 1] [--demo] [ARCHIVE …]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.ingest.demo import unpack_demo
from tests.comparison.archives import compare_archive, compare_seed


async def run(first: int, seeds: int, demo: bool, archives: list[Path]) -> int:
    """Prints what was found; how many values differ."""
    compared, differences = 0, []
    with TemporaryDirectory() as place:
        if demo:
            archives = [unpack_demo(Path(place) / "demo"), *archives]
        for seed in range(first, first + seeds):
            found = await compare_seed(Path(place) / str(seed), seed)
            compared += found.compared
            differences += found.differences
        for number, folder in enumerate(archives):
            found = await compare_archive(folder, Path(place) / f"given{number}")
            compared += found.compared
            differences += found.differences
            print(f"{folder}: {found.compared:,} values")  # noqa: T201
    print("\n".join(differences[:200]))  # noqa: T201
    print(f"{compared:,} values compared, {len(differences):,} differ")  # noqa: T201
    return len(differences)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--demo", action="store_true", help="compare the demo too")
    parser.add_argument("archives", nargs="*", type=Path)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(run(given.first, given.seeds, given.demo, given.archives)) > 0)

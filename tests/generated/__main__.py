"""The whole campaign: `python -m tests.generated [--valid 10000] [--mutated 10000] [--seed 1]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.ingest.demo import unpack_demo
from gateway.settings import Settings
from tests.conftest import stored
from tests.generated.campaign import Campaign
from tests.oracle.account import Oracle
from tests.serving import serving


async def run(valid: int, mutated: int, seed: int) -> int:
    """Prints what was found; how many faults."""
    with TemporaryDirectory() as folder:
        demo = unpack_demo(Path(folder))
        # Among ten thousand there are some that would cost more than is answered by default.
        settings = Settings(store_url=stored(demo, Path(folder)), query_cost=10**9)
        async with serving(settings) as gateway:
            campaign = Campaign(gateway, Oracle(demo), seed)
            faults = []
            for what, ask, count in (
                ("valid", campaign.ask_valid, valid),
                ("mutated", campaign.ask_mutated, mutated),
            ):
                start = time.process_time()
                findings = await ask(count)
                print(f"{what}: {findings}, {time.process_time() - start:.0f} s of CPU", flush=True)  # noqa: T201
                faults += findings.faults
    print("\n\n".join(faults[:20]))  # noqa: T201
    return len(faults)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valid", type=int, default=10_000)
    parser.add_argument("--mutated", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(run(given.valid, given.mutated, given.seed)) > 0)

"""`python -m tests.chaos.forking_platform STORE PORT`: for each line it reads, a local platform on PORT.

The processes are forked, so that one that was killed is soon replaced; the id of each is written in a line.
"""

from __future__ import annotations

import os
import sys

import uvicorn

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from tests.services.faults import TOKEN


def main() -> None:
    store, port = sys.argv[1:]
    _tell("ready")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            uvicorn.run(create_platform(Archive.open(store), token=TOKEN), port=int(port), log_level="critical")
            return
        _tell(str(child))


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

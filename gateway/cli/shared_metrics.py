"""Where several worker processes keep their metrics."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# prometheus-client reads it when a worker imports it.
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def metrics_shared(workers: int) -> Iterator[Path | None]:
    """A directory in which several workers, started within the block, keep their figures so that each can show the sums
    of all; None for a single one."""
    if workers < 2:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="gateway-metrics-", ignore_cleanup_errors=True) as directory:
        # For the workers only: this process has imported prometheus-client already.
        os.putenv(_VARIABLE, directory)
        try:
            yield Path(directory)
        finally:
            os.unsetenv(_VARIABLE)

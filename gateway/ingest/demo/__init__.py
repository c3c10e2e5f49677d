"""The demo account: the runs of four real dbt projects, shipped as one compressed file beside this module.

`make demo` makes it again by running dbt. Two of its runs are edited afterwards (see `demo/reuse.py`).
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from gateway.ingest.unpacking import unpack

PACK = "runs.tar.xz"


def unpack_demo(into: Path) -> Path:
    """Unpacks the demo below `into` (114 MB) and returns the archive folder, the one that holds account.json.

    Raises UnreadableArtifact when the disk does not take it.
    """
    with as_file(files(__name__).joinpath(PACK)) as pack:
        unpack(pack, into)
    return into / "runs"

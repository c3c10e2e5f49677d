"""The demo account: the runs of three real dbt projects, shipped as one compressed file beside this module.

`demo/build.py` of the repository makes it again by running dbt.
"""

from __future__ import annotations

import tarfile
from importlib.resources import as_file, files
from pathlib import Path

from gateway.errors import UnreadableArtifact
from gateway.local_platform.unpacking import unpack_tar

PACK = "runs.tar.xz"


def unpack_demo(into: Path) -> Path:
    """Unpacks the demo below `into` (89 MB) and returns the archive folder, the one that holds account.json."""
    with as_file(files(__name__).joinpath(PACK)) as pack:
        try:
            unpack_tar(pack, into)
        except (OSError, tarfile.TarError) as error:
            raise UnreadableArtifact(f"{pack}: the demo cannot be unpacked to {into}: {error}.") from error
    return into / "runs"

"""Unpacks archives of artifacts safely: no links, no paths leaving the folder, no bombs."""

from __future__ import annotations

import tarfile
from pathlib import Path

from gateway.errors import UnreadableArtifact

MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_MEMBERS = 1_000_000


def unpack_tar(pack: Path, into: Path) -> None:
    """Unpacks files and folders of a tar, however compressed. Raises UnreadableArtifact for anything unsafe."""
    with tarfile.open(pack, "r:*") as tar:
        unpacked = 0
        for count, member in enumerate(tar, start=1):
            if not (member.isfile() or member.isdir()):
                raise UnreadableArtifact(f"{pack}: {member.name} is neither file nor folder; links are not unpacked.")
            unpacked += member.size
            if unpacked > MAX_UNPACKED_BYTES or count > MAX_MEMBERS:
                raise UnreadableArtifact(
                    f"{pack}: holds more than {MAX_UNPACKED_BYTES // 1024**3} GB or too many files."
                )
            try:
                tar.extract(member, into, filter="data")
            except tarfile.FilterError as error:
                raise UnreadableArtifact(f"{pack}: {member.name} would leave the folder it is unpacked to.") from error

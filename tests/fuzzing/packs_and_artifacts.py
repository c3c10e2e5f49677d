"""Fuzzes what reads packs and artifacts: nothing but UnreadableArtifact may come out of it, in bounded memory.

pip install atheris . && python tests/fuzzing/packs_and_artifacts.py -max_total_time=600 -rss_limit_mb=1024
"""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gateway.local_platform"]):
    from gateway.archive.artifacts.artifact_files import ARTIFACT_NAMES
    from gateway.archive.artifacts.invocation import ArtifactReader, group_invocations
    from gateway.errors import UnreadableArtifact
    from gateway.ingest import unpacking

unpacking.MAX_UNPACKED_BYTES = 16 * 1024**2
_PLACE = Path(tempfile.mkdtemp(prefix="fuzz-"))  # faster where TMPDIR lies in memory
_HEAD = (
    b'{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/%s.json",'
    b'"generated_at":"2026-03-02T03:00:00Z","invocation_id":"a"},'
)


def read_one(data: bytes) -> None:
    """The first byte chooses: a pack, or one of the artifacts."""
    kind, body = data[:1] or b"\0", data[1:]
    choice = kind[0] % (len(ARTIFACT_NAMES) + 1)
    try:
        if choice == len(ARTIFACT_NAMES):
            _read_pack(body)
        else:
            file = _PLACE / ARTIFACT_NAMES[choice]
            file.write_bytes(body)
            group_invocations([ArtifactReader().read(file)])
    except UnreadableArtifact as refused:
        if not refused.message.startswith(str(_PLACE)):
            raise AssertionError(refused.message) from refused


def _read_pack(body: bytes) -> None:
    pack = _PLACE / "pack"
    pack.write_bytes(body)
    with tempfile.TemporaryDirectory(dir=_PLACE) as folder:
        unpacking.unpack(pack, Path(folder))
        outside = [path for path in _PLACE.iterdir() if path.name not in {"pack", Path(folder).name, *ARTIFACT_NAMES}]
        assert not outside, outside


def _write_seeds(folder: Path) -> None:
    """Small packs of every form, and one artifact of each kind."""
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode=mode, format=form) as tar:  # type: ignore[call-overload]
                member = tarfile.TarInfo("x" * 120 + "/manifest.json")
                member.size = 2
                tar.addfile(member, io.BytesIO(b"{}"))
            (folder / f"tar-{mode[2:]}-{form}").write_bytes(b"\4" + packed.getvalue())
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive, archive.open("a/run.json", "w", force_zip64=True) as out:
            out.write(b"{}")
        (folder / f"zip-{method}").write_bytes(b"\4" + packed.getvalue())
    bodies = {
        b"manifest/v12": b'"nodes":{"model.a.b":{"unique_id":"model.a.b","tags":["x"],"config":{"a":1}}}}',
        b"run-results/v6": b'"results":[{"unique_id":"model.a.b","status":"success"}],"args":{"which":"run"}}',
        b"sources/v3": b'"results":[{"unique_id":"source.a.b","status":"pass","error":null}]}',
        b"catalog/v1": b'"nodes":{"model.a.b":{"columns":{}}},"sources":{}}',
    }
    for number, (name, body) in enumerate(bodies.items()):
        (folder / f"artifact-{number}").write_bytes(bytes([number]) + _HEAD % name + body)


if __name__ == "__main__":
    seeds = Path(tempfile.mkdtemp(prefix="fuzz-seeds-"))
    _write_seeds(seeds)
    atheris.Setup([*sys.argv, str(seeds)], read_one)
    atheris.Fuzz()

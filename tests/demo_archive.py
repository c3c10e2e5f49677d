"""The archive of the demo, read once for each state of the sources; each worker and each later run copies it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".pytest_cache" / "demo"


def sources_digest(root: Path = ROOT) -> str:
    """Differs where package, demo, pinned libraries or Python differ: any of them may change the archive."""
    package = root / "gateway"
    files = [*package.rglob("*.py"), *package.rglob("*.tar.xz"), *(root / "requirements").glob("*.lock")]
    digest = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for file in sorted(files):
        content = hashlib.blake2b(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()


def copy_archive(name: str, target: Path, make: Callable[[Path], None], kept: Path = KEPT) -> None:
    """Copies the SQLite archive `name` to `target`. Where it is not kept yet, `make` writes it at the path it gets.

    Processes that need it at the same time wait for the one that makes it. Archives of other sources are removed then.
    """
    sources = sources_digest()
    place = kept / sources
    place.mkdir(parents=True, exist_ok=True)
    archive = place / f"{name}.db"
    with (kept / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            for other in kept.glob("*/*.db*"):
                if other.parent != place and other.name.startswith(name):
                    other.unlink()
            unfinished = place / f"{name}.db.unfinished"
            unfinished.unlink(missing_ok=True)
            make(unfinished)
            unfinished.rename(archive)
        shutil.copyfile(archive, target)


def folder_of_runs(demo: Path, place: Path, run_ids: Iterable[int]) -> Path:
    """A folder below `place` with nothing but these runs of the demo."""
    folder = place / "runs"
    folder.mkdir(parents=True)
    os.link(demo / "account.json", folder / "account.json")
    for run_id in run_ids:
        (run,) = demo.glob(f"*/*/{run_id}")
        shutil.copytree(run, folder / run.relative_to(demo), copy_function=os.link)
    return folder

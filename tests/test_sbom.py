"""The software bill of materials names what the lock files name, and the built pages hold nothing that it does not."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hatch_build
import sbom
from tests.node import unavailable

pytestmark = pytest.mark.external

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def npm_components() -> list[Any]:
    npm = hatch_build.system_npm()
    if npm is None:
        unavailable("npm is not installed")
    assert npm is not None
    return [one for folder in sbom.NPM_FOLDERS for one in sbom.npm_components([npm], folder, "1.0.0")]


@pytest.mark.slow
def test_all_that_is_built_into_the_pages_is_named_with_its_hash_and_licence(npm_components: list[Any]) -> None:
    components = {(one["name"], one["version"]): one for one in npm_components}
    bundled = ROOT / hatch_build.PAGES / hatch_build.LICENSES
    names = re.findall(r"^(@?[a-z][^\s]*) (\d[^\s]*) \([A-Z]", bundled.read_text("utf-8"), re.MULTILINE)
    assert len(names) > 10
    assert set(names) <= components.keys()
    for name in hatch_build.WANTED:
        locked = hatch_build.locked_packages(ROOT, [name])[name]
        integrity = base64.b64decode(locked["integrity"].removeprefix("sha512-")).hex()
        assert components[name, locked["version"]]["hashes"] == [{"alg": "SHA-512", "content": integrity}]
    assert [one["name"] for one in npm_components if not sbom.licence_names(one)] == []
    assert not [name for name, _ in components if "esbuild" in name or name == "typescript"]


@pytest.mark.nightly
@pytest.mark.slow
def test_the_document_names_the_whole_lock_file_and_is_the_same_twice(tmp_path: Path) -> None:
    tool, python = ROOT / ".venv/sbom/bin/cyclonedx-py", ROOT / ".venv/shipped/bin/python"
    if not tool.exists() or not python.exists():
        pytest.skip("the tool is not installed (make sbom)")
    for name in ("first", "second"):
        command = [ROOT / ".venv/bin/python", ROOT / "sbom.py", "--tool", tool, "--environment", python]
        subprocess.run([*command, "--into", tmp_path / name], check=True, capture_output=True, cwd=ROOT)
    assert (tmp_path / "first/sbom.cdx.json").read_bytes() == (tmp_path / "second/sbom.cdx.json").read_bytes()
    document = json.loads((tmp_path / "first/sbom.cdx.json").read_text("utf-8"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "dbt-gateway"
    pypi = {
        normal(one["name"]): one["version"] for one in document["components"] if one["purl"].startswith("pkg:pypi/")
    }
    lock = (ROOT / "requirements/run.lock").read_text("utf-8")
    pins = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[.*\])?==([^\s;]+)( ;)?", lock, re.MULTILINE)
    assert len(pins) > 50
    assert pypi.items() <= {(normal(name), version) for name, version, _ in pins}
    # Those with a condition may be for other systems or another Python.
    assert {normal(name) for name, _, condition in pins if not condition} <= pypi.keys()
    assert [one["name"] for one in document["components"] if not one.get("licenses")] == []
    text = (tmp_path / "first/licenses.txt").read_text("utf-8")
    assert text.count("Permission is hereby granted") > 30


def normal(name: str) -> str:
    """As PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()

"""Software bill of materials: all that the image and the wheel bring along, in CycloneDX, with the licences' texts.

`make sbom` prepares two environments and calls this: one with `cyclonedx-py`, one with exactly the packages of
`requirements/run.lock`. npm describes what the two lock files of the pages name. The same lock files give the same
bytes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gateway
import hatch_build

ROOT = Path(__file__).parent
NPM_FOLDERS = (Path(), Path("dashboard"))
# The bundler makes the pages and is no part of them.
NOT_SHIPPED = ("esbuild", "@esbuild/")
# Their wheels name the licence in words that the tool does not know.
LICENSES = {"protobuf": "BSD-3-Clause"}
SECONDS = 300

Component = Mapping[str, Any]


def python_document(tool: Path, environment: Path) -> dict[str, Any]:
    """What `cyclonedx-py` says of an environment that holds the locked packages and nothing else."""
    options = ["--output-reproducible", "--pyproject", str(ROOT / "pyproject.toml"), "-o", "-"]
    document = _answer([str(tool), "environment", str(environment), *options], ROOT)
    for component in document["components"]:
        if not component.get("licenses") and component["name"] in LICENSES:
            component["licenses"] = [{"license": {"id": LICENSES[component["name"]]}}]
    return document


def npm_components(npm: Sequence[str], folder: Path, version: str) -> list[Component]:
    """What npm says of a lock file: the packages that are built into the pages, by name."""
    described = json.loads((ROOT / folder / "package.json").read_text("utf-8")) | {"version": version}
    with tempfile.TemporaryDirectory() as scratch:
        # npm describes packages with a version only, and ours has none.
        (Path(scratch) / "package.json").write_text(json.dumps(described), "utf-8")
        (Path(scratch) / "package-lock.json").write_bytes((ROOT / folder / "package-lock.json").read_bytes())
        options = ["sbom", "--sbom-format=cyclonedx", "--package-lock-only", "--omit=dev"]
        document = _answer([*npm, *options], Path(scratch))
    components = [one for one in document["components"] if not one["name"].startswith(NOT_SHIPPED)]
    return sorted(components, key=lambda component: str(component["purl"]))


def merged(document: Mapping[str, Any], npm: Sequence[Component], version: str) -> dict[str, Any]:
    """One document of all components, each once, by the address of its package."""
    metadata = document["metadata"]
    metadata["component"]["version"] = version
    by_purl = {component["purl"]: component for component in [*document["components"], *npm]}
    components = [by_purl[purl] for purl in sorted(by_purl)]
    return {**document, "metadata": metadata, "components": components}


def licence_list(components: Sequence[Component]) -> str:
    """Name, version and licences of each component, one a line."""
    lines = []
    for component in components:
        licences = ", ".join(licence_names(component)) or "see its text"
        lines.append(f"{component['name']} {component['version']} ({licences})")
    return "\n".join(lines) + "\n"


def licence_texts(environment: Path) -> str:
    """The texts that Python packages bring, and those of what is built into the pages."""
    packages = sorted((environment.parents[1] / "lib").glob("python*/site-packages/*.dist-info"))
    files = [file for package in packages for file in sorted(package.rglob("*")) if _is_licence_text(file)]
    files += [*sorted((ROOT / hatch_build.ASSETS).glob("*.LICENSE")), ROOT / hatch_build.PAGES / hatch_build.LICENSES]
    texts = []
    for file in files:
        place = next((part for part in file.parts if part.endswith(".dist-info")), "pages")
        texts.append(
            f"{place.removesuffix('.dist-info')}: {file.name}\n\n{file.read_text('utf-8', 'replace').strip()}\n"
        )
    return f"\n{'-' * 80}\n".join(texts)


def licence_names(component: Component) -> list[str]:
    """Identifiers or names of its licences, without those that are only a text."""
    licences = [entry.get("license", {"name": entry.get("expression")}) for entry in component.get("licenses", ())]
    return sorted({str(licence.get("id") or licence["name"]) for licence in licences if not _is_text(licence)})


def _is_licence_text(file: Path) -> bool:
    return file.is_file() and file.name.upper().startswith(("LICEN", "COPYING", "NOTICE"))


def _is_text(licence: Mapping[str, Any]) -> bool:
    return "text" in licence and "id" not in licence


def _answer(command: Sequence[str], folder: Path) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603  # fixed command lines
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    if done.returncode:
        sys.exit(f"error: {' '.join(command[:2])} failed: {done.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Writes `sbom.cdx.json` and `licenses.txt`."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tool", type=Path, required=True, help="cyclonedx-py")
    options.add_argument("--environment", type=Path, required=True, help="Python with the locked packages alone")
    options.add_argument("--into", type=Path, default=ROOT / "dist")
    arguments = options.parse_args()
    version = gateway.__version__
    npm = [one for folder in NPM_FOLDERS for one in npm_components(hatch_build.npm(), folder, version)]
    document = merged(python_document(arguments.tool.absolute(), arguments.environment.absolute()), npm, version)
    arguments.into.mkdir(parents=True, exist_ok=True)
    (arguments.into / "sbom.cdx.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")
    licences = f"{licence_list(document['components'])}\n{'=' * 80}\n{licence_texts(arguments.environment.absolute())}"
    (arguments.into / "licenses.txt").write_text(licences, "utf-8")
    print(f"{len(document['components'])} components: {arguments.into}/sbom.cdx.json, licenses.txt")  # noqa: T201


if __name__ == "__main__":
    main()

"""Artifacts of every dbt version that public projects committed are read without a crash, and answer every field.

They are not part of this repository: name a tar of them in DBT_PUBLIC_ARTIFACTS.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from gateway.local_platform.discovery.schema import published_sdl
from tests.local_platform.everything import all_fields
from tests.repetitions import daily_and_nightly
from tests.served_platform import Platform

_BESIDE = Path(__file__).parents[3] / "shared" / "artifacts" / "public-artifacts.tar.xz"
_PACK = Path(os.environ.get("DBT_PUBLIC_ARTIFACTS", _BESIDE))
_KINDS = ("manifest", "run_results", "sources", "catalog")
_RELATED = "uniqueId parents { uniqueId } children { uniqueId } tests { uniqueId }"


def questions() -> tuple[str, str]:
    """Every field of an environment, and of a job."""
    schema = build_schema(published_sdl())
    environment = f"""query ($id: BigInt!) {{ environment(id: $id) {all_fields(schema, "Environment", 4)}
      related: environment(id: $id) {{
        applied {{ models {{ edges {{ node {{ {_RELATED}
          executionInfo {{ executionTime }} catalog {{ columns {{ name }} }} }} }} }} }}
        definition {{ models {{ edges {{ node {{ {_RELATED} constraints {{ type }} }} }} }} }} }} }}"""
    return environment, f"query ($id: BigInt!) {{ job(id: $id) {all_fields(schema, 'JobNode', 1)} }}"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public artifacts, unpacked; a skip where they are not at hand."""
    if not _PACK.is_file():
        pytest.skip(f"no public artifacts at {_PACK}: put them there, or name a tar of them in DBT_PUBLIC_ARTIFACTS")
    folder = tmp_path_factory.mktemp("public")
    with tarfile.open(_PACK) as tar:
        tar.extractall(folder, filter="data")
    return folder


def artifact_sets(public: Path) -> Iterator[dict[str, Path]]:
    """Every folder of artifacts, and every file with a name of its own as a folder of one."""
    for folder in sorted({path.parent for path in public.rglob("*.json")}):
        proper = {kind: folder / f"{kind}.json" for kind in _KINDS if (folder / f"{kind}.json").exists()}
        if proper:
            yield proper
        for path in sorted(folder.glob("*_*.json")):
            if match := re.fullmatch(r"(manifest|run_results|catalog)_[\d.]+\.json", path.name):
                yield {match[1]: path}


@pytest.mark.slow
@pytest.mark.parametrize("every", daily_and_nightly(10, 1))
def test_every_public_artifact_is_read_and_answers_every_field(public: Path, tmp_path: Path, every: int) -> None:
    """Each set of files gets an account of its own, so that sets of one project do not become one state."""
    sets = one_of_each_version(public)[::every]
    for number, files in enumerate(sets, start=1):
        target = tmp_path / "sets" / str(number)
        target.mkdir(parents=True)
        (target / "account.json").write_text(json.dumps({"account": {"id": number}}))
        for kind, path in files.items():
            (target / f"{kind}.json").hardlink_to(path)
    archive = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")
    try:
        assert ingest_folder(archive, tmp_path / "sets").problems == ()
        versions = _check_all(Platform(TestClient(create_platform(archive)), archive), sets)
        assert len(versions) > 10 // every
    finally:
        archive.close()


def one_of_each_version(public: Path) -> list[dict[str, Path]]:
    """Sets of files of which no two have the same kinds, adapter and dbt version."""
    found: dict[tuple[Any, ...], dict[str, Path]] = {}
    for files in artifact_sets(public):
        heads = [json.loads(path.read_bytes())["metadata"] for path in files.values()]
        key = tuple(
            (kind, head["dbt_version"], head.get("adapter_type")) for kind, head in zip(files, heads, strict=True)
        )
        found.setdefault(key, files)
    return list(found.values())


def _check_all(platform: Platform, sets: list[dict[str, Path]]) -> set[str]:
    """The versions of dbt whose manifests were among the sets."""
    with platform.archive.reading() as connection:
        jobs = connection.exec_driver_sql("SELECT account_id, environment_id, id FROM jobs").fetchall()
    versions = set()
    of_environment, of_job = questions()
    for account_id, environment_id, job_id in jobs:
        files = sets[account_id - 1]
        answer = platform.ask(of_environment, id=environment_id)
        job = platform.ask(of_job, id=job_id)["job"]
        if "manifest" in files:
            manifest = json.loads(files["manifest"].read_bytes())
            versions.add(manifest["metadata"]["dbt_version"].rpartition(".")[0])
            _check_manifest(manifest, answer, job)
    return versions


def _check_manifest(manifest: dict[str, Any], answer: dict[str, Any], job: dict[str, Any]) -> None:
    state = answer["environment"]
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    defined = {edge["node"]["uniqueId"]: edge["node"] for edge in state["definition"]["models"]["edges"]}
    assert set(defined) == set(models)
    sections = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries")
    known = {name for section in sections for name in manifest.get(section) or ()}
    for name, node in models.items():
        assert defined[name]["rawCode"] == node.get("raw_code", node.get("raw_sql"))
        assert defined[name]["materializedType"] == node["config"]["materialized"]
    for edge in answer["related"]["definition"]["models"]["edges"]:
        parents = {each["uniqueId"] for each in edge["node"]["parents"]}
        assert parents == set(models[edge["node"]["uniqueId"]]["depends_on"]["nodes"]) & known
    assert {source["uniqueId"] for source in job["sources"]} >= set(manifest["sources"])
    assert {unique_id(edge["node"]) for edge in state["definition"]["macros"]["edges"]} <= set(manifest["macros"])


def unique_id(node: dict[str, Any]) -> str:
    """A node's id; where an interface was asked for, every possible type has names of its own."""
    [found] = [value for name, value in node.items() if name.rpartition("_")[2] == "uniqueId"]
    return found

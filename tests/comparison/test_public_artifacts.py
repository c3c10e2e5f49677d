"""Histories and means over artifacts that public projects committed, by dbt 0.19 to 2.0, against their JSON files.

These files name no job, run or environment, so only what their models did is compared.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.comparison.reading import EXECUTED, EXECUTING, STATUSES, moment, to_milliseconds
from tests.conftest import stored
from tests.serving import serving

PACK = Path(__file__).parents[3] / "shared" / "artifacts" / "public-artifacts.tar.xz"

pytestmark = pytest.mark.skipif(not PACK.is_file(), reason=f"{PACK.name} is not there.")

FACTS = """{ account {
  models(first: 5000) { nodes { uniqueId runs(first: 100) { nodes { status runtime } } } }
  slowestModels(first: 1000, lastRuns: 100) { runtime runCount model { uniqueId } } } }"""


@dataclass(frozen=True, order=True)
class Execution:
    """One model in one command."""

    ended: Any
    unique_id: str
    status: str
    seconds: float
    refreshed: bool
    materialization: str | None


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("public")
    with tarfile.open(PACK) as pack:
        pack.extractall(place, filter="data")
    return place


def executions(folder: Path) -> Iterator[Execution]:
    """What every command did, each command once; with the manifest that lies beside its results."""
    seen = set()
    for path in sorted(folder.rglob("run_results.json")):
        content, manifest = json.loads(path.read_bytes()), path.with_name("manifest.json")
        args, invocation = content.get("args") or {}, content["metadata"]["invocation_id"]
        if not manifest.exists() or invocation in seen or args.get("which") not in EXECUTING:
            continue
        seen.add(invocation)
        nodes = json.loads(manifest.read_bytes())["nodes"]
        ended = to_milliseconds(moment(content["metadata"]["generated_at"]))
        for one in content["results"]:
            if not one["unique_id"].startswith("model."):
                continue
            node = nodes.get(one["unique_id"], {})
            status = STATUSES.get(one["status"], "UNKNOWN")
            materialization = node.get("config", {}).get("materialized")
            full_refresh = bool(args.get("full_refresh"))
            yield Execution(ended, one["unique_id"], status, one["execution_time"], full_refresh, materialization)


@pytest.mark.slow
@pytest.mark.parametrize("collection", ["mit-dbt-bouncer", "apache-dbt-artifacts-package"])
async def test_models_did_what_their_run_results_say(public: Path, tmp_path: Path, collection: str) -> None:
    folder = public / collection
    by_model: dict[str, list[Execution]] = {}
    for one in sorted(executions(folder), reverse=True):
        by_model.setdefault(one.unique_id, []).append(one)
    async with serving(Settings(store_url=stored(folder, tmp_path), query_cost=10**9)) as gateway:
        account = (await gateway.data(FACTS))["account"]
    listed = {one["uniqueId"]: one["runs"]["nodes"] for one in account["models"]["nodes"]}
    compared = 0
    for unique_id, runs in listed.items():
        expected = [
            {"status": one.status, "runtime": one.seconds if one.status in EXECUTED else None}
            for one in by_model.get(unique_id, ())
        ]
        assert runs == expected, unique_id
        compared += len(runs)
    assert compared > 50
    means = {}
    for unique_id in listed:
        taken = [one.seconds for one in by_model.get(unique_id, ()) if counts(one)]
        if taken:
            means[unique_id] = (fsum(taken) / len(taken), len(taken))
    ranked = {one["model"]["uniqueId"]: (one["runtime"], one["runCount"]) for one in account["slowestModels"]}
    assert ranked == means
    assert len(ranked) > 5


def counts(one: Execution) -> bool:
    """An ordinary success; a full refresh is none for an incremental model."""
    rebuilt = one.refreshed and one.materialization == "incremental"
    return one.status in EXECUTED and one.status != "FAILURE" and not rebuilt

"""Applied is what was built, defined is what the newest code says: they part when code changes before it is built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.served_platform import Platform

RUN = Path("finance/301001/70437490011508")
NEXT = Path("finance/301001/70437490099999")
MODEL, ADDED, REMOVED = "model.finance.fct_invoices", "model.finance.brand_new", "model.finance.rpt_ar_aging"
BOTH = f"""{{ environment(id: 201001) {{
  applied {{ models {{ edges {{ node {{ uniqueId rawCode tags executionInfo {{ lastRunId }} }} }} }}
    tagged: models(filter: {{tags: ["changed"]}}) {{ totalCount }}
    modelHistoricalRuns(uniqueId: "{REMOVED}") {{ runId rawCode }} }}
  definition {{ models {{ edges {{ node {{ uniqueId rawCode tags runId }} }} }} }} }} }}"""


@pytest.fixture
def parted(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> Platform:
    """A run that built the project, and a later one that only looked at its sources after the code had changed."""
    folder = tmp_path / "runs"
    shutil.copytree(demo_folder / RUN, folder / RUN)
    shutil.copytree(demo_folder / RUN / "step_1", folder / NEXT / "step_1")
    record = json.loads((demo_folder / RUN / "run.json").read_text())
    record |= {"id": int(NEXT.name), "created_at": "2026-03-12T05:00:00Z", "finished_at": "2026-03-12T05:01:00Z"}
    (folder / NEXT / "run.json").write_text(json.dumps(record))
    for name in ("manifest", "sources"):
        path = folder / NEXT / "step_1" / f"{name}.json"
        content = json.loads(path.read_text())
        content["metadata"] |= {"invocation_id": "the next", "generated_at": "2026-03-12T05:00:30Z"}
        if name == "manifest":
            change(content["nodes"])
        path.write_text(json.dumps(content))
    assert ingest_folder(empty_archive, folder).problems == ()
    return Platform(TestClient(create_platform(empty_archive)), empty_archive)


def change(nodes: dict) -> None:
    nodes[MODEL] |= {"raw_code": "select 'changed'", "tags": ["changed"]}
    nodes[ADDED] = {**nodes[MODEL], "unique_id": ADDED, "name": "brand_new", "alias": "brand_new"}
    del nodes[REMOVED]


@pytest.mark.slow
def test_a_changed_model_is_applied_as_it_was_built_and_defined_as_it_is_now(
    parted: Platform, demo_folder: Path
) -> None:
    built = json.loads((demo_folder / RUN / "step_2/manifest.json").read_text())["nodes"][MODEL]
    found = parted.ask(BOTH)["environment"]
    applied = {edge["node"]["uniqueId"]: edge["node"] for edge in found["applied"]["models"]["edges"]}
    defined = {edge["node"]["uniqueId"]: edge["node"] for edge in found["definition"]["models"]["edges"]}
    assert (applied[MODEL]["rawCode"], applied[MODEL]["tags"]) == (built["raw_code"], built["tags"])
    assert (defined[MODEL]["rawCode"], defined[MODEL]["tags"]) == ("select 'changed'", ["changed"])
    assert applied[MODEL]["executionInfo"] == {"lastRunId": int(RUN.name)}
    assert {node["runId"] for node in defined.values()} == {int(NEXT.name)}


@pytest.mark.slow
def test_a_new_model_is_known_before_it_is_built(parted: Platform) -> None:
    found = parted.ask(BOTH)["environment"]["applied"]
    added = [edge["node"] for edge in found["models"]["edges"] if edge["node"]["uniqueId"] == ADDED]
    assert [(node["rawCode"], node["executionInfo"]) for node in added] == [("select 'changed'", None)]
    assert found["tagged"]["totalCount"] == 1


@pytest.mark.slow
def test_a_removed_model_leaves_the_state_and_keeps_its_history(parted: Platform) -> None:
    found = parted.ask(BOTH)["environment"]
    for state in ("applied", "definition"):
        assert REMOVED not in {edge["node"]["uniqueId"] for edge in found[state]["models"]["edges"]}
    [run] = found["applied"]["modelHistoricalRuns"]
    assert run["runId"] == int(RUN.name)
    assert "select" in run["rawCode"]

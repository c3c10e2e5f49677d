"""A run of the demo cut down to a few nodes, to be spoilt in many ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

STEPS = {"run_results": "finance/301001/70437490011508/step_2", "sources": "finance/301001/70437490011508/step_1"}
OWN_INVOCATION = "the invocation of this case"


def small_artifacts(demo_folder: Path) -> dict[str, Any]:
    """A run of the demo cut down to a few nodes."""
    step = demo_folder / STEPS["run_results"]
    manifest = json.loads((step / "manifest.json").read_text())
    results = json.loads((step / "run_results.json").read_text())
    sources = json.loads((demo_folder / STEPS["sources"] / "sources.json").read_text())
    catalog = json.loads(next(demo_folder.glob("*/*/*/*/catalog.json")).read_text())
    manifest["macros"] = {}
    for section in ("nodes", "sources"):
        manifest[section] = dict(list(manifest[section].items())[:3])
    catalog["nodes"] = dict(list(catalog["nodes"].items())[:1])
    results["results"] = results["results"][:2]
    sources["results"] = sources["results"][:1]
    artifacts = {"manifest": manifest, "run_results": results, "sources": sources, "catalog": catalog}
    for content in artifacts.values():
        content["metadata"] |= {"invocation_id": OWN_INVOCATION, "env": {}}
    return artifacts


def write_artifact(folder: Path, kind: str, content: dict[str, Any], invocation: str) -> Path:
    """Writes an artifact as one that this invocation wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}.json"
    path.write_text(json.dumps(content).replace(OWN_INVOCATION, invocation))
    return path


def admin_lists(client: TestClient) -> Iterator[Any]:
    """The answers of every list of every account, with what can be had beside the rows."""
    for account in client.get("/api/v3/accounts/").json()["data"]:
        for path, related in (
            ("projects", []),
            ("environments", []),
            ("jobs", ["environment", "most_recent_run"]),
            ("runs", ["job", "trigger", "run_steps"]),
        ):
            params = {"include_related": json.dumps(related), "order_by": "-id"}
            total, offset = 1, 0
            while offset < total:
                answer = client.get(
                    f"/api/v2/accounts/{account['id']}/{path}/", params={**params, "offset": str(offset)}
                )
                yield answer
                total = answer.json()["extra"]["pagination"]["total_count"] if answer.status_code == 200 else 0
                offset += 100

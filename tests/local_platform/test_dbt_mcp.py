"""dbt's own MCP server works on the platform as it was published: each call of its client classes, over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning
from tests.local_platform.third_party import AGENTS, missing, reachable
from tests.served_platform import ACCOUNT

ENVIRONMENT, RUN, MODEL = 201001, 70437490011508, "model.finance.fct_invoices"
SECTIONS = {
    "model": "nodes",
    "source": "sources",
    "exposure": "exposures",
    "test": "nodes",
    "seed": "nodes",
    "snapshot": "nodes",
    "macro": "macros",
}
REFUSED = ("trigger", "retry", "cancel", "credentials")
"""What would change something; and the credentials of a user, which dbt shows to the user alone."""

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(missing(AGENTS) is not None, reason=missing(AGENTS) or ""),
]


@pytest.fixture(scope="module")
def session(demo_store: str, tmp_path_factory: pytest.TempPathFactory, reckoning: Reckoning) -> Iterator[Any]:
    """Everything that dbt-mcp was asked, in one run of it."""
    archive = Archive.open(demo_store)
    app = create_platform(archive, token="s3cret")
    with reachable(app, tmp_path_factory.mktemp("agents"), ACCOUNT, "s3cret") as outside:
        names = json.dumps(first_of_each_kind(reckoning))
        yield outside.session("dbt_mcp", str(ACCOUNT), str(RUN), names, installed=AGENTS)
    archive.close()


def first_of_each_kind(reckoning: Reckoning) -> dict[str, str]:
    manifest = reckoning.manifest(ENVIRONMENT)
    return {
        kind: min(name for name in manifest[section] if name.startswith(f"{kind}."))
        for kind, section in SECTIONS.items()
    }


def test_only_what_would_change_something_is_refused(session: Any) -> None:
    refused = {name: told for name, told in session.items() if isinstance(told, str) and "Error: " in told}
    assert set(refused) == set(REFUSED)
    assert all("(403) for POST" in refused[name] for name in REFUSED[:3])
    assert len(session) == 13 + len(SECTIONS) + 1 + 17


def test_models_and_what_stands_around_them(session: Any, reckoning: Reckoning) -> None:
    manifest = reckoning.manifest(ENVIRONMENT)
    models = sorted(reckoning.models(ENVIRONMENT))
    assert len({one["uniqueId"] for one in session["two pages"]} & set(models)) == 8
    assert session["by name"] == [MODEL]
    assert session["marts"]["result"] == []
    parents = [one for one in manifest["nodes"][MODEL]["depends_on"]["nodes"] if not one.startswith("macro.")]
    assert {one["name"] for one in session["parents"]} == {one.split(".")[2] for one in parents}
    children = {
        name
        for name, node in manifest["nodes"].items()
        if MODEL in node["depends_on"].get("nodes", ()) and name.startswith("model.")
    }
    assert {one["uniqueId"] for one in session["lineage"]} >= {MODEL, *parents, *children}
    (health,) = session["health"]
    assert health["uniqueId"] == MODEL
    listed = {one["uniqueId"] for one in session["exposures"]["result"]}
    assert listed == set(manifest["exposures"])
    assert {one["uniqueId"] for one in session["sources"]["result"]} == set(manifest["sources"])
    assert "common" in session["packages"]["result"]


def test_details_of_each_kind(session: Any, reckoning: Reckoning) -> None:
    for kind, name in first_of_each_kind(reckoning).items():
        (shown,) = session[f"details of a {kind}"]
        # Of a snapshot it asks for no id.
        assert shown.get("uniqueId", name) == name
    (by_name,) = session["details by name"]
    assert by_name["uniqueId"] == MODEL


def test_how_long_a_model_took(session: Any, reckoning: Reckoning) -> None:
    expected = [run.result["execution_time"] for run in reckoning.history(ENVIRONMENT, MODEL)]
    assert [run["executionTime"] for run in session["performance"]] == expected[:5]
    assert [run["executionTime"] for run in session["performance by name"]] == expected[:20]
    assert session["performance"][0]["tests"]


def test_the_admin_api(session: Any, reckoning: Reckoning) -> None:
    told = reckoning.account
    assert (session["account"]["id"], session["environment"]["id"], session["job"]["id"]) == (
        ACCOUNT,
        ENVIRONMENT,
        301001,
    )
    assert session["environments"][0]["id"] == ENVIRONMENT
    assert [one["id"] for one in session["projects"]["result"]] == [one["id"] for one in told["projects"]]
    of_project = [job["id"] for job in told["jobs"] if job["project_id"] == 101001]
    assert [job["id"] for job in session["jobs"]["result"]] == of_project
    newest = reckoning.newest_runs[:5]
    assert [run["id"] for run in session["runs"]["result"]] == newest
    assert {run["status"] for run in session["failed"]["result"]} == {20}
    run = next(run for run in reckoning.runs if run["id"] == RUN)
    assert [step["name"] for step in session["run"]["run_steps"]] == [step["name"] for step in run["run_steps"]]
    assert session["artifacts"] == ["manifest.json", "run_results.json", "sources.json"]
    assert json.loads(session["results"])[0] > 0
    assert json.loads(session["manifest of a step"]) == ["finance"]

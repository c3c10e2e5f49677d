"""The npm packages of the federation tests, and a federation of real processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.federation.ownership import schema as ownership_schema
from tests.federation.programs import HERE, Subgraphs, compose, running
from tests.node import install_packages, node
from tests.oracle.account import Job, Oracle

ROOT = HERE.parents[1]

# Each router over the supergraph of the other maker's composer would do as well; this way both are used.
ROUTERS = {"apollo": "apollo", "hive": "guild"}


@dataclass(frozen=True)
class Router:
    """A router in front of both subgraphs, and what the team of the second one knows."""

    kind: str
    address: str
    costs: dict[str, float]
    on_call: dict[str, str]

    def ask(self, query: str) -> Any:
        response = httpx2.post(self.address, json={"query": query}, timeout=60)
        assert response.status_code == 200, response.text
        return response.json()

    def data(self, query: str) -> Any:
        """The data of an answer that must be whole."""
        answer = self.ask(query)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@pytest.fixture(scope="session")
def packages() -> None:
    """The packages of package-lock.json, installed beside it, once as long as it stays the same."""
    install_packages(HERE)


@pytest.fixture(scope="session")
def gateway_sdl() -> str:
    return (ROOT / "schema.graphql").read_text("utf-8")


@pytest.fixture(scope="session")
def ownership_sdl() -> str:
    return ownership_schema.as_str()


@pytest.fixture(scope="session")
def tables(oracle: Oracle) -> dict[str, Any]:
    """What the second team knows: costs of most models and of one dbt has not, who is on call for most jobs."""
    costs = {model.id: float(1_000 + 7 * place) for place, model in enumerate(oracle.models) if place % 5}
    on_call = {str(job.id): f"team-{place}" for place, job in enumerate(oracle.jobs) if place % 4}
    return {"costs": {**costs, "finance.retired_last_year": 900.0}, "onCall": on_call}


@pytest.fixture(scope="session")
def subgraphs(
    demo_store: str,
    tables: dict[str, Any],
    gateway_sdl: str,
    ownership_sdl: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Subgraphs]:
    """The gateway and the second subgraph, each served by a process of its own, with their schemas."""
    folder = tmp_path_factory.mktemp("subgraphs")
    table_file = folder / "tables.json"
    table_file.write_text(json.dumps(tables), "utf-8")
    serve = ("-m", "gateway", "serve", "--store", demo_store, "--port", "0")
    with (
        running(folder, "GraphQL", sys.executable, *serve) as dbt,
        running(folder, "Ownership", sys.executable, str(HERE / "ownership.py"), str(table_file)) as ownership,
    ):
        yield {("dbt", dbt): gateway_sdl, ("ownership", ownership): ownership_sdl}


@pytest.fixture(scope="session", params=sorted(ROUTERS))
def router(
    request: pytest.FixtureRequest,
    packages: None,
    subgraphs: Subgraphs,
    tables: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Router]:
    """A router, a process of its own too, in front of both subgraphs."""
    folder = tmp_path_factory.mktemp(request.param)
    supergraph = folder / "supergraph.graphql"
    supergraph.write_text(compose(ROUTERS[request.param], folder, subgraphs).supergraph or "", "utf-8")
    with running(folder, "Router", str(node()), str(HERE / "router.mjs"), request.param, str(supergraph)) as address:
        yield Router(request.param, address, tables["costs"], tables["onCall"])


@pytest.fixture(scope="session")
def jobs(oracle: Oracle) -> Mapping[str, Job]:
    """A production job of each project, by the project's name."""
    projects = {project.environment_id: project.id for project in oracle.production}
    return {projects[job.environment_id]: job for job in reversed(oracle.production_jobs)}

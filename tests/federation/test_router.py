"""Real routers in front of the gateway and a second subgraph: joined answers in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.http.limits.cost_model import read_cost_model
from gateway.http.operation_cost import CostPolicy, Pricing
from gateway.http.request.documents import DocumentLimits, Documents
from tests.federation.conftest import Router
from tests.generated.demo import SCHEMA_FILE
from tests.oracle.account import Model, Oracle

pytestmark = pytest.mark.external

OUR_MODELS_WITH_THEIR_FIELDS = """{ account { slowestModels(first: 3) {
    runtime model { id costPerMonth jobs { nodes { name onCall } } }
} } }"""

THEIR_MODELS_WITH_OUR_FIELDS = """{ mostExpensive(first: %d) {
    id costPerMonth name runtime description jobs { nodes { id onCall } }
} }"""


def test_the_slowest_models_come_with_what_they_cost_and_who_is_on_call(router: Router, oracle: Oracle) -> None:
    data = router.data(OUR_MODELS_WITH_THEIR_FIELDS)
    expected = [
        {
            "runtime": runtime,
            "model": {
                "id": model_id,
                "costPerMonth": router.costs.get(model_id),
                "jobs": {"nodes": jobs(router, oracle, oracle.model(model_id), "name")},
            },
        }
        for model_id, runtime, _ in oracle.slowest(oracle.models, 1, 3)
    ]
    assert data["account"]["slowestModels"] == expected


def test_models_named_by_the_other_subgraph_come_with_what_dbt_knows(router: Router, oracle: Oracle) -> None:
    known = len(router.costs) - 1
    data = router.data(THEIR_MODELS_WITH_OUR_FIELDS % known)
    ranked = sorted(router.costs, key=lambda one: (-router.costs[one], one))[:known]
    assert data["mostExpensive"] == [theirs(router, oracle, oracle.model(model_id)) for model_id in ranked]


def test_a_model_that_dbt_has_not_is_null_in_its_own_place(router: Router, oracle: Oracle) -> None:
    answer = router.ask(THEIR_MODELS_WITH_OUR_FIELDS % len(router.costs))
    *known, retired = answer["data"]["mostExpensive"]
    assert retired is None
    assert [one["id"] for one in known] == sorted(router.costs, key=lambda one: (-router.costs[one], one))[:-1]
    assert any("finance.retired_last_year" in error["message"] for error in answer["errors"])


def test_both_subgraphs_fill_pages_of_the_shared_type(router: Router, oracle: Oracle) -> None:
    data = router.data("""{
        jobsOnCall(first: 2) { nodes { onCall name } pageInfo { hasNextPage } }
        account { jobs(first: 100) { nodes { id } pageInfo { hasNextPage } } }
    }""")
    first = sorted(router.on_call)[:2]
    assert data["jobsOnCall"] == {
        "nodes": [{"onCall": router.on_call[one], "name": oracle.job(int(one)).record["name"]} for one in first],
        "pageInfo": {"hasNextPage": True},
    }
    assert data["account"]["jobs"] == {
        "nodes": [{"id": str(job.id)} for job in oracle.production_jobs],
        "pageInfo": {"hasNextPage": False},
    }


def test_models_of_staging_are_not_those_that_the_other_team_knows(router: Router, oracle: Oracle) -> None:
    """Its tables hold ids of production: what it adds is not shown on what has another id."""
    data = router.data("{ account(environment: STAGING) { models(first: 100) { nodes { id runtime costPerMonth } } } }")
    staging = [model for project in oracle.staging for model in project.models]
    assert any(model.runtime != oracle.model(model.id).runtime for model in staging)
    assert data["account"]["models"]["nodes"] == [
        {
            "id": f"finance@{model.environment_id}{model.id.removeprefix('finance')}",
            "runtime": model.runtime,
            "costPerMonth": None,
        }
        for model in staging
    ]
    assert any(model.id in router.costs for model in staging)


def theirs(router: Router, oracle: Oracle, model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "costPerMonth": router.costs[model.id],
        "name": model.node.name,
        "runtime": model.runtime,
        "description": model.node.description,
        "jobs": {"nodes": jobs(router, oracle, model, "id")},
    }


def jobs(router: Router, oracle: Oracle, model: Model, field: str) -> list[dict[str, Any]]:
    """The jobs that build a model, with one field of dbt's and who is on call."""
    return [
        {field: str(job.record[field]), "onCall": router.on_call.get(str(job.id))}
        for job in oracle.jobs_building(model)
    ]


COSTS = [
    ("{ account { id } }", 1),
    ("{ account { models(first: 7) { nodes { id project { id } } } } }", 1 + 1 + 7 * 2),
    ("{ account { slowestModels(first: 4) { rank model { id runtime } } } }", 1 + 4 * 2),
    ("{ account { jobs(first: 3) { nodes { id lastRun { id } runs(first: 2) { nodes { id } } } } } }", 2 + 3 * 5),
    ("{ account { models(first: 2) { nodes { upstream { id } tests { name } } } } }", 2 + 2 * (1 + 5 + 10)),
]


@pytest.mark.parametrize(("query", "cost"), COSTS)
def test_a_router_that_reads_our_directives_comes_to_our_costs(router: Router, query: str, cost: int) -> None:
    """Hive's reports its estimate; Apollo's library for Node has none, and must answer all the same."""
    told = router.ask(query).get("extensions", {}).get("cost")
    assert told is None or told["estimated"] == cost
    assert (told is not None) == (router.kind == "hive")
    assert ours(query) == cost


def ours(query: str) -> int:
    price = Pricing(CostPolicy(read_cost_model(SCHEMA_FILE.read_text("utf-8")))).price(
        Documents(DocumentLimits()).read(query), None, {}
    )
    assert price is not None
    return price.cost

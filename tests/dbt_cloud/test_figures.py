"""What the stand-in's shapes come to, by hand: words nobody knew, a model built twice, times in every spelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.dbt_cloud.account import (
    DAILY,
    FINANCE_MODELS,
    FINANCE_OTHERS,
    FIRST_RUN,
    KEPT_ORDERS,
    NOT_NULL,
    RATES,
    SHOP_ORDERS,
)
from tests.dbt_cloud.gateways import CloudGateway
from tests.dbt_cloud.stand_in import StandIn


async def test_the_undisturbed_account(undisturbed: Mapping[str, Any]) -> None:
    projects = undisturbed["account"]["account"]["projectCount"]
    assert [one["id"] for one in projects["nodes"]] == ["finance", "growth"]
    by_name = {one["uniqueId"].split(".")[-1]: one for one in undisturbed["models"]["account"]["models"]["nodes"]}
    # Days 21 and 22 of dim_users were reused and deferred: neither is a success, nor a runtime of 0.01 s.
    assert {name: one["runtime"] for name, one in by_name.items()} == {
        "dim_users": 10.0,
        "eph_dates": None,
        "fct_orders": 2.0,
        "stg_orders": 1.5,
        "fct_leads": 5.0,
        "rpt_ltv": None,
    }
    assert by_name["rpt_ltv"]["lastRunStatus"] == "SKIPPED"
    means = {one["model"]["id"]: one for one in undisturbed["slowest of 22"]["account"]["slowestModels"]}
    # Day 23 took 2 s (its second command), 20 failed; 22, 21 and 19 down to 1 took 40 s and the day.
    assert means["finance.fct_orders"]["runtime"] == pytest.approx((2 + 62 + 61 + sum(range(41, 60))) / 22)
    assert (means["finance.dim_users"]["runtime"], means["finance.dim_users"]["runCount"]) == (10.0, 22)


async def test_a_run_with_strange_words(undisturbed: Mapping[str, Any]) -> None:
    """They are listed as dbt wrote them, and never timed."""
    run = undisturbed["a run"]["run"]
    deferred = next(one for one in run["modelRuns"]["nodes"] if one["uniqueId"].endswith("dim_users"))
    assert deferred == {
        "uniqueId": "model.finance.dim_users",
        "status": "UNKNOWN",
        "statusText": "deferred",
        "runtime": None,
    }
    runs = {one["id"]: one for one in undisturbed["runs"]["account"]["runs"]["nodes"]}
    assert runs[str(FIRST_RUN + 25)]["status"] == "UNKNOWN"
    assert runs[str(FIRST_RUN + 25)]["statusText"] == "35"
    timed_out = runs[str(FIRST_RUN + 24)]
    assert (timed_out["status"], timed_out["error"]) == ("CANCELLED", "This run exceeded your account's run duration")
    assert runs[str(FIRST_RUN + 26)]["startTime"] is None
    # 24 runs that ended by themselves, of 100 s and the day; not the one that timed out, nor the one of status 35.
    (longest, _) = undisturbed["longest jobs"]["account"]["longestRunningJobs"]
    assert longest == {"runtime": 100 + 23 / 2, "runCount": 24, "job": {"id": str(DAILY)}}


async def test_a_reused_model_is_no_success(cloud: CloudGateway) -> None:
    query = f'{{ run(id: "{FIRST_RUN + 21}") {{ modelRuns {{ nodes {{ status statusText runtime startTime }} }} }} }}'
    async with cloud.over(StandIn()):
        reply = await cloud.ask(query)
    assert reply.data["run"]["modelRuns"]["nodes"][0] == {
        "status": "REUSED",
        "statusText": "reused",
        "runtime": None,
        "startTime": None,
    }


async def test_a_model_built_twice_in_one_run(cloud: CloudGateway) -> None:
    query = '{ model(id: "finance.fct_orders") { runs(first: 2) { nodes { runId runtime } } } }'
    async with cloud.over(StandIn()):
        reply = await cloud.ask(query)
    assert reply.data["model"]["runs"]["nodes"] == [
        {"runId": str(FIRST_RUN + 23), "runtime": 2.0},
        {"runId": str(FIRST_RUN + 22), "runtime": 62.0},
    ]


@pytest.mark.parametrize("switch", ["times with T", "times with Z", "times without offset", "ids as text"])
async def test_times_and_ids_in_every_spelling(
    cloud: CloudGateway, undisturbed: Mapping[str, Any], switch: str
) -> None:
    async with cloud.over(StandIn(switch)):
        reply = await cloud.ask("{ account { runs(first: 50) { nodes { id status statusText startTime error } } } }")
    assert reply.data == undisturbed["runs"]
    # Why a run failed may be a hook, which dbt's API lists for no run. Two failed.
    assert [note["path"][-1] for note in reply.gateway["notes"]] == ["error"] * 2


async def test_what_failed_and_what_was_skipped_for_it(undisturbed: Mapping[str, Any]) -> None:
    """On day 20 fct_orders failed, and so its test was skipped; on day 10 the test itself failed."""
    first, second = (undisturbed["failures"][name] for name in ("model", "test"))
    assert (first["failureCount"], second["failureCount"]) == (1, 1)
    (of_model,) = first["failures"]
    assert of_model["result"] == {"uniqueId": "model.finance.fct_orders"}
    assert of_model["message"] == "Database Error: out of space"
    assert (of_model["skippedCount"], of_model["skipped"]) == (1, [{"uniqueId": NOT_NULL}])
    (of_test,) = second["failures"]
    assert of_test["result"] == {"uniqueId": NOT_NULL}
    assert of_test["message"] == "Got 3 results, configured to fail if != 0"
    assert of_test["skippedCount"] == 0


async def test_every_list_of_a_run(undisturbed: Mapping[str, Any]) -> None:
    results = undisturbed["all of a run"]["run"]["nodeResults"]
    assert {one["uniqueId"]: (one["status"], one["runtime"]) for one in results["nodes"]} == {
        "model.finance.stg_orders": ("SUCCESS", 1.5),
        "model.finance.fct_orders": ("FAILURE", 60.0),
        "model.finance.dim_users": ("SUCCESS", 10.0),
        NOT_NULL: ("SKIPPED", None),
        RATES: ("SUCCESS", 0.5),
        KEPT_ORDERS: ("SUCCESS", 2.0),
        SHOP_ORDERS: ("SUCCESS", None),
    }


async def test_sources_and_what_a_project_defines(undisturbed: Mapping[str, Any]) -> None:
    (source,) = undisturbed["sources"]["project"]["sources"]["nodes"]
    assert source == {"uniqueId": SHOP_ORDERS, "freshness": {"status": "WARN", "ageSeconds": 24 * 3600.0}}
    resources = undisturbed["resources"]["project"]["resources"]
    named = [one.unique_id for one in (*FINANCE_MODELS, *FINANCE_OTHERS)]
    assert sorted(one["uniqueId"] for one in resources["nodes"]) == sorted(named)

"""Each condition, as a run folder shows it: what is told, and when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import ConfigurationError
from tests.alerts.conftest import FAILED_JOBS, NOW, ORDERS, Account, again, alerting, one_pass, webhook
from tests.alerts.stand_ins import HttpStandIn
from tests.archive.written_runs import MODELS

pytestmark = pytest.mark.slow


def rule(when: str, **more: Any) -> dict[str, Any]:
    return {"name": "rule", "when": when, "to": ["hook"], **more}


def told(service: HttpStandIn) -> list[tuple[str, str]]:
    return [(request.json["status"], request.json["title"]) for request in service.requests]


async def test_nothing_arrived(account: Account, service: HttpStandIn) -> None:
    settings = account.settings([rule("nothing_arrived", hours=3)], [webhook(service)])
    account.run(5)
    async with alerting(settings) as opened, opened.lease.held(lambda: None):
        await again(opened)
        await again(opened)
        account.run(1)
        await again(opened)
        await again(opened)
    title = "No run arrived for 3 hours: runs of the account"
    assert told(service) == [("firing", title), ("resolved", title)]


async def test_a_job_that_was_not_started(account: Account, service: HttpStandIn) -> None:
    due = NOW - timedelta(hours=2)
    cron = rule("job_not_started", cron=f"{due.minute} {due.hour} * * *", jobs=[101])
    settings = account.settings([cron], [webhook(service)])
    account.run(20)
    async with alerting(settings) as opened, opened.lease.held(lambda: None):
        await again(opened)
        await again(opened)
        account.run(0.5)
        await again(opened)
    assert told(service) == [("firing", "Job job 101 was not started"), ("resolved", "Job job 101 was not started")]
    assert service.requests[0].json["since"] == due.replace(second=0).isoformat().replace("+00:00", "Z")


async def test_a_job_that_is_late_and_finishes_after_all(account: Account, service: HttpStandIn) -> None:
    deadline = (NOW - timedelta(hours=1)).replace(second=0)
    late = rule("job_late", finished_by=f"{deadline:%H:%M}")
    settings = account.settings([late], [webhook(service)])
    account.run(3, "error")
    async with alerting(settings) as opened, opened.lease.held(lambda: None):
        await again(opened)
        await again(opened)
        account.run(0.25)
        await again(opened)
        await again(opened)
    title = f"Job job 101 was not finished by {deadline:%H:%M} UTC"
    assert told(service) == [("firing", title), ("resolved", title)]
    assert service.requests[1].json["resolution"].startswith("Job job 101 finished at ")
    assert service.requests[1].json["resolvedAt"] == (NOW - timedelta(hours=0.25)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("when", "more"), [("test_broken", {}), ("model_regressed", {"within_days": 60})])
async def test_rules_that_find_nothing(account: Account, service: HttpStandIn, when: str, more: Any) -> None:
    account.run(5, "error")
    outcome = await one_pass(account.settings([rule(when, **more)], [webhook(service)]))
    assert (outcome.opened, outcome.look.problems) == (0, [])


async def test_a_model_that_got_slower(account: Account, service: HttpStandIn) -> None:
    for place in range(24):
        seconds = 20.0 + place % 3 if place < 12 else 60.0 + place % 3
        account.run(24 * (24 - place), results={ORDERS: ("success", seconds)})
    outcome = await one_pass(account.settings([rule("model_regressed", within_days=30)], [webhook(service)]))
    assert outcome.look.problems == []
    assert told(service) == [("firing", "Model shop.orders got slower: 21.0 s before, 61.0 s since")]


async def test_a_broken_test(account: Account, service: HttpStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = account.settings([rule("test_broken")], [webhook(service)])
    test = "test.shop.not_null_orders_id"
    monkeypatch.setattr("tests.archive.written_runs.MODELS", (*MODELS, test))
    account.run(20, results={ORDERS: ("success", 5.0), test: ("pass", 1.0)})
    account.run(10, results={ORDERS: ("success", 5.0), test: ("fail", 1.0)})
    async with alerting(settings) as opened, opened.lease.held(lambda: None):
        await again(opened)
        account.run(5, results={ORDERS: ("success", 5.0), test: ("fail", 1.0)})
        await again(opened)
        account.run(1, results={ORDERS: ("success", 5.0), test: ("pass", 1.0)})
        await again(opened)
    title = "Test not_null_orders_id is broken"
    assert told(service) == [("firing", title), ("resolved", title)]


async def test_routes_take_alerts_elsewhere(account: Account, service: HttpStandIn) -> None:
    account.run(5, "error")
    other = webhook(service, name="shop", url=f"{service.url}/shop")
    routes = [{"owners": ["nobody"], "to": ["hook"]}, {"projects": ["shop"], "to": ["shop"]}]
    await one_pass(account.settings([FAILED_JOBS], [webhook(service), other], routes=routes))
    assert [request.path for request in service.requests] == ["/shop"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"jobs": ["job 102"]}, "job 102"),
        ({"projects": ["shopp"]}, "shopp"),
    ],
)
async def test_a_rule_that_names_what_is_not_there(
    account: Account, service: HttpStandIn, more: Any, words: str
) -> None:
    account.run(5)
    async with alerting(account.settings([rule("job_failed", **more)], [webhook(service)])) as opened:
        with pytest.raises(ConfigurationError, match=words) as wrong:
            await opened.monitor.check()
    assert wrong.value.message.startswith("alerts: rule 'rule': ")

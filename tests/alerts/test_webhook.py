"""From a failed run to a webhook, over a real socket: each incident is told once, and once more when it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.alerts.conftest import FAILED_JOBS, NOW, ORDERS, Account, again, alerting, one_pass, webhook
from tests.alerts.stand_ins import HttpStandIn

pytestmark = pytest.mark.slow


def stamp(hours_ago: float) -> str:
    return (NOW - timedelta(hours=hours_ago)).isoformat().replace("+00:00", "Z")


async def test_a_failed_job_is_reported_once_and_again_when_it_is_over(account: Account, service: HttpStandIn) -> None:
    account.run(30)
    settings = account.settings([FAILED_JOBS], [webhook(service)], gateway_url="https://gateway.example")
    quiet = await one_pass(settings)
    assert (quiet.opened, quiet.report.sent, service.requests) == (0, 0, [])

    account.run(20, "error")
    failed = account.run(10, "error")
    assert (await one_pass(settings)).report.sent == 1
    (request,) = service.requests
    key = request.json["dedupKey"]
    assert request.path == "/alerts"
    assert request.headers["Idempotency-Key"] == f"{key}-trigger"
    assert request.json == {
        "version": 1,
        "status": "firing",
        "dedupKey": key,
        "rule": "failed jobs",
        "condition": "job_failed",
        "severity": "error",
        "title": "Job job 101 failed",
        "since": stamp(20),
        "resolvedAt": None,
        "resolution": None,
        "cause": "Model orders failed: It ended with 'error', and dbt wrote no message.",
        "kind": "job",
        "name": "job 101",
        "uniqueId": ORDERS,
        "project": "shop",
        "job": "job 101",
        "owner": {"name": None, "email": None},
        "group": None,
        "tags": [],
        "link": f"https://gateway.example/?run={failed}",
    }

    account.run(8, "error")
    assert (await one_pass(settings)).report.sent == 0, "it is the same incident"

    repaired = account.run(6)
    assert (await one_pass(settings)).report.sent == 1
    over = service.requests[1].json
    assert (over["status"], over["dedupKey"], over["resolvedAt"]) == ("resolved", key, stamp(6))
    assert over["resolution"] == f"Run {repaired} of job job 101 succeeded."
    assert (await one_pass(settings)).report.sent == 0

    account.run(4, "error")
    assert (await one_pass(settings)).report.sent == 1
    assert service.requests[2].json["dedupKey"] != key, "another incident has another key"
    assert [bool(alert.resolved_at) for alert in account.alerts].count(True) == 1


async def test_two_incidents_between_two_looks_are_two(account: Account, service: HttpStandIn) -> None:
    account.run(20, "error")
    settings = account.settings([FAILED_JOBS], [webhook(service)])
    async with alerting(settings) as opened, opened.lease.held(lambda: None):
        assert (await again(opened)).report.sent == 1
        account.run(10)
        account.run(5, "error")
        assert (await again(opened)).report.sent == 2
        assert (await again(opened)).report.sent == 0
    told = [(request.json["status"], request.json["since"]) for request in service.requests]
    assert told == [("firing", stamp(20)), ("resolved", stamp(20)), ("firing", stamp(5))]

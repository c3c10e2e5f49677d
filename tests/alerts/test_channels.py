"""What Slack, Teams and PagerDuty get."""

from __future__ import annotations

import pytest

from tests.alerts.conftest import Account, one_pass
from tests.alerts.stand_ins import HttpStandIn

pytestmark = pytest.mark.slow


async def test_each_service_gets_its_own_format(account: Account, service: HttpStandIn) -> None:
    destinations = [
        {"name": "slack", "kind": "slack", "url": f"{service.url}/slack"},
        {"name": "teams", "kind": "teams", "url": f"{service.url}/teams"},
        {"name": "pager", "kind": "pagerduty", "url": f"{service.url}/pager", "token": "routing-key"},
        {"name": "silent", "kind": "webhook", "url": f"{service.url}/silent", "resolved": False},
    ]
    rule = {"name": "a <rule>", "when": "job_failed", "to": [one["name"] for one in destinations]}
    settings = account.settings([rule], destinations, gateway_url="https://gateway.example/")
    run = account.run(5, "error")
    await one_pass(settings)
    bodies = {request.path: request.json for request in service.requests}
    link = f"https://gateway.example/?run={run}"

    slack = bodies["/slack"]
    assert slack["text"] == "Job job 101 failed"
    assert "*Rule:* a &lt;rule&gt;" in slack["blocks"][0]["text"]["text"]
    assert slack["blocks"][1]["elements"][0]["text"] == f"<{link}|Open>"

    card = bodies["/teams"]["attachments"][0]["content"]
    assert card["body"][0]["text"] == "Job job 101 failed"
    assert {"title": "Job", "value": "job 101"} in card["body"][1]["facts"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": link}]

    event = bodies["/pager"]
    assert (event["routing_key"], event["event_action"]) == ("routing-key", "trigger")
    assert event["payload"]["summary"] == "Job job 101 failed"
    assert (event["payload"]["severity"], event["payload"]["source"]) == ("error", "shop")
    assert event["links"] == [{"href": link, "text": "Open"}]

    service.requests.clear()
    account.run(1)
    await one_pass(settings)
    over = {request.path: request.json for request in service.requests}
    assert set(over) == {"/slack", "/teams", "/pager"}, "one destination wants no end"
    resolve = {"routing_key": "routing-key", "event_action": "resolve", "dedup_key": event["dedup_key"]}
    assert over["/pager"] == resolve
    assert over["/slack"]["text"] == "Resolved: Job job 101 failed"

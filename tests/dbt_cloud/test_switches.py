"""Fourteen questions of a dbt that answers otherwise: right, noted, or an error with a code; never silently less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.dbt_cloud.gateways import CONFIGURED, CloudGateway
from tests.dbt_cloud.questions import QUESTIONS, Worth, worth
from tests.dbt_cloud.stand_in import SWITCHES, StandIn

RIGHT: tuple[str, ...] = (
    *("nothing marked", "staging unmarked", "no totals", "ids as text", "times with T", "times with Z"),
    *("times without offset", "no environments of the account", "environments of projects only"),
    *("slow histories", "too complex"),
)
"""Switches that must cost nothing: every answer is the same, without a note."""

NOTED: Mapping[str, set[str]] = {
    "nothing decided": {"ENVIRONMENT_NOT_CHOSEN"},
    "a job without environment": {"ROWS_LEFT_OUT"},
    "an odd run": {"ROWS_LEFT_OUT"},
    "one project": {"PROJECT_NAME_UNREAD"},
    "no applied state": {"NO_APPLIED_STATE"},
    "never built": {"NO_EXECUTION_INFO"},
    "no metadata of runs": {"NO_RUN_METADATA"},
}
"""The notes a switch may bring; errors beside them have codes of their own."""

CODED: Mapping[str, set[str]] = {
    "nothing decided": {"ENVIRONMENT_NOT_CHOSEN"},
    "an odd run": {"NOT_FOUND"},
    "one project": {"UPSTREAM_FORBIDDEN"},
    "address refused": {"UPSTREAM_FORBIDDEN"},
    "token refused in a 200": {"UPSTREAM_UNAUTHENTICATED"},
    "rate limited": {"UPSTREAM_RATE_LIMITED"},
}

# A model of which dbt says that it never ran is shown so; only lists and rankings would hide it.
SAID_BY_DBT = {("never built", "one model")}


DECIDED = [switch for switch in SWITCHES if switch in (*RIGHT, *NOTED, *CODED)]


@pytest.mark.parametrize("switch", DECIDED)
async def test_a_switch(cloud: CloudGateway, undisturbed: Mapping[str, Any], switch: str) -> None:
    found: Counter[Worth] = Counter()
    for name, query in QUESTIONS.items():
        async with cloud.over(StandIn(switch), CONFIGURED if "forbidden" in switch or "unknown" in switch else ()):
            reply = await cloud.ask(query)
        value, differences = worth(undisturbed[name], reply)
        if (switch, name) in SAID_BY_DBT:
            continue
        assert value != "wrong", (name, differences)
        found[value] += 1
        notes = {note["code"] for note in reply.gateway.get("notes", ()) if "code" in note}
        assert notes <= NOTED.get(switch, set()), (name, notes)
        assert set(reply.codes.values()) <= CODED.get(switch, set()), (name, reply.errors)
        if switch in RIGHT:
            assert value == "right", (name, differences)
    if switch not in RIGHT:
        assert found["noted"] + found["coded"] > 0, "the switch does nothing"

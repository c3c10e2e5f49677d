"""Eighteen questions of a dbt that answers otherwise: right, noted, or an error with a code; never silently less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.dbt_cloud.account import GROWTH_PRODUCTION, PRODUCTION, AccountFacts
from tests.dbt_cloud.gateways import CONFIGURED, CloudGateway
from tests.dbt_cloud.questions import QUESTIONS
from tests.dbt_cloud.stand_in import SWITCHES, StandIn
from tests.dbt_cloud.worth import Worth, worth
from tests.repetitions import daily_and_nightly
from tests.serving import Reply

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
    "no metadata of runs": {"NO_RUN_METADATA", "NO_LAST_STATUS"},
    "admin forbidden": {"NOT_PERMITTED", "NO_RUN_METADATA"},
    "admin unknown token": {"NOT_PERMITTED", "NO_RUN_METADATA"},
    "jobs forbidden": {"NOT_PERMITTED"},
    "runs forbidden": {"NOT_PERMITTED", "NO_RUN_METADATA"},
    "environments forbidden": {"NOT_PERMITTED"},
    "no paginationCursor": {"FIELDS_UNKNOWN"},
    "no packages": {"FIELDS_UNKNOWN"},
    "no lastUpdatedAt": {"FIELDS_UNKNOWN"},
    "histories refused": {"HISTORY_CUT"},
    "histories cut": {"HISTORY_CUT"},
    "token refused in a 200": {"NOT_PERMITTED"},
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


# What [[projects]] of the configuration is for.
CONFIGURING = ("admin forbidden", "admin unknown token", "environments forbidden")


async def ask_all(
    cloud: CloudGateway, undisturbed: Mapping[str, Any], *switches: str
) -> tuple[Counter[Worth], set[str], set[str]]:
    """What the eighteen answers are worth, and which notes and codes they bear. Nothing is known before the first."""
    found: Counter[Worth] = Counter()
    notes: set[str] = set()
    codes: set[str] = set()
    async with cloud.over(StandIn(*switches), CONFIGURED if set(switches) & set(CONFIGURING) else ()):
        for name, query in QUESTIONS.items():
            reply = await cloud.ask(query)
            value, differences = worth(undisturbed[name], reply)
            if value == "wrong" and any((switch, name) in SAID_BY_DBT for switch in switches):
                continue
            assert value != "wrong", (name, differences)
            found[value] += 1
            notes |= {note["code"] for note in reply.gateway.get("notes", ()) if "code" in note}
            codes |= set(reply.codes.values())
    return found, notes, codes


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES)
async def test_a_switch(cloud: CloudGateway, undisturbed: Mapping[str, Any], switch: str) -> None:
    found, notes, codes = await ask_all(cloud, undisturbed, switch)
    if switch in RIGHT:
        assert found == {"right": len(QUESTIONS)}
        return
    assert notes <= NOTED.get(switch, set())
    assert codes <= CODED.get(switch, set())
    assert found["noted"] + found["coded"] > 0, "the switch does nothing"


def pairs(step: int) -> list[tuple[str, str]]:
    """Each switch beside the one so many places on; refusals of everything hide the rest and are left out."""
    some = [
        switch for switch in SWITCHES if switch not in ("address refused", "token refused in a 200", "rate limited")
    ]
    return [(one, some[(place + step) % len(some)]) for place, one in enumerate(some)]


@pytest.mark.slow
@pytest.mark.parametrize("step", daily_and_nightly(3, 10))
async def test_pairs_of_switches(cloud: CloudGateway, undisturbed: Mapping[str, Any], step: int) -> None:
    # By day every second pair, by night all of another distance.
    for one, other in pairs(step)[:: 2 if step == 3 else 1]:
        found, notes, codes = await ask_all(cloud, undisturbed, one, other)
        assert notes <= NOTED.get(one, set()) | NOTED.get(other, set()), (one, other)
        allowed = CODED.get(one, set()) | CODED.get(other, set())
        if "NOT_PERMITTED" in NOTED.get(one, set()) | NOTED.get(other, set()):
            # What is to be inferred may leave no trace: then the refusal is told.
            allowed |= {"UPSTREAM_FORBIDDEN", "UPSTREAM_UNAUTHENTICATED", "NOT_FOUND"}
        assert codes <= allowed, (one, other, codes)
        if one in RIGHT and other in RIGHT:
            assert found == {"right": len(QUESTIONS)}, (one, other)


async def test_what_is_left_out_and_what_is_noted_is_everything(cloud: CloudGateway) -> None:
    """Jobs, runs and projects: those that are answered and those that notes count come to all there are."""
    facts = AccountFacts()
    jobs = "{ account { jobs { totalCount } } }"
    async with cloud.over(StandIn("a job without environment")):
        reply = await cloud.ask(jobs)
    in_production = [job for job in facts.jobs if job.environment in (PRODUCTION, GROWTH_PRODUCTION)]
    assert reply.data["account"]["jobs"]["totalCount"] + missing(reply, "ROWS_LEFT_OUT") == len(in_production)

    in_production = [run for run in facts.runs if run.environment in (PRODUCTION, GROWTH_PRODUCTION)]
    async with cloud.over(StandIn("an odd run")):
        reply = await cloud.ask("{ account { runs(first: 100) { nodes { id } } } }")
    assert len(reply.data["account"]["runs"]["nodes"]) + missing(reply, "ROWS_LEFT_OUT") == len(in_production)

    async with cloud.over(StandIn("nothing decided")):
        reply = await cloud.ask("{ account { projects { totalCount } } }")
    left_out = missing(reply, "ENVIRONMENT_NOT_CHOSEN")
    assert reply.data["account"]["projects"]["totalCount"] + left_out == len(facts.projects)


def missing(reply: Reply, code: str) -> int:
    return sum(note["missing"] for note in reply.gateway["notes"] if note.get("code") == code)

"""Where a job ran is sought in hidden environments too; that they are out of date is no concern of the caller."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse, Response

from gateway.settings import Settings
from tests.clock import Clock
from tests.identity.callers import Holder, known_to
from tests.serving import Call, serving

PRODUCTION, STAGING = "201001", "201002"
FINANCE = Holder("production", ("finance",), (int(PRODUCTION),))
EVERYBODY = Holder("everybody")
QUESTION = "{ account { runs(first: 3) { nodes { id } } longestRunningJobs(lastRuns: 3) { job { id } } } }"


@pytest.mark.slow
async def test_stale_facts_of_hidden_environments_are_not_named(settings: Settings) -> None:
    clock = Clock()
    failing = False

    async def fault(call: Call) -> Response | None:
        """The token may not read jobs and runs, so they are sought in Discovery, which fails later on."""
        if call.operation in ("jobs", "runs"):
            return JSONResponse({"status": {"code": 403, "user_message": "no permission"}}, 403)
        return JSONResponse({}, 502) if failing and call.document else None

    async with serving(known_to(settings, FINANCE, EVERYBODY), clock) as gateway:
        gateway.upstream.fault = fault
        for holder in (FINANCE, EVERYBODY):
            assert (await holder.ask(gateway, QUESTION)).gateway["stale"] is False
        clock.now += 45
        failing = True
        told = {holder: (await holder.ask(gateway, QUESTION)).gateway for holder in (FINANCE, EVERYBODY)}
    assert told[FINANCE]["stale"] is True
    assert told[FINANCE]["staleEnvironments"] == [PRODUCTION]
    assert STAGING in told[EVERYBODY]["staleEnvironments"]
    assert STAGING not in str(told[FINANCE])

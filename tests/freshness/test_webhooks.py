"""`POST /webhooks/dbt`: what is let in, what it does, and what it must not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.responses import Response

from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.conftest import Aging, ChangingDbt
from tests.oracle.account import Oracle
from tests.serving import Call, serving

SECRET = "a webhook's secret"
RUNTIMES = "{ account { models(first: 100) { nodes { id runtime } } } }"


@pytest.fixture(scope="module")
def event(oracle: Oracle) -> dict[str, Any]:
    """A run of a production job has completed, as dbt reports it: ids of the run are text."""
    job = oracle.production_jobs[0]
    return {
        "accountId": oracle.record["account"]["id"],
        "webhookId": "wsu_2JIVEcDDDkkYLBrvvRU1qaTPVzo",
        "eventId": "wev_2L6Z3l8uPedXKPq9D2nWbPIip7Z",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z",
        "eventType": "job.run.completed",
        "webhookName": "gateway",
        "data": {
            "jobId": str(job.id),
            "jobName": "Daily",
            "runId": str(job.runs[0].id),
            "environmentId": str(job.environment_id),
            "projectName": "x",
            "projectId": "1",
            "runStatus": "Success",
            "runStatusCode": 10,
            "runStatusMessage": "None",
        },
    }


@pytest.fixture
async def aging(demo_store: str) -> AsyncIterator[Aging]:
    clock, dbt = Clock(), ChangingDbt()
    async with serving(Settings(store_url=demo_store, webhook_secret=SECRET), clock) as gateway:
        gateway.upstream.rewrite = dbt
        yield Aging(gateway, clock, dbt)


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def deliver(aging: Aging, event: Any, **headers: str) -> tuple[int, str]:
    """Status and word (or code) of the answer to a delivery, signed unless a header says otherwise.

    On a busy machine the answer may be `accepted`, within its second; then what became of it is asked for.
    """
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    given = {"Authorization": signature(body), "Content-Type": "application/json"} | headers
    accepted = False
    while True:
        response = await aging.gateway.client.post("/webhooks/dbt", content=body, headers=given)
        answer = response.json()
        word = answer.get("status") or answer["errors"][0]["extensions"]["code"]
        if word != "accepted":
            return response.status_code, "done" if accepted and word == "known" else word
        accepted = True


def changed(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda event: {**event, **fields}


def with_data(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda event: {**event, "data": {**event["data"], **fields}}


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda event: {key: value for key, value in event.items() if key != name}


def at(seconds: float, shape: Callable[[str], str] = str) -> Callable[[dict[str, Any]], Any]:
    """A time so many seconds from the moment at which the event is sent, not from that at which tests are collected."""
    return lambda event: {**event, "timestamp": shape((datetime.now(UTC) + timedelta(seconds=seconds)).isoformat())}


MATRIX: dict[str, tuple[Callable[[dict[str, Any]], Any], int, str]] = {
    "as dbt sends it": (changed(), 200, "done"),
    "errored": (changed(eventType="job.run.errored"), 200, "done"),
    "started": (changed(eventType="job.run.started"), 200, "done"),
    "ids as numbers": (with_data(jobId=1, runId=2), 200, "done"),
    "fields it may add later": (changed(new={"deep": [1]}), 200, "done"),
    "time with offset": (at(-5), 200, "done"),
    "time without fraction": (at(0, lambda time: time[:19] + "Z"), 200, "done"),
    "account as text": (lambda event: {**event, "accountId": str(event["accountId"])}, 200, "done"),
    "another kind of event": (changed(eventType="job.run.cancelled"), 200, "ignored"),
    "an environment that is not served": (with_data(environmentId="999999"), 200, "ignored"),
    "another account": (changed(accountId=1), 403, "EVENT_NOT_OURS"),
    "an hour old": (at(-3600), 400, "EVENT_OUT_OF_TIME"),
    "an hour ahead": (at(3600), 400, "EVENT_OUT_OF_TIME"),
    "time that is none": (changed(timestamp="yesterday"), 400, "BAD_REQUEST"),
    "time that is empty": (changed(timestamp=""), 400, "BAD_REQUEST"),
    "no time": (without("timestamp"), 400, "BAD_REQUEST"),
    "no id": (without("eventId"), 400, "BAD_REQUEST"),
    "no data": (without("data"), 400, "BAD_REQUEST"),
    "no account": (without("accountId"), 400, "BAD_REQUEST"),
    "a run id beyond dbt's": (with_data(runId=str(2**70)), 400, "BAD_REQUEST"),
    "the greatest run id": (with_data(runId=str(2**63 - 1)), 200, "done"),
    "a job id below zero": (with_data(jobId=-1), 400, "BAD_REQUEST"),
    "a run id that is none": (with_data(runId="abc"), 400, "BAD_REQUEST"),
    "a run id with a fraction": (with_data(runId="1.5"), 400, "BAD_REQUEST"),
    "a run id that is null": (with_data(runId=None), 400, "BAD_REQUEST"),
    "a list": (lambda _: [], 400, "BAD_REQUEST"),
    "no JSON": (lambda _: b"runId=1", 400, "BAD_REQUEST"),
    "no UTF-8": (lambda _: b'{"a": "\xff"}', 400, "BAD_REQUEST"),
    "doubled keys": (lambda _: b'{"eventId": "a", "eventId": "b"}', 400, "BAD_REQUEST"),
    "deep": (lambda _: b"[" * 500 + b"]" * 500, 400, "BAD_REQUEST"),
    "empty": (lambda _: b"", 400, "BAD_REQUEST"),
    "more than 64 KiB": (changed(padding="x" * 66_000), 413, "PAYLOAD_TOO_LARGE"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MATRIX)
async def test_what_is_signed_is_judged_by_what_it_says(aging: Aging, event: dict[str, Any], case: str) -> None:
    change, status, word = MATRIX[case]
    assert await deliver(aging, change(event)) == (status, word)


SIGNATURES: dict[str, Callable[[bytes], str]] = {
    "none": lambda _: "",
    "of another secret": lambda body: signature(body, "another secret"),
    "of another body": lambda body: signature(body + b" "),
    "cut short": lambda body: signature(body)[:-1],
    "with a scheme": lambda body: f"Bearer {signature(body)}",
    "of no letters known": lambda _: "ä" * 64,
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SIGNATURES)
async def test_what_is_not_signed_does_nothing(aging: Aging, event: dict[str, Any], case: str) -> None:
    await aging.gateway.ask(RUNTIMES)
    body = json.dumps(event).encode()
    header = SIGNATURES[case](body).encode("latin-1")
    response = await aging.gateway.client.post("/webhooks/dbt", content=body, headers=[(b"Authorization", header)])
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "SIGNATURE_INVALID"
    assert await aging.gateway.count(RUNTIMES) == {}


async def test_what_is_too_large_is_refused_before_its_signature_is_looked_at(aging: Aging) -> None:
    assert await deliver(aging, b"x" * 66_000, Authorization="none") == (413, "PAYLOAD_TOO_LARGE")


async def test_two_signatures_are_none(aging: Aging, event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    headers = [("Authorization", signature(body)), ("Authorization", signature(body))]
    assert (await aging.gateway.client.post("/webhooks/dbt", content=body, headers=headers)).status_code == 401


async def test_other_methods_are_refused(aging: Aging) -> None:
    response = await aging.gateway.client.get("/webhooks/dbt")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_without_a_secret_there_is_no_such_path(settings: Settings, event: dict[str, Any]) -> None:
    async with serving(settings) as gateway:
        response = await gateway.client.post("/webhooks/dbt", json=event)
    assert response.status_code == 404


@pytest.mark.slow
async def test_a_finished_run_has_its_environment_checked_at_once(
    aging: Aging, event: dict[str, Any], oracle: Oracle
) -> None:
    await aging.gateway.ask(RUNTIMES)
    environment_id = int(event["data"]["environmentId"])
    aging.dbt.change(environment_id)
    aging.clock.now += 1.0
    assert await deliver(aging, event) == (200, "done")
    await aging.settle()
    old = await aging.gateway.ask(RUNTIMES)
    assert (old.gateway["stale"], old.gateway["staleEnvironments"]) == (True, [str(environment_id)])
    await aging.settle()
    new = await aging.gateway.ask(RUNTIMES)
    assert new.gateway["stale"] is False
    told = {model["id"]: model["runtime"] for model in new.data["account"]["models"]["nodes"]}
    for model in oracle.models:
        added = 1.0 if model.environment_id == environment_id else 0.0
        assert told[model.id] == (None if model.runtime is None else pytest.approx(model.runtime + added))


@pytest.mark.slow
async def test_an_event_outdates_what_its_run_touched_and_nothing_else(
    aging: Aging, event: dict[str, Any], oracle: Oracle
) -> None:
    job = oracle.production_jobs[0]
    other = next(one for one in oracle.production_jobs if one.environment_id != job.environment_id)
    question = "query ($id: ID!) { job(id: $id) { runs(first: 2) { nodes { id } } } }"
    for one in (job, other):
        await aging.gateway.data(question, id=str(one.id))
    await deliver(aging, event)
    await aging.settle()
    assert "runs" in await aging.gateway.count(question, id=str(job.id))
    assert await aging.gateway.count(question, id=str(other.id)) == {}


@pytest.mark.slow
async def test_an_errored_run_is_watched_until_dbt_has_its_metadata(aging: Aging, event: dict[str, Any]) -> None:
    """The event may come before the metadata: the environment is asked every five seconds, until it moves."""
    await aging.gateway.ask(RUNTIMES)
    await deliver(aging, {**event, "eventType": "job.run.errored"})
    await aging.settle()
    aging.clock.now += 4.0
    assert "EnvironmentHeaders" not in await aging.gateway.count(RUNTIMES)
    aging.clock.now += 1.0
    assert (await aging.gateway.count(RUNTIMES))["EnvironmentHeaders"] == 1
    aging.dbt.change(int(event["data"]["environmentId"]))
    aging.clock.now += 5.0
    assert (await aging.gateway.ask(RUNTIMES)).gateway["stale"] is True
    await aging.settle()
    aging.clock.now += 5.0
    assert "EnvironmentHeaders" not in await aging.gateway.count(RUNTIMES), "it has moved: the usual interval again"


@pytest.mark.slow
async def test_an_event_is_acted_upon_once(aging: Aging, event: dict[str, Any]) -> None:
    assert await deliver(aging, event) == (200, "done")
    await aging.gateway.ask(RUNTIMES)
    assert await deliver(aging, event) == (200, "known")
    assert await aging.gateway.count(RUNTIMES) == {}


async def test_an_event_that_could_not_be_acted_upon_is_let_in_again(aging: Aging, event: dict[str, Any]) -> None:
    async def down(_: Call) -> Response:
        return Response("gone", 503)

    aging.gateway.upstream.fault = down
    assert await deliver(aging, event) == (503, "EVENT_NOT_TAKEN")
    aging.gateway.upstream.fault = None
    assert await deliver(aging, event) == (200, "done")


async def test_an_event_of_a_known_environment_needs_no_answer_of_dbt(aging: Aging, event: dict[str, Any]) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.clock.now += 3_000.0

    async def down(_: Call) -> Response:
        return Response("gone", 503)

    aging.gateway.upstream.fault = down
    assert await deliver(aging, event) == (200, "done")


@pytest.mark.slow
async def test_dbt_is_answered_while_it_is_still_being_asked(aging: Aging, event: dict[str, Any]) -> None:
    released = asyncio.Event()

    async def slow(_: Call) -> None:
        await released.wait()

    aging.gateway.upstream.fault = slow
    body = json.dumps(event).encode()
    for _ in range(2):
        answer = await aging.gateway.client.post(
            "/webhooks/dbt", content=body, headers={"Authorization": signature(body)}
        )
        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    released.set()
    assert (await deliver(aging, event))[0] == 200
    assert aging.gateway.upstream.operations["environments"] == 1, "acted upon once"

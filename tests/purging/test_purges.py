"""Webhooks and changes of environments purge tags at caches in front: in the background, tried again, named in logs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from gateway.errors import ConfigurationError
from gateway.purging.cache_purger import CachePurger, open_purger
from gateway.purging.purge_request import PurgeTarget
from gateway.settings import Settings, load_settings
from gateway.settings.neighbours import PurgeSetting
from tests.clock import Clock
from tests.freshness.conftest import ChangingDbt
from tests.oracle.account import Job, Oracle
from tests.purging.conftest import SECRET, CacheInFront, webhook
from tests.serving import Gateway, serving

KEY = "a shared key"


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


def purged(cache: CacheInFront) -> set[str]:
    """The tags that a router was asked to drop."""
    return {entry["cache_tag"] for purge in cache.purges for entry in purge.json}


@asynccontextmanager
async def purging_gateway(store: str, cache: CacheInFront, clock: Clock | None = None) -> AsyncIterator[Gateway]:
    entry = PurgeSetting(url=f"http://127.0.0.1:{cache.port}/invalidation", key=SecretStr(KEY))
    settings = Settings(store_url=store, webhook_secret=SECRET, cache_tags=True, purge=(entry,), open=True)
    async with serving(settings, clock or Clock()) as gateway:
        yield gateway


@pytest.mark.slow
async def test_a_webhook_purges_run_job_project_and_account(
    demo_store: str, cache: CacheInFront, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    job, account = jobs["finance"], oracle.record["account"]["id"]
    async with purging_gateway(demo_store, cache) as gateway:
        await gateway.data("{ account { projects { nodes { id } } } }")
        for kind in ("job.run.started", "job.run.completed"):
            cache.purges.clear()
            body, headers = webhook(oracle, job, kind)
            reply = await gateway.client.post("/webhooks/dbt", content=body, headers=headers)
            assert reply.json() == {"status": "done"}
            await until(lambda: bool(cache.purges))
            expected = {f"run-{job.runs[0].id}", f"job-{job.id}", "project-finance", f"account-{account}"}
            assert purged(cache) == expected
            first = cache.purges[0]
            assert (first.method, first.path, first.headers["authorization"]) == ("POST", "/invalidation", KEY)
            assert {tuple(sorted(entry)) for entry in first.json} == {("cache_tag", "kind", "subgraphs")}
            assert {(entry["kind"], *entry["subgraphs"]) for entry in first.json} == {("cache_tag", "dbt")}
        shown = await gateway.client.get("/metrics")
    assert f'gateway_cache_purges_total{{cache="127.0.0.1:{cache.port}",outcome="ok"}} 2.0' in shown.text


@pytest.mark.slow
async def test_a_new_revision_purges_the_project(
    demo_store: str, cache: CacheInFront, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    clock, dbt = Clock(), ChangingDbt()
    async with purging_gateway(demo_store, cache, clock) as gateway:
        gateway.upstream.rewrite = dbt
        question = "{ account { models { totalCount } } }"
        await gateway.data(question)
        dbt.change(jobs["marketing"].environment_id)
        clock.now += 600
        await gateway.data(question)
        await until(lambda: bool(cache.purges))
    assert purged(cache) == {"project-marketing", f"account-{oracle.record['account']['id']}"}


@pytest.mark.slow
async def test_a_cache_that_does_not_answer_delays_no_webhook(
    demo_store: str, cache: CacheInFront, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    cache.answers = [503] * 100
    async with purging_gateway(demo_store, cache) as gateway:
        for number in range(20):
            body, headers = webhook(oracle, jobs["finance"], number=number)
            reply = await gateway.client.post("/webhooks/dbt", content=body, headers=headers)
            assert reply.status_code == 200
        # At most the first request for all of them has been answered meanwhile, and its pause goes on.
        assert len(cache.purges) <= 2


@asynccontextmanager
async def purger_of(*targets: PurgeTarget) -> AsyncIterator[CachePurger]:
    async with open_purger(targets, Clock().sleep) as purger:
        yield purger


def outcomes(purger: CachePurger) -> dict[str, float]:
    return {sample.labels[1]: sample.value for sample in purger.samples() if len(sample.labels) == 2}


@pytest.mark.parametrize(
    ("answers", "requests", "expected"),
    [
        ([503, 429], 3, {"failed": 2, "ok": 1}),
        ([500, 500, 500, 500, 500], 4, {"failed": 4, "given_up": 1}),
        ([401], 1, {"failed": 1, "given_up": 1}),
        ([302], 1, {"failed": 1, "given_up": 1}),
    ],
)
async def test_what_may_pass_is_tried_again_and_a_refusal_is_not(
    cache: CacheInFront,
    answers: list[int],
    requests: int,
    expected: Mapping[str, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache.answers = list(answers)
    target = PurgeTarget(f"http://127.0.0.1:{cache.port}/secret-path", key=SecretStr(KEY))
    with caplog.at_level(logging.WARNING):
        async with purger_of(target) as purger:
            purger.purge(["job-1"])
            await until(lambda: outcomes(purger) == expected)
    assert len(cache.purges) == requests
    warnings = [record.getMessage() for record in caplog.records if record.name == "gateway.purging.cache_purger"]
    if "given_up" in expected:
        assert warnings == [f"1 tags were not purged at 127.0.0.1:{cache.port}: status {answers[-1]}"]
    else:
        assert warnings == []
    assert KEY not in caplog.text
    assert "secret-path" not in caplog.text


async def test_one_dead_cache_holds_up_no_other(cache: CacheInFront, caplog: pytest.LogCaptureFixture) -> None:
    alive = PurgeTarget(f"http://127.0.0.1:{cache.port}/")
    async with purger_of(PurgeTarget("http://127.0.0.1:9/", key=SecretStr(KEY)), alive) as purger:
        purger.purge(["job-1"])
        await until(lambda: bool(cache.purges))
        purger.purge(["job-2"])
        await until(lambda: len(cache.purges) == 2)
    assert KEY not in caplog.text


async def test_events_that_come_together_are_few_requests_of_at_most_thirty_tags(cache: CacheInFront) -> None:
    async with purger_of(PurgeTarget(f"http://127.0.0.1:{cache.port}/")) as purger:
        for number in range(65):
            purger.purge([f"run-{number}", "account-1"])
        await until(lambda: len(cache.purges) == 3)
    assert [len(purge.json) for purge in cache.purges] == [30, 30, 6]
    assert purged(cache) == {f"run-{number}" for number in range(65)} | {"account-1"}


async def test_other_caches_are_asked_in_their_own_way(cache: CacheInFront) -> None:
    address = f"http://127.0.0.1:{cache.port}"
    listed = PurgeTarget(f"{address}/json", "json", key=SecretStr("Bearer b"))
    fastly = PurgeTarget(f"{address}/named", "json", key=SecretStr("f"), key_header="Fastly-Key")
    varnish = PurgeTarget(f"{address}/xkey", "purge", tag_header="xkey")
    akamai = PurgeTarget(f"{address}/commas", "purge", tag_header="Edge-Cache-Tag")
    async with purger_of(listed, fastly, varnish, akamai) as purger:
        purger.purge(["job-1", "account-2"])
        await until(lambda: len(cache.purges) == 4)
    asked = {purge.path: purge for purge in cache.purges}
    assert (asked["/json"].method, json.loads(asked["/json"].body)) == ("POST", {"tags": ["job-1", "account-2"]})
    assert asked["/json"].headers["authorization"] == "Bearer b"
    assert asked["/named"].headers["fastly-key"] == "f"
    assert (asked["/xkey"].method, asked["/xkey"].headers["xkey"]) == ("PURGE", "job-1 account-2")
    assert asked["/commas"].headers["edge-cache-tag"] == "job-1,account-2"


def test_purging_needs_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PURGE", '[{"url": "http://127.0.0.1/"}]')
    with pytest.raises(ConfigurationError, match="set cache_tags"):
        load_settings()


def test_an_address_with_a_password_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CACHE_TAGS", "true")
    monkeypatch.setenv("GATEWAY_PURGE", '[{"url": "http://ada:geheim@router/", "key": "geheim too"}]')
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "GATEWAY_PURGE.0.url" in str(refused.value)
    assert "geheim" not in str(refused.value)

"""Answered at once: only what graphql-core would answer, of facts that are believed now, for who asks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest
import strawberry
from graphql import parse

from gateway.caching.memory import Fact, Memory
from gateway.caching.tiers import Tiers
from gateway.concurrency.only_if_cached import only_if_cached, run_sync
from gateway.execution.fast_path.operations import Operations
from gateway.loading import batching
from gateway.schema.core_schema import core_schema
from gateway.settings import Settings
from gateway.telemetry.usage import Usage, measuring
from tests.clock import Clock
from tests.execution.hostile_schema import conjure, hostile_schema, without_descriptions
from tests.execution.test_hostile_facts import VALUES, slow
from tests.freshness.conftest import Aging, ChangingDbt
from tests.generated.queries import QueryGenerator, Shape
from tests.identity.callers import Holder, known_to
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

QUERIES = 400
MODELS = """{ account { name projects { nodes { id modelCount jobCount } } models(first: 3) { totalCount nodes { id tags
  runtime lastRunStatus project { id } } } slowestModels(first: 2) { rank model { id jobs { nodes { name } } } } } }"""


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return hostile_schema()


@pytest.fixture
def settings(demo_store: str) -> Settings:
    """Without kept answers: what is given again from bytes never comes here."""
    return Settings(store_url=demo_store, response_cache_bytes=0)


@pytest.fixture
async def aging(settings: Settings) -> AsyncIterator[Aging]:
    clock, dbt = Clock(), ChangingDbt()
    async with serving(settings, clock) as gateway:
        gateway.upstream.rewrite = dbt
        yield Aging(gateway, clock, dbt)


async def answered(gateway: Gateway) -> Mapping[str, float]:
    """How many answers were given in each way, as the metrics report."""
    shown = (await gateway.client.get("/metrics")).text
    return {way: float(count) for way, count in re.findall(r'gateway_answers_total\{way="(\w+)"\} ([0-9.]+)', shown)}


@pytest.mark.slow
@pytest.mark.parametrize("hostility", [0.0, 0.01, 0.1])
async def test_over_wrong_facts_only_right_answers_are_given_at_once(
    schema: strawberry.Schema, hostility: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    operations, walked = Operations(schema, most=50), without_descriptions(schema)
    generator = QueryGenerator(int(hostility * 1000) + 7, walked, VALUES, Shape(fields=12, depth=4, lists=3))
    at_once = 0
    for seed in range(QUERIES):
        conjure(seed, hostility)
        text, variables = generator.query()
        data = operations.run_sync(parse(text), None, variables, [])
        if data is not None:
            at_once += 1
            right, errors, _ = json.loads(await slow(core_schema(schema), text, variables))
            assert errors == [], text
            assert json.dumps(json.loads(msgspec.json.encode(data))) == json.dumps(right), text
    assert 5 < at_once < QUERIES, "some wait, or hold an error"


@pytest.mark.slow
async def test_what_is_at_hand_is_answered_at_once_and_the_metrics_say_so(settings: Settings) -> None:
    off = settings.model_copy(update={"fast_path": False})
    async with serving(settings) as fast, serving(off) as plain:
        first = await fast.ask(MODELS)
        assert first.gateway["upstreamRequests"] > 0
        again = await fast.ask(MODELS)
        assert (again.gateway["upstreamRequests"], again.data) == (0, first.data)
        assert await answered(fast) == {"compiled": 1, "at_once": 1}
        assert (await plain.ask(MODELS)).data == first.data
        assert (await plain.ask(MODELS)).gateway["cacheHits"] == again.gateway["cacheHits"]
        assert await answered(plain) == {"slow": 2}


@pytest.mark.slow
async def test_what_is_read_anew_each_time_is_asked_once_for_each_answer(gateway: Gateway, oracle: Oracle) -> None:
    query = f'{{ model(id: "{oracle.models[0].id}") {{ id rawCode }} }}'
    for _ in range(5):
        await gateway.data(query)
    gateway.upstream.calls.clear()
    await gateway.data(query)
    assert gateway.upstream.operations == {"ModelDetails": 1}
    assert await answered(gateway) == {"compiled": 6}


@pytest.mark.slow
async def test_an_operation_that_fails_is_answered_in_the_usual_way(gateway: Gateway) -> None:
    await gateway.ask(MODELS)
    wrong = '{ account { id models(filter: { modelIds: ["nothing.here"] }) { nodes { id } } } }'
    reply = await gateway.ask(wrong)
    assert reply.codes == {"account.models": "BAD_USER_INPUT"}
    assert "at_once" not in await answered(gateway)


@pytest.mark.slow
async def test_callers_are_answered_at_once_with_what_each_may_see(settings: Settings, oracle: Oracle) -> None:
    names = [project.id for project in oracle.production]
    holders = [Holder(name, (name,)) for name in names]
    everybody = Holder("everybody", scopes=("metrics",))
    query = "{ account { projects { nodes { id } } models(first: 1000) { nodes { id } } } }"
    async with serving(known_to(settings, *holders, everybody)) as gateway:
        for _ in range(3):
            for holder in (*holders, everybody):
                data = (await holder.ask(gateway, query)).data["account"]
                seen = names if holder is everybody else [holder.name]
                assert [one["id"] for one in data["projects"]["nodes"]] == sorted(seen)
                expected = sorted(one.id for one in oracle.models if one.id.partition(".")[0] in seen)
                assert [one["id"] for one in data["models"]["nodes"]] == expected
        shown = await gateway.client.get("/metrics", headers={"X-API-Key": everybody.key})
        assert 'gateway_answers_total{way="at_once"} ' in shown.text


@pytest.mark.slow
async def test_a_list_that_was_kept_is_reported_no_longer_when_its_facts_have_changed(
    aging: Aging, settings: Settings, oracle: Oracle
) -> None:
    environment = oracle.production_jobs[0].environment_id
    query = "{ account { models(first: 1000) { nodes { id runtime } } } }"
    before = [(await aging.gateway.ask(query)).data for _ in range(2)][-1]
    assert "at_once" in await answered(aging.gateway)
    aging.dbt.change(environment)
    aging.clock.now += settings.revision_interval + settings.stale_seconds + 1
    for _ in range(6):
        reply = await aging.gateway.ask(query)
        await aging.settle()
    assert (reply.gateway["stale"], reply.gateway["upstreamRequests"]) == (False, 0)
    assert reply.data != before


async def test_what_is_made_of_facts_goes_with_them() -> None:
    memory = Memory(10)
    derived = Tiers(memory, lambda: 5.0).derived
    place = (memory.new_kind(), "fact")
    memory.put(place, Fact("a fact", 1.0, weight=6))

    async def make() -> list[str]:
        made.append(1)
        return ["made"]

    made: list[int] = []
    with only_if_cached(), measuring(Usage()):
        assert [run_sync(derived.tell("key", None, make)) for _ in range(3)] == [["made"]] * 3
        assert (made, len(derived)) == ([1], 1)
        memory.put((place[0], "larger"), Fact("pushes the other out", 1.0, weight=6))
        run_sync(derived.tell("key", None, make))
        assert made == [1, 1]
        for number in range(1_000):
            run_sync(derived.tell(number, None, make))
    assert len(derived) <= 64


async def test_what_is_made_of_objects_alone_is_kept_in_any_run_until_facts_go() -> None:
    memory = Memory(10)
    derived = Tiers(memory, lambda: 5.0).derived
    place = (memory.new_kind(), "fact")
    memory.put(place, Fact("a fact", 1.0, weight=6))
    objects, made = ["an object"], []

    async def make() -> list[str]:
        await asyncio.sleep(0)
        made.append(1)
        return [*objects, "in order"]

    for _ in range(3):
        assert await derived.of_objects(id(objects), objects, make) == ["an object", "in order"]
    with only_if_cached():
        assert run_sync(derived.of_objects(id(objects), objects, make)) == ["an object", "in order"]
    assert made == [1]
    memory.put((place[0], "larger"), Fact("pushes the other out", 1.0, weight=6))
    for _ in range(2):
        await derived.of_objects(id(objects), objects, make)
    assert made == [1, 1]


def test_questions_wait_by_no_other_means_than_those_that_know_of_answering_at_once() -> None:
    loading = Path(batching.__file__).parent
    users = [file.name for file in loading.glob("*.py") if "asyncio" in file.read_text("utf-8")]
    assert users == ["batching.py"]

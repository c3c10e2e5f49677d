"""How many lookups go into one document: fewer after dbt found one too complex, and more again with time."""

from __future__ import annotations

import asyncio
import math
from collections import Counter

import pytest
from starlette.responses import Response

from gateway.errors import UpstreamTimeout
from gateway.services.discovery.batch_sizes import BatchSizes, is_too_heavy
from gateway.settings import Settings
from tests.clock import Clock
from tests.oracle.account import Oracle
from tests.services.faults import errors
from tests.serving import Call, Gateway, serving

TOO_COMPLEX = errors({"message": "too much", "extensions": {"code": "COMPLEXITY_EXCEEDED"}})


def test_a_size_halves_and_grows_back() -> None:
    clock = Clock()
    sizes = BatchSizes(patience=300, clock=clock)
    assert sizes.size("A", 20) == 20
    assert sizes.refused("A", 20) == 10
    assert sizes.refused("A", 10) == 5
    assert (sizes.size("A", 20), sizes.size("A", 3), sizes.size("B", 20)) == (5, 3, 20)
    clock.now += 300
    assert sizes.size("A", 20) == 10
    clock.now += 300
    assert sizes.size("A", 50) == 20
    clock.now += 1e9
    assert sizes.size("A", 50) == 50


def test_a_size_is_that_of_an_environment() -> None:
    """Eight environments, of which the fourth is heavy: the others go together as before."""
    sizes = BatchSizes(clock=Clock())
    sizes.refused("A", 4, (4,))
    assert (sizes.size("A", 20, 4), sizes.size("A", 20, 5)) == (2, 20)
    assert sizes.documents("A", 20, list(range(8)), lambda one: one) == [[0, 1, 2, 3, 5, 6, 7], [4]]
    assert sizes.documents("A", 20, [4, 4, 4], lambda one: one) == [[4, 4], [4]]


def test_a_single_lookup_is_the_smallest_document() -> None:
    assert BatchSizes().refused("A", 1) == 1


QUERY = "{{ account {{ models(first: 40) {{ nodes {{ id runs(first: {}) {{ nodes {{ runtime }} }} }} }} }} }}"


LIST = '{ project(id: "finance") { models(first: 100) { nodes { id runs(first: %d) { nodes { runtime } } } } } }'


def chunks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


@pytest.mark.slow
async def test_after_a_while_larger_documents_are_tried_again(demo_store: str, oracle: Oracle) -> None:
    """dbt accepts four histories a document; later as many as anybody likes."""
    accepted = 4
    models = oracle.project("finance").models

    async def fault(call: Call) -> Response | None:
        return TOO_COMPLEX() if call.document.count("modelHistoricalRuns(") > accepted else None

    clock = Clock()
    async with serving(Settings(store_url=demo_store), clock) as gateway:
        gateway.upstream.fault = fault

        async def expect(runs: int, *tried: int) -> None:
            """The next question asks for one run more of every history that may have one; in documents of the first of
            these sizes, which dbt refuses, then of the next."""
            gateway.upstream.calls.clear()
            await gateway.data(LIST % runs)
            counts = [call.document.count("modelHistoricalRuns(") for call in gateway.upstream.calls]
            read = sum(count for count in counts if count <= accepted)
            assert len(models) / 2 < read <= len(models)
            expected = [one for size in tried for one in chunks(read, size)]
            assert sorted(count for count in counts if count) == sorted(expected)

        await expect(1, 16, 8, 4)
        await expect(2, 4)
        clock.now += 301
        await expect(3, 8, 4)
        accepted = 1_000
        clock.now += 301
        await expect(4, 8)
        clock.now += 301
        await expect(5, 16)


@pytest.mark.slow
async def test_what_was_learned_spares_the_refusals_of_the_next_question(gateway: Gateway) -> None:
    """dbt accepts ten histories a document."""

    async def fault(call: Call) -> Response | None:
        aliases = call.document.count("modelHistoricalRuns(")
        return TOO_COMPLEX() if aliases > 10 else None

    gateway.upstream.fault = fault
    first = await gateway.data(QUERY.format(2))
    asked = gateway.upstream.operations["ModelHistories"]
    gateway.upstream.calls.clear()
    second = await gateway.data(QUERY.format(7))
    models = len(second["account"]["models"]["nodes"])
    documents = [call.document.count("modelHistoricalRuns(") for call in gateway.upstream.calls]
    assert len(documents) == math.ceil(sum(documents) / 10), "no document is refused any more"
    assert len(documents) < asked
    assert len(first["account"]["models"]["nodes"]) == models


def histories_of(gateway: Gateway) -> list[int]:
    return [n for call in gateway.upstream.calls if (n := call.document.count("modelHistoricalRuns("))]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["no answer", "504"])
async def test_documents_that_are_too_slow_are_halved_and_the_size_is_kept(
    demo_store: str, oracle: Oracle, way: str
) -> None:
    """dbt answers four histories in time, and more of them never."""

    async def fault(call: Call) -> Response | None:
        if call.document.count("modelHistoricalRuns(") <= 4:
            return None
        if way == "504":
            return Response("upstream request timeout", 504)
        await asyncio.sleep(60)
        return None

    models = oracle.project("finance").models
    async with serving(Settings(store_url=demo_store, upstream_seconds=1.5, upstream_retries=0)) as gateway:
        gateway.upstream.fault = fault
        await gateway.data(LIST % 1)
        assert max(histories_of(gateway)) > 4
        read = sum(size for size in histories_of(gateway) if size <= 4)
        assert len(models) / 2 < read <= len(models)
        gateway.upstream.calls.clear()
        await gateway.data(LIST % 2)
        assert max(histories_of(gateway)) == 4, "no document is too slow any more"


@pytest.mark.slow
async def test_what_was_answered_in_time_is_not_asked_again(demo_store: str, oracle: Oracle) -> None:
    """Of all documents only those with one model are slow, until it is asked for alone."""
    slow = oracle.project("finance").models[0].unique_id

    async def fault(call: Call) -> Response | None:
        if slow in call.variables.values() and call.document.count("modelHistoricalRuns(") > 1:
            await asyncio.sleep(60)
        return None

    async with serving(Settings(store_url=demo_store, upstream_seconds=1.5, upstream_retries=0)) as gateway:
        gateway.upstream.fault = fault
        found = await gateway.data(LIST % 1)
        names = Counter[str]()
        for call in gateway.upstream.calls:
            if "modelHistoricalRuns(" in call.document:
                names.update(value for value in call.variables.values() if isinstance(value, str))
        assert names[slow] > 3
        assert names.total() < 3 * len(names), "only its neighbours are asked again"
        assert len(found["project"]["models"]["nodes"]) == len(oracle.project("finance").models)


async def test_a_request_that_had_little_time_left_says_nothing_about_sizes() -> None:
    assert not is_too_heavy(UpstreamTimeout("nothing was sent"))
    assert is_too_heavy(UpstreamTimeout("too slow", had_full_time=True))

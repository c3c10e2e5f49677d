"""Rows kept as they were encoded: the same bytes as without, for as long as their objects are, within a bound."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from weakref import ref

import msgspec
import pytest

from gateway.execution.fast_path.row_cache import Room, RowCache
from gateway.settings import Settings
from tests.execution.pair import Pair, lasting_pair
from tests.generated.demo import demo_values, read_schema_of_oracle
from tests.generated.queries import QueryGenerator, Shape
from tests.oracle.account import Oracle
from tests.serving import serving

QUERIES = 30
PAGES = """query ($first: Int, $after: String, $bare: Boolean!) { account { models(first: $first, after: $after) {
  nodes { ...Row alias: name @include(if: $bare) } edges { cursor node { id } } pageInfo { endCursor } }
  again: models(first: 2) { nodes { name @skip(if: $bare) id } } } } fragment Row on Model { id tags meta startTime }"""


@pytest.fixture
async def pair(demo_store: str) -> AsyncIterator[Pair]:
    async with lasting_pair(demo_store, response_cache_bytes=0) as both:
        yield both


@pytest.mark.slow
async def test_questions_asked_again_and_again_get_the_same_bytes(pair: Pair, oracle: Oracle) -> None:
    generator = QueryGenerator(29, read_schema_of_oracle(), demo_values(oracle), Shape(fields=15, depth=6))
    for _ in range(QUERIES):
        query, variables = generator.query()
        answers = {(await pair.same(query, **variables)).partition('"extensions":{"gateway"')[0] for _ in range(4)}
        assert len(answers) == 1, query


@pytest.mark.slow
async def test_pages_that_overlap_and_variables_that_decide_get_the_same_bytes(pair: Pair) -> None:
    after = None
    for first in (3, 5, 3, 7, 100, 100, 100, 4):
        for bare in (True, False, True):
            answer = msgspec.json.decode(await pair.same(PAGES, first=first, after=after, bare=bare))
        after = answer["data"]["account"]["models"]["pageInfo"]["endCursor"] if first < 100 else None


@dataclass(frozen=True)
class Thing:
    """An object as facts are."""

    name: str


@dataclass
class Changeable:
    """One that may be another the next time."""

    name: str


def rows_of(objects: Any) -> Any:
    return [{"name": one.name} for one in objects]


def test_a_list_is_kept_when_its_first_object_comes_again() -> None:
    kept = RowCache(Room(), rows_of)
    things = [Thing("a\nb"), Thing("c")]
    assert kept.encode(things) is None
    assert kept.bytes == 0
    for _ in range(3):
        assert bytes(kept.encode(things)) == msgspec.json.encode(rows_of(things))  # type: ignore[arg-type]
    assert bytes(kept.encode(things[1:])) == b'[{"name":"c"}]'  # type: ignore[arg-type]


def test_what_may_change_is_never_kept() -> None:
    kept = RowCache(Room(), rows_of)
    for _ in range(3):
        assert kept.encode([Changeable("a")]) is None
    frozen_first = [Thing("a"), Changeable("b")]
    for _ in range(3):
        assert kept.encode(frozen_first) is None


@pytest.mark.slow
def test_rows_and_their_objects_stay_within_the_room_and_go_when_it_is_cleared() -> None:
    gc.freeze()  # what other tests have made need not be gone through below
    room = Room(most_bytes=100_000)
    kept, most = [RowCache(room, rows_of) for _ in range(3)], 0
    for number in range(50):
        for one in kept:
            things = [Thing(f"{number}.{place}") for place in range(10)]
            for _ in range(3):
                one.encode(things)
            most = max(most, room.bytes_kept)
    assert room.most_bytes // 2 < most <= room.most_bytes
    large = [Thing("x" * 60_000)]
    assert [kept[0].encode(large) for _ in range(3)] == [None] * 3, "more than half of the room"
    last = ref(things[0])
    del things
    room.clear()
    gc.collect()
    assert (room.bytes_kept, last()) == (0, None)
    del kept, one
    gc.collect()
    assert len(room) == 0


@pytest.mark.slow
async def test_rows_go_when_facts_have_changed(demo_store: str) -> None:
    others = rooms()
    async with serving(Settings(store_url=demo_store, response_cache_bytes=0)) as gateway:
        (room,) = [one for one in rooms() if one not in others]
        for _ in range(3):
            await gateway.ask("{ account { models(first: 5) { nodes { id } } } }")
        assert room.bytes_kept > 0
        gateway.services.generations.advance([1])
        await gateway.ask("{ __typename }")
        assert room.bytes_kept == 0


def rooms() -> list[Room]:
    """The rooms of all gateways in this process; those of other tests may still be there, and full."""
    return [one for one in gc.get_objects() if type(one) is Room]

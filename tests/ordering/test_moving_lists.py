"""A run arrives between two pages of a list that is ordered by what runs change: the next page says that it moved."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.ordering.shop import Told, daily, write
from tests.serving import Gateway, Reply, serving

NAMES = "abcdef"
JOBS = [f"job {letter}" for letter in NAMES]


def grow(store: str, folder: Path, *runs: Told) -> None:
    archive = Archive.open(store)
    for run in runs:
        ingest_folder(archive, write(folder, run))
    archive.close()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A job per model; the model and the run of job a take 10 seconds, those of f 60."""
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    for place, job in enumerate(JOBS):
        told = daily(6, job)[place]
        grow(url, tmp_path / "first", Told(f"run of {job}", told.start, told.seconds, job, models(place), None, NAMES))
    return url


def models(place: int, seconds: float | None = None) -> dict[str, float]:
    return {NAMES[place]: 10.0 * (place + 1) if seconds is None else seconds}


def later(place: int, seconds: float) -> Told:
    """A new run of a job, on the ninth day."""
    day = daily(9, JOBS[place])[8]
    return Told("a new run", day.start, seconds, JOBS[place], models(place, seconds), None, NAMES)


def impatient(store: str) -> Settings:
    return Settings(store_url=store, revision_interval=1e-9, topology_seconds=1e-9, stale_seconds=0)


async def page(gateway: Gateway, what: str, order: str, arguments: str) -> Reply:
    shown = "nodes { name } edges { cursor } " if what != "runs" else "nodes { runtime } edges { cursor } "
    reply = await gateway.ask(
        f"{{ account {{ list: {what}({arguments}, orderBy: {order}) "
        f"{{ {shown} pageInfo {{ hasNextPage startCursor endCursor }} }} }} }}"
    )
    assert list(reply.errors) == []
    return reply


def names(reply: Reply) -> list[Any]:
    return [next(iter(node.values())) for node in reply.data["account"]["list"]["nodes"]]


def end(reply: Reply) -> str:
    return f'after: "{reply.data["account"]["list"]["pageInfo"]["endCursor"]}"'


def start(reply: Reply) -> str:
    return f'before: "{reply.data["account"]["list"]["pageInfo"]["startCursor"]}"'


def moved(reply: Reply) -> bool:
    """Whether the answer shows that the list moved, in full."""
    if not reply.gateway["notes"]:
        return False
    (note,) = reply.gateway["notes"]
    assert note["path"] == ["account", "list"]
    assert note["orderChanged"] is True
    assert "Read it again from the start" in note["message"]
    return True


VOLATILE = [
    ("models", "{field: RUNTIME}"),
    ("models", "{field: LAST_RUN_TIME}"),
    ("jobs", "{field: RUNTIME}"),
    ("jobs", "{field: LAST_RUN_TIME}"),
    ("runs", "{field: RUNTIME}"),
    ("runs", "{field: START_TIME}"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "order"), VOLATILE)
async def test_a_run_between_two_pages_is_reported(store: str, tmp_path: Path, what: str, order: str) -> None:
    """The item that was last is first now: the reader of the next pages would never meet it."""
    async with serving(impatient(store)) as gateway:
        first = await page(gateway, what, order, "first: 2")
        assert not moved(first)
        assert not moved(await page(gateway, what, order, f"first: 2, {end(first)}"))
        grow(store, tmp_path / "new", later(0, 100.0))
        second = await page(gateway, what, order, f"first: 2, {end(first)}")
        assert moved(second)
        again = await page(gateway, what, order, "first: 2")
        assert names(again)[1] == names(first)[0]
        assert not moved(await page(gateway, what, order, f"first: 2, {end(again)}"))


@pytest.mark.slow
async def test_what_is_missing_from_the_pages_is_what_moved(store: str, tmp_path: Path) -> None:
    """Otherwise the note would warn of nothing."""
    async with serving(impatient(store)) as gateway:
        seen = await page(gateway, "models", "{field: RUNTIME}", "first: 2")
        grow(store, tmp_path / "new", later(0, 100.0))
        rest = await page(gateway, "models", "{field: RUNTIME}", f"first: 9, {end(seen)}")
    assert names(seen) + names(rest) == ["f", "e", "d", "c", "b"]
    assert moved(rest)


@pytest.mark.slow
async def test_a_run_between_two_pages_backwards_is_reported(store: str, tmp_path: Path) -> None:
    order = "{field: RUNTIME, direction: ASC}"
    async with serving(impatient(store)) as gateway:
        last = await page(gateway, "models", order, "last: 2")
        assert names(last) == ["e", "f"]
        assert not moved(await page(gateway, "models", order, f"last: 2, {start(last)}"))
        grow(store, tmp_path / "new", later(0, 100.0))
        assert moved(await page(gateway, "models", order, f"last: 2, {start(last)}"))


@pytest.mark.slow
async def test_what_moves_among_the_pages_to_come_needs_no_word(store: str, tmp_path: Path) -> None:
    """Nothing is missed: models a and b, not read yet, change their places."""
    order = "{field: RUNTIME}"
    async with serving(impatient(store)) as gateway:
        first = await page(gateway, "models", order, "first: 2")
        grow(store, tmp_path / "new", later(0, 25.0))
        rest = await page(gateway, "models", order, f"first: 9, {end(first)}")
    assert names(rest) == ["d", "c", "a", "b"]
    assert not moved(rest)


@pytest.mark.slow
async def test_the_cursor_of_every_edge_knows_its_sides(store: str) -> None:
    order = "{field: RUNTIME}"
    async with serving(Settings(store_url=store)) as gateway:
        everything = await page(gateway, "models", order, "first: 9")
        edges = [edge["cursor"] for edge in everything.data["account"]["list"]["edges"]]
        second = await page(gateway, "models", order, f'first: 3, after: "{edges[1]}"')
        assert [edge["cursor"] for edge in second.data["account"]["list"]["edges"]] == edges[2:5]
        for place, cursor in enumerate(edges):
            behind = await page(gateway, "models", order, f'first: 9, after: "{cursor}"')
            ahead = await page(gateway, "models", order, f'last: 9, before: "{cursor}"')
            assert [*names(ahead), names(everything)[place], *names(behind)] == names(everything)
            assert not moved(behind)
            assert not moved(ahead)


@pytest.mark.slow
async def test_orders_that_runs_do_not_change_say_nothing(store: str, tmp_path: Path) -> None:
    async with serving(impatient(store)) as gateway:
        firsts = {what: await page(gateway, what, "{field: ID}", "first: 2") for what in ("models", "jobs", "runs")}
        grow(store, tmp_path / "new", later(0, 100.0))
        for what, first in firsts.items():
            assert not moved(await page(gateway, what, "{field: ID}", f"first: 2, {end(first)}"))


@pytest.mark.slow
async def test_cursors_from_before_there_were_checksums_are_good(store: str) -> None:
    async with serving(Settings(store_url=store)) as gateway:
        first = await page(gateway, "models", "{field: RUNTIME}", "first: 2")
        cursor = first.data["account"]["list"]["pageInfo"]["endCursor"]
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        old = base64.urlsafe_b64encode(json.dumps(parts[:2]).encode()).decode().rstrip("=")
        second = await page(gateway, "models", "{field: RUNTIME}", f'first: 2, after: "{old}"')
    assert names(second) == ["d", "c"]
    assert not moved(second)

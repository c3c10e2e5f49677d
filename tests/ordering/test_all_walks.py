"""Every connection of the schema, in every order, by pages of any size, forwards and backwards, over an account full of
ties: each item once, in the list's own order. What there is to walk is read from the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.ordering.shop import MIDNIGHT, Told, with_sources, write
from tests.repetitions import daily_and_nightly
from tests.serving import Gateway, serving

MODELS = tuple(f"m{number}" for number in (1, 10, 11, 2, 20, 3, 9))
SOURCES = tuple(f"s{number}" for number in (1, 10, 2, 9))
RUNS = ("8", "9", "10", "11", "100", "run a", "run 10")
"""Ids of runs: numbers that sort otherwise as text, and texts, which become hashes."""

INTROSPECTION = """{ __schema { types { kind name enumValues { name } inputFields { name type { ...T } }
  fields { name args { name type { ...T } } type { ...T } } } } }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }"""


@dataclass(frozen=True)
class Walk:
    """A connection of one type, in one order; `order` is empty for the list's own."""

    owner: str
    field: str
    order: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.field}{self.order}"


@pytest.fixture(scope="module")
def ties(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two jobs of nine runs, each pair at the same time and of the same length; every model takes one of two times."""
    folder = tmp_path_factory.mktemp("ties")
    url = f"sqlite:///{folder / 'runs.db'}"
    archive = Archive.open(url)
    times = {name: float(2 + place % 2) for place, name in enumerate(MODELS)}
    for job in ("1", "nightly", "hourly", "2", "10", "9"):
        for place, name in enumerate(RUNS if job in ("1", "nightly") else RUNS[:2]):
            run = name if job == "1" else f"{name} of {job}"
            start = MIDNIGHT + timedelta(days=place // 3)
            ingest_folder(archive, with_sources(write(folder / "runs", Told(run, start, 10.0, job, times)), SOURCES))
    archive.close()
    return url


def named(kind: Mapping[str, Any]) -> str:
    while kind.get("ofType"):
        kind = kind["ofType"]
    return str(kind["name"])


def walks(types: Mapping[str, Any]) -> Iterator[Walk]:
    for owner, one in types.items():
        for found in one["fields"] or ():
            arguments = {argument["name"]: named(argument["type"]) for argument in found["args"]}
            if not {"first", "after", "last", "before"} <= arguments.keys():
                continue
            yield Walk(owner, found["name"], "")
            if "orderBy" in arguments:
                parts = {part["name"]: named(part["type"]) for part in types[arguments["orderBy"]]["inputFields"]}
                for value in types[parts["field"]]["enumValues"]:
                    for end in types[parts["direction"]]["enumValues"]:
                        order = f"orderBy: {{field: {value['name']}, direction: {end['name']}}}"
                        yield Walk(owner, found["name"], order)


async def roots(gateway: Gateway) -> dict[str, str]:
    """Where an object of each type is asked for."""
    account = (
        await gateway.data(
            "{ account { projects { nodes { id } } models { nodes { id } } sources { nodes { uniqueId } } "
            "jobs(first: 1, orderBy: {field: ID}) { nodes { id runs(first: 1) { nodes { id } } } } } }"
        )
    )["account"]
    job = account["jobs"]["nodes"][0]
    places = {
        "Project": account["projects"]["nodes"][0]["id"],
        "Model": account["models"]["nodes"][0]["id"],
        "Job": job["id"],
        "Run": job["runs"]["nodes"][0]["id"],
    }
    found = {kind: f'{kind.lower()}(id: "{where}") {{ %s }}' for kind, where in places.items()}
    return {**found, "Account": "account { %s }", "Source": FIRST_SOURCE, "Exposure": EXPOSURE}


async def ask(gateway: Gateway, root: str, lists: str) -> Any:
    """What stands below a root: of sources and exposures, below the first."""
    reply = await gateway.ask(f"{{ root: {root % lists} }}")
    assert list(reply.errors) == []
    assert [note for note in reply.gateway["notes"] if "orderChanged" in note] == []
    found = reply.data["root"]
    if root == EXPOSURE:
        return found["projects"]["nodes"][0]["resources"]["nodes"][0]
    return found["sources"]["nodes"][0] if root == FIRST_SOURCE else found


async def whole(gateway: Gateway, root: str, walk: Walk) -> list[str]:
    """The list on one page."""
    found = await ask(gateway, root, f"list: {walk.field}({joined('first: 100', walk)}) {{ {NODES} }}")
    return [node["id"] for node in found["list"]["nodes"]]


AT_ONCE = 20
FIRST_SOURCE = "account { sources(first: 1) { nodes { %s } } }"
EXPOSURE = (
    "account { projects(first: 1) { nodes { "
    "resources(first: 1, filter: {resourceTypes: [EXPOSURE]}) { nodes { ... on Exposure { %s } } } } } }"
)
NODES = "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


def joined(arguments: str, walk: Walk) -> str:
    return f"{arguments}, {walk.order}" if walk.order else arguments


@dataclass
class Steps:
    """One reader of a list: what they met so far, in the list's order, and how they ask for the next page."""

    walk: Walk
    size: int
    forwards: bool
    whole: Sequence[str]
    seen: list[str] = field(default_factory=list)
    cursor: str = ""
    done: bool = False

    def question(self, alias: str) -> str:
        arguments = joined(f"{'first' if self.forwards else 'last'}: {self.size}{self.cursor}", self.walk)
        return f"{alias}: {self.walk.field}({arguments}) {{ {NODES} }}"

    def take(self, page: Mapping[str, Any]) -> None:
        info, ids = page["pageInfo"], [node["id"] for node in page["nodes"]]
        self.seen = [*self.seen, *ids] if self.forwards else [*ids, *self.seen]
        self.done = not info["hasNextPage" if self.forwards else "hasPreviousPage"]
        self.cursor = f', after: "{info["endCursor"]}"' if self.forwards else f', before: "{info["startCursor"]}"'
        assert len(self.seen) <= len(self.whole), self


async def read(gateway: Gateway, root: str, readers: Sequence[Steps]) -> None:
    """The next page of each reader, in one request."""
    asked = {f"r{place}": reader for place, reader in enumerate(readers)}
    lists = " ".join(reader.question(alias) for alias, reader in asked.items())
    found = await ask(gateway, root, lists)
    for alias, reader in asked.items():
        reader.take(found[alias])


@pytest.mark.slow
@pytest.mark.parametrize("sizes", daily_and_nightly(1, 3))
async def test_every_page_of_every_list_in_every_order(ties: str, sizes: int) -> None:
    async with serving(Settings(store_url=ties)) as gateway:
        schema = (await gateway.data(INTROSPECTION))["__schema"]["types"]
        asked = list(walks({one["name"]: one for one in schema}))
        places = await roots(gateway)
        readers: dict[str, list[Steps]] = {}
        for number, walk in enumerate(asked):
            items = await whole(gateway, places[walk.owner], walk)
            assert len(items) == len(set(items)), walk
            # The smallest pages cost most: long lists are walked so in some of their orders each.
            small = {1 + (number + turn) % 3 for turn in range(sizes if len(items) < 8 else 1)}
            for size in sorted({*small, 7, len(items), len(items) + 1}):
                ways = [Steps(walk, size, forwards, items) for forwards in (True, False)]
                readers.setdefault(places[walk.owner], []).extend(ways)
        for root, those in readers.items():
            while waiting := [reader for reader in those if not reader.done][:AT_ONCE]:
                await read(gateway, root, waiting)
    assert len(asked) > 16
    assert [reader for those in readers.values() for reader in those if reader.seen != list(reader.whole)] == []

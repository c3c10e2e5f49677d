"""A schema of every kind of field over facts that are wrong on purpose: wrong classes, nulls, errors, awaitables."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from random import Random
from typing import Any

import strawberry
from graphql import GraphQLSchema, build_schema
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from gateway.errors import NotFound


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Word(StrEnum):
    YES = "yes"


class Later:
    """An awaitable that can be awaited again and again."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self._value


class Shy:
    """Something that only its own text can stand for."""

    def __str__(self) -> str:
        return "shy"


class Cursed:
    """Reading this fact fails; it stands for an error in a property."""


class Fact:
    """An object whose fields are what chance gave them; some raise when they are read."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._fields.get(name)
        if isinstance(value, Cursed):
            raise NotFound(f"{name} is lost")
        return value


class PartFact(Fact):
    """What the schema's Part is made of."""


class ThingFact(Fact):
    """What the schema's Thing is made of."""


@strawberry.interface
class Named:
    name: str
    label: str | None


@strawberry.type
class Part(Named):
    name: str
    label: str | None
    size: int
    colour: Colour | None

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, PartFact)


@strawberry.type
class Plain:
    id: strawberry.ID
    ratio: float | None
    whens: list[datetime | None] | None


@strawberry.type
class Thing(Named):
    id: strawberry.ID
    name: str
    label: str | None
    size: int
    small: int | None
    ratio: float
    share: float | None
    ok: bool
    maybe: bool | None
    colour: Colour
    hue: Colour | None
    at: datetime
    seen: datetime | None
    blob: JSON | None
    tags: list[str]
    words: list[str | None] | None
    matrix: list[list[float | None]] | None
    part: Part | None
    main: Part
    parts: list[Part]
    spares: list[Part | None] | None
    plain: Plain | None
    plains: list[Plain] | None

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, ThingFact)

    @strawberry.field
    def doubled(self, parent: strawberry.Parent[Any]) -> int:
        return 2 * parent.size

    @strawberry.field
    def inverse(self, parent: strawberry.Parent[Any]) -> float | None:
        return 1 / parent.ratio

    @strawberry.field(graphql_type=Part)
    def own(self, parent: strawberry.Parent[Any]) -> Any:
        return parent.main

    @strawberry.field(graphql_type=list["Thing"] | None)
    async def related(self, parent: strawberry.Parent[Any], info: strawberry.Info, first: int = 2) -> Any:
        info.context.append(tuple(info.path.as_list()))
        await asyncio.sleep(0)
        if first > 2:
            raise NotFound("there are not that many")
        return parent.others[:first]

    @strawberry.field(graphql_type=Part)
    async def needed(self, parent: strawberry.Parent[Any], info: strawberry.Info) -> Any:
        info.context.append(tuple(info.path.as_list()))
        return parent.main

    @strawberry.field(graphql_type=list[Named | None] | None)
    def mixed(self, parent: strawberry.Parent[Any]) -> Any:
        return [parent.part, *parent.others[:1]]


@strawberry.type
class Query:
    @strawberry.field(graphql_type=list[Thing | None] | None)
    async def things(self, info: strawberry.Info, first: int = 3) -> Any:
        info.context.append("things")
        return info.root_value or ROOTS[: max(0, first)]

    @strawberry.field(graphql_type=Thing | None)
    async def thing(self, info: strawberry.Info, id: int = 0) -> Any:
        info.context.append(("thing", id))
        return ROOTS[id % len(ROOTS)]

    @strawberry.field(graphql_type=Thing)
    def first(self) -> Any:
        return ROOTS[0]

    @strawberry.field(graphql_type=Named | None)
    async def named(self, id: int = 0) -> Any:
        return ROOTS[id % len(ROOTS)].part


_LATER = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
_ELSEWHERE = datetime(2026, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=5)))
_GOOD: dict[str, list[Any]] = {
    **{key: ["a", "ü\n\"'", ""] for key in ("id", "name", "label")},
    **{key: [0, -1, 2**31 - 1, -(2**31)] for key in ("size", "small")},
    **{key: [0.5, -1e300, 1e308, 3.0] for key in ("ratio", "share")},
    **{key: [True, False] for key in ("ok", "maybe")},
    **{key: list(Colour) for key in ("colour", "hue")},
    **{key: [_LATER, _LATER.replace(microsecond=0)] for key in ("at", "seen")},
    "blob": [{"a": [1, None, "x"]}, [], "text", 0],
    "tags": [("x", "y"), [], ["z"]],
    "words": [["w"], None, ("v", None)],
    "matrix": [[[1.0, None], []], None, []],
    "whens": [[_LATER, None], None],
}
_BAD: list[Any] = [
    *(None, 2**31, 7, 1.5, float("nan"), float("inf"), True, "red", "7", "text", b"x", Decimal("1.5"), Word.YES),
    *(Colour.RED, _ELSEWHERE, datetime(2026, 1, 1), [1, "a"], ({},), {"k": 1}, object, Shy(), Cursed()),  # noqa: DTZ001
    *(ValueError("a value"), NotFound("lost"), Later("late"), Later(None), [Later("item")], [None], [[2**40]]),
]
ROOTS: list[Any] = []


def hostile_schema() -> strawberry.Schema:
    return strawberry.Schema(Query, types=[Part, Thing], config=StrawberryConfig(auto_camel_case=True))


def without_descriptions(schema: strawberry.Schema) -> GraphQLSchema:
    """The same as an SDL reader sees it, for generating queries."""
    return build_schema(schema.as_str())


def conjure(seed: int, hostility: float) -> None:
    """New facts behind the schema: the same for the same seed; `hostility` is the chance of a field to be wrong."""
    chance = Random(seed)  # noqa: S311
    ROOTS[:] = [_thing(chance, hostility, 0) for _ in range(chance.randint(1, 5))]


def _fields(chance: Random, hostility: float) -> dict[str, Any]:
    return {name: chance.choice(_BAD if chance.random() < hostility else good) for name, good in _GOOD.items()}


def _part(chance: Random, hostility: float) -> Any:
    kind = ThingFact if chance.random() < hostility / 4 else PartFact
    return chance.choice(_BAD) if chance.random() < hostility / 4 else kind(_fields(chance, hostility))


def _thing(chance: Random, hostility: float, depth: int) -> Any:
    fields = _fields(chance, hostility)
    for name in ("part", "main"):
        fields[name] = _part(chance, hostility)
    for name in ("parts", "spares"):
        fields[name] = [_part(chance, hostility) for _ in range(chance.randint(0, 3))]
    fields["plain"] = chance.choice([None, Fact(_fields(chance, hostility))])
    fields["plains"] = tuple(Fact(_fields(chance, hostility)) for _ in range(chance.randint(0, 3)))
    fields["others"] = [_thing(chance, hostility, depth + 1) for _ in range(2)] if depth < 2 else []
    return ThingFact(fields)

"""What a doubled key is known from: by counting strings where that proves there is none, else by looking at every
name."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.services.rows import discovery_types
from gateway.services.rows.discovery_types import (
    DescribedRow,
    EnvironmentHistories,
    ModelRow,
    PagedEnvironment,
    RuntimeRow,
)
from gateway.services.transport import strict_decoder
from gateway.services.transport.graphql_transport import Reply
from gateway.services.transport.strict_decoder import DoubledKey, StrictDecoder

SHAPES: tuple[Any, ...] = (
    Reply[PagedEnvironment[RuntimeRow]],
    Reply[PagedEnvironment[ModelRow]],
    Reply[PagedEnvironment[DescribedRow]],
    Reply[EnvironmentHistories],
)
TEXTS = st.text(st.sampled_from('a":\\/\n\tü{},[]\U0001f40c'), max_size=8)
TIMES = st.datetimes().map(lambda time: time.isoformat() + "Z")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def values_of(shape: Any) -> st.SearchStrategy[Any]:
    """JSON values that fit a shape, with and without what may be left out."""
    info = msgspec.inspect
    if isinstance(shape, info.StructType):
        needed = {field.encode_name: values_of(field.type) for field in shape.fields if field.required}
        others = {field.encode_name: values_of(field.type) for field in shape.fields if not field.required}
        return st.fixed_dictionaries(needed, optional=others)
    if isinstance(shape, info.UnionType):
        return st.one_of([values_of(one) for one in shape.types])
    if isinstance(shape, info.ListType):
        return st.lists(values_of(shape.item_type), max_size=3)
    if isinstance(shape, info.DictType):
        return st.dictionaries(TEXTS, values_of(shape.value_type), max_size=3)
    plain = {
        info.NoneType: st.none(),
        info.BoolType: st.booleans(),
        info.IntType: st.integers(-(2**40), 2**40),
        info.FloatType: st.floats(allow_nan=False, allow_infinity=False),
        info.StrType: TEXTS,
        info.DateTimeType: TIMES,
    }
    return plain.get(type(shape), ANYTHING)


class Writer:
    """Writes JSON in any of its spellings, and spoils an object at one place when it is told to."""

    def __init__(self, seed: int, spoil: str | None = None) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.spoil = spoil
        self.spoilt = False

    def write(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + self._gap().join([",".join(self._members(value)), ""]) + "}"
        if isinstance(value, list):
            return "[" + ",".join(self._gap() + self.write(one) for one in value) + self._gap() + "]"
        return self._text(value) if isinstance(value, str) else json.dumps(value)

    def _members(self, value: dict[str, Any]) -> list[str]:
        members = list(value.items())
        if self.spoil and not self.spoilt and members and self.chance.random() < 0.5:
            self.spoilt = True
            members = self._spoilt(members)
        return [f"{self._gap()}{self._text(name)}{self._gap()}:{self._gap()}{self.write(one)}" for name, one in members]

    def _spoilt(self, members: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        name, value = self.chance.choice(members)
        before = (name, value) if self.spoil == "same" else (name, None if self.spoil == "null" else "x")
        place = self.chance.randrange([one for one, _ in members].index(name) + 1)
        without = members if self.spoil != "lacking" else [one for one in members if one[0] == name]
        return [*without[:place], before, *without[place:]]

    def _text(self, text: str) -> str:
        plain = json.dumps(text, ensure_ascii=self.chance.random() < 0.5)
        if self.chance.random() < 0.3:
            return '"' + "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else one for one in text) + '"'
        return plain.replace("/", "\\/") if self.chance.random() < 0.3 else plain

    def _gap(self) -> str:
        return self.chance.choice(["", "", "", " ", "\n", "\t ", "\r\n"])


def told(shape: Any, text: str) -> Any:
    """The value, or that it was refused, by the counting reader; small answers are counted too."""
    try:
        return StrictDecoder(shape).decode(text.encode())
    except (ValueError, msgspec.MsgspecError) as refused:
        return type(refused)


def told_by_names(shape: Any, text: str) -> Any:
    """The same by the one that looks at every name."""
    try:
        value = msgspec.json.Decoder(shape).decode(text.encode())
        json.loads(text, object_pairs_hook=strict_decoder._refuse_doubled)
    except (ValueError, msgspec.MsgspecError) as refused:
        return type(refused)
    return value


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_decoder, "_SMALL_BYTES", 0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@settings(max_examples=60, deadline=None, database=None)
@given(data=st.data(), seed=st.integers(0, 2**32), spoil=st.sampled_from([None, "same", "other", "null", "lacking"]))
def test_counting_refuses_what_looking_at_every_name_refuses(
    shape: Any, data: st.DataObject, seed: int, spoil: str | None
) -> None:
    value = data.draw(values_of(msgspec.inspect.type_info(shape)))
    text = Writer(seed, spoil).write(value)
    assert told(shape, text) == told_by_names(shape, text)


def page(rows: list[str]) -> bytes:
    edges = ",".join(f'{{"node":{row}}}' for row in rows)
    models = f'{{"totalCount":1,"pageInfo":{{"hasNextPage":false,"endCursor":"1"}},"edges":[{edges}]}}'
    return f'{{"data":{{"e0":{{"applied":{{"models":{models}}}}}}}}}'.encode()


ROW = '{"uniqueId":"model.a.b","executionInfo":{"executionTime":1.5}}'
TIMED: Any = Reply[PagedEnvironment[RuntimeRow]]


def test_an_answer_with_nothing_twice_is_not_read_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_again(*_: object, **__: object) -> None:
        raise AssertionError("read a second time")

    monkeypatch.setattr(strict_decoder.json, "loads", read_again)
    StrictDecoder(TIMED).decode(page([ROW, ROW.replace("model.a.b", 'model.a.\\"c\\\\')]))


@pytest.mark.parametrize(
    "row",
    [
        '{"uniqueId":"model.a.b","executionInfo":null,"executionInfo":{"executionTime":1.5}}',
        '{"uniqueId":"model.a.b","executionInfo":{"executionTime":1.5},"executionInfo":null}',
        '{"uniqueId":"model.a.b","executionInfo":{"executionTime":1.5,"executionTime":1.5}}',
        '{"uniqueId":"model.a.b","executionInfo":{"executionTime":1.5,"executionTime" :2}}',
        '{"uniqueId":"model.a.b","unique\\u0049d":"model.a.b","executionInfo":{"executionTime":1.5}}',
        '{"uniqueId":"a\\u0022\\u0022","executionInfo":null,"executionInfo":null}',
        '{"uniqueId":"\\":","uniqueId":"model.a.b","executionInfo":{"executionTime":1.5}}',
        '{"uniqueId":"model.a.b","executionInfo":{"executionTime":1.5},"name":{"a":1,"a":1}}',
    ],
)
def test_a_doubled_key_is_refused_wherever_it_hides(row: str) -> None:
    with pytest.raises(DoubledKey):
        StrictDecoder(TIMED).decode(page([ROW, row, ROW]))


def test_a_field_that_is_missing_does_not_make_up_for_one_that_is_there_twice() -> None:
    shape: Any = Reply[PagedEnvironment[DescribedRow]]
    with pytest.raises(msgspec.ValidationError):
        StrictDecoder(shape).decode(page([ROW.replace('"uniqueId"', '"executionInfo":null,"x"')]))
    doubled = msgspec.json.encode(
        DescribedRow("model.a.b", "b", "a", [], "table", None, description="d")  # without eleven others
    ).decode()
    with pytest.raises(DoubledKey):
        StrictDecoder(shape).decode(page([doubled.replace('"description":"d"', '"description":"c","description":"d"')]))


def test_what_the_gateway_reads_in_bulk_can_be_counted() -> None:
    for shape in (*SHAPES, Reply[discovery_types.Environment], Reply[discovery_types.JobModels]):
        assert StrictDecoder(shape)._exact


def test_a_shape_that_shows_what_was_not_there_is_not_counted() -> None:
    class Defaulted(msgspec.Struct):
        name: str | None = None

    assert not StrictDecoder(Defaulted)._exact

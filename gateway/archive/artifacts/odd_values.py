"""Decodes JSON into records value by value, so that one value of another type costs itself and not its file.

Numbers and texts that mean the same are taken for each other (`3` for `"3"`); any other odd value is left out, and
named with its place. An entry of a list or an object that cannot be understood is left out whole.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from gateway.concurrency.struct_decoders import json_decoder

_LONGEST_SHOWN = 40
_WORDS = {str: "a text", int: "a whole number below 2**63", float: "a number", list: "a list", dict: "an object"}

Record = TypeVar("Record")


@dataclass(frozen=True)
class OddValue:
    """A value that was left out: where it stands (`$.results[3].failures`), and why."""

    place: str
    reason: str


class UnusableError(Exception):
    """A value that its record cannot do without; its argument is an OddValue."""

    @property
    def value(self) -> OddValue:
        """What could not be used."""
        odd_value: OddValue = self.args[0]
        return odd_value


def decode(data: bytes, record: type[Record], place: str = "$") -> tuple[Record, Sequence[OddValue]]:
    """`data` as `record`, and the values that had to be left out; `place` is where `data` stands in its file.

    Raises UnusableError when what the record requires is odd, and msgspec.DecodeError for what is no JSON.
    """
    reader = _Reader()
    decoded: Record = reader.read(data, record, place)
    return decoded, reader.odd


class _Reader:
    """One decoding. Everything is first tried as it should be, which is all there is to do for nearly every file."""

    def __init__(self) -> None:
        self.odd: list[OddValue] = []

    def read(self, raw: bytes | msgspec.Raw, kind: Any, place: str) -> Any:
        try:
            return json_decoder(kind).decode(raw)
        except msgspec.ValidationError:
            kinds = _alternatives(kind)
            return self._read_parts(raw, kinds, place)

    def _read_parts(self, raw: bytes | msgspec.Raw, kinds: Sequence[Any], place: str) -> Any:
        first = bytes(raw).lstrip()[:1]
        for kind in kinds:
            outer = get_origin(kind) or kind
            if first == b"{" and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                return self._read_struct(raw, kind, place)
            if first == b"{" and outer is dict:
                return self._read_object(raw, get_args(kind)[1], place)
            if first == b"[" and outer is list:
                return self._read_list(raw, get_args(kind)[0], place)
        for kind in kinds:
            value = _same_meaning(raw, kind)
            if value is not None:
                return value
        raise UnusableError(OddValue(place, f"{_shown(raw)} where dbt writes {_named(kinds)}"))

    def _read_struct(self, raw: bytes | msgspec.Raw, kind: type[msgspec.Struct], place: str) -> Any:
        parts = json_decoder(dict[str, msgspec.Raw]).decode(raw)
        values = {}
        for field in msgspec.structs.fields(kind):
            inside = f"{place}.{field.encode_name}"
            if field.encode_name not in parts:
                if field.required:
                    raise UnusableError(OddValue(inside, "missing"))
                continue
            try:
                values[field.name] = self.read(parts[field.encode_name], field.type, inside)
            except UnusableError as error:
                if field.required:
                    raise
                self.odd.append(error.value)
        return kind(**values)

    def _read_object(self, raw: bytes | msgspec.Raw, kind: Any, place: str) -> dict[str, Any]:
        parts = json_decoder(dict[str, msgspec.Raw]).decode(raw)
        values = {}
        for key, part in parts.items():
            try:
                values[key] = self.read(part, kind, f"{place}.{key}")
            except UnusableError as error:
                self.odd.append(error.value)
        return values

    def _read_list(self, raw: bytes | msgspec.Raw, kind: Any, place: str) -> list[Any]:
        values = []
        for index, part in enumerate(json_decoder(list[msgspec.Raw]).decode(raw)):
            try:
                values.append(self.read(part, kind, f"{place}[{index}]"))
            except UnusableError as error:
                self.odd.append(error.value)
        return values


def _alternatives(kind: Any) -> list[Any]:
    """The types of a union, without null and without bounds."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [each for part in get_args(kind) if part is not type(None) for each in _alternatives(part)]
    return [kind]


def _same_meaning(raw: bytes | msgspec.Raw, kind: Any) -> str | int | float | None:
    """A number or text of another spelling as `kind`; None when it does not mean the same."""
    value = msgspec.json.decode(raw)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if kind is str:
        return str(value)
    try:
        number = float(value)
        if kind is int and number.is_integer() and abs(number) < 2**63:
            return int(value)
        return number if kind is float and abs(number) < float("inf") else None
    except (ValueError, OverflowError):
        return None


def _named(kinds: Sequence[Any]) -> str:
    words = [_WORDS.get(get_origin(kind) or kind, "an object") for kind in kinds]
    return " or ".join(dict.fromkeys(words))


def _shown(raw: bytes | msgspec.Raw) -> str:
    text = " ".join(bytes(raw).decode("utf-8", "replace").split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"

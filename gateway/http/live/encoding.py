"""How the parts of an answer go over the wire: as server-sent events, or as the parts of a multipart body."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from gateway.http.execution import Answer, Part
from gateway.http.negotiation import PartsFormat
from gateway.http.pricing import cost_of
from gateway.http.refusals import LimitExceeded
from gateway.http.replies import answer_bytes, error_of

HEARTBEAT = b":\n\n"
LAST_EVENT = b"event: complete\ndata:\n\n"
OPENING_PART = b"---"
LAST_PART = b"\r\n-----\r\n"


def parts_type(shape: PartsFormat) -> str:
    """The Content-Type of a multipart answer."""
    return f'multipart/mixed; boundary="-"{"; " + shape.value if shape.value else ""}'


async def events_of_answers(
    answers: AsyncGenerator[Answer, None], most_bytes: int | None
) -> AsyncGenerator[bytes, None]:
    """Each answer of a subscription as an event, and one that ends them. What is longer than `most_bytes` is told as an
    error in its place."""
    async with aclosing(answers):
        async for answer in answers:
            yield _event_of(answer, most_bytes)
    yield LAST_EVENT


async def events_of_parts(parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
    """The parts of a deferred answer as events."""
    async with aclosing(parts):
        async for part in parts:
            yield _event(part)
    yield LAST_EVENT


async def event_of_answer(answer: Answer, most_bytes: int | None) -> AsyncGenerator[bytes, None]:
    """A whole answer as the only event."""
    yield _event_of(answer, most_bytes)
    yield LAST_EVENT


async def multipart(parts: AsyncGenerator[Part, None], shape: PartsFormat) -> AsyncGenerator[bytes, None]:
    """The parts of a deferred answer as a multipart body."""
    older = OlderParts()
    async with aclosing(parts):
        async for part in parts:
            shown = older.translated(part) if shape is PartsFormat.OF_2022 else part
            # The boundary that follows a part tells its reader that it is whole; so it is sent along.
            yield _HEAD + msgspec.json.encode(shown) + (b"\r\n---" if part["hasNext"] else LAST_PART)


_HEAD = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"


class OlderParts:
    """Turns the parts of one answer into the shape of 2022, which names fragments by path instead of by id."""

    def __init__(self) -> None:
        self._fragments: dict[str, Mapping[str, Any]] = {}

    def translated(self, part: Part) -> Part:
        """The part in the older shape; parts must come in their order."""
        self._fragments |= {one["id"]: one for one in part.get("pending", ())}
        older: Part = {name: part[name] for name in ("data", "errors", "hasNext", "extensions") if name in part}
        incremental = [self._delivered(one) for one in part.get("incremental", ())]
        incremental += [self._failed(one) for one in part.get("completed", ()) if one.get("errors")]
        if incremental:
            older["incremental"] = incremental
        return older

    def _delivered(self, one: Mapping[str, Any]) -> dict[str, Any]:
        fragment = self._fragments[one["id"]]
        shown = {"data": one["data"], "path": [*fragment["path"], *one.get("subPath", ())]}
        return {**shown, **_label(fragment), **({"errors": one["errors"]} if "errors" in one else {})}

    def _failed(self, one: Mapping[str, Any]) -> dict[str, Any]:
        fragment = self._fragments[one["id"]]
        return {"data": None, "path": fragment["path"], **_label(fragment), "errors": one["errors"]}


def _label(fragment: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": fragment["label"]} if "label" in fragment else {}


def _event_of(answer: Answer, most_bytes: int | None) -> bytes:
    try:
        return _framed(answer_bytes(answer, most_bytes, cost_of(answer)))
    except LimitExceeded as refusal:
        return _event({"errors": [error_of(refusal)]})


def _event(content: Mapping[str, Any]) -> bytes:
    return _framed(msgspec.json.encode(content))


def _framed(data: bytes) -> bytes:
    return b"event: next\ndata: " + data + b"\n\n"

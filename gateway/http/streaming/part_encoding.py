"""How the parts of an answer go over the wire: as server-sent events, or as the parts of a multipart body."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from gateway.execution.request import Answer, Part
from gateway.http.encoding import too_long
from gateway.http.errors import LimitExceeded
from gateway.http.negotiation import PartsFormat
from gateway.http.operation_cost import cost_of
from gateway.http.responses import answer_bytes, error_of

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
    """Each answer of a subscription as an event, then the event that ends them. An error replaces an answer longer than
    `most_bytes`."""
    async with aclosing(answers):
        async for answer in answers:
            yield _event_of(answer, most_bytes)
    yield LAST_EVENT


async def events_of_parts(parts: AsyncGenerator[Part, None], most_bytes: int | None) -> AsyncGenerator[bytes, None]:
    """The parts of a deferred answer as events. An error replaces the part that would exceed `most_bytes` in all, and
    ends them."""
    bounded = BoundedParts(most_bytes)
    async with aclosing(parts):
        async for part in parts:
            encoded, goes_on = bounded.encode(part)
            yield _framed(encoded)
            if not goes_on:
                break
    yield LAST_EVENT


async def event_of_answer(answer: Answer, most_bytes: int | None) -> AsyncGenerator[bytes, None]:
    """A whole answer as the only event."""
    yield _event_of(answer, most_bytes)
    yield LAST_EVENT


async def multipart(
    parts: AsyncGenerator[Part, None], shape: PartsFormat, most_bytes: int | None
) -> AsyncGenerator[bytes, None]:
    """The parts of a deferred answer as a multipart body, bounded as events are."""
    bounded = BoundedParts(most_bytes, OlderParts().translated if shape is PartsFormat.OF_2022 else None)
    async with aclosing(parts):
        async for part in parts:
            encoded, goes_on = bounded.encode(part)
            # A reader knows that a part is complete when its boundary arrives, so both are sent together.
            yield _HEAD + encoded + (b"\r\n---" if goes_on else LAST_PART)
            if not goes_on:
                return


_HEAD = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"


class BoundedParts:
    """Encodes the parts of one answer in their order, as `shown`, up to `most_bytes` in all."""

    def __init__(self, most_bytes: int | None, shown: Callable[[Part], Part] | None = None) -> None:
        self._most_bytes = most_bytes
        self._shown = shown or (lambda part: part)
        self._sent = 0
        self._pending: set[str] = set()

    def encode(self, part: Part) -> tuple[bytes, bool]:
        """The part, or the error that replaces one that is too long; and whether others follow."""
        encoded = msgspec.json.encode(self._shown(part))
        self._sent += len(encoded)
        if self._most_bytes is not None and self._sent > self._most_bytes:
            refusal = error_of(too_long(self._most_bytes))
            return msgspec.json.encode(self._shown(self._given_up(part, refusal))), False
        self._pending |= {entry["id"] for entry in part.get("pending", ())}
        self._pending -= {entry["id"] for entry in part.get("completed", ())}
        return encoded, part["hasNext"]

    def _given_up(self, part: Part, refusal: Mapping[str, Any]) -> Part:
        if "data" in part:
            return {"data": None, "errors": [refusal], "hasNext": False}
        completed = [{"id": fragment_id, "errors": [refusal]} for fragment_id in sorted(self._pending)]
        return {"completed": completed, "hasNext": False}


class OlderParts:
    """Turns the parts of one answer into the shape of 2022, which names fragments by path instead of by id."""

    def __init__(self) -> None:
        self._fragments: dict[str, Mapping[str, Any]] = {}

    def translated(self, part: Part) -> Part:
        """The part in the older shape; parts must come in their order."""
        self._fragments |= {entry["id"]: entry for entry in part.get("pending", ())}
        older: Part = {name: part[name] for name in ("data", "errors", "hasNext", "extensions") if name in part}
        incremental = [self._delivered(entry) for entry in part.get("incremental", ())]
        incremental += [self._failed(entry) for entry in part.get("completed", ()) if entry.get("errors")]
        if incremental:
            older["incremental"] = incremental
        return older

    def _delivered(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        fragment = self._fragments[entry["id"]]
        shown = {"data": entry["data"], "path": [*fragment["path"], *entry.get("subPath", ())]}
        return {**shown, **_label(fragment), **({"errors": entry["errors"]} if "errors" in entry else {})}

    def _failed(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        fragment = self._fragments[entry["id"]]
        return {"data": None, "path": fragment["path"], **_label(fragment), "errors": entry["errors"]}


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

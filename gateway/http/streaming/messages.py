"""The messages of the graphql-transport-ws protocol, and the codes by which a socket is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.execution.request import Answer
from gateway.http.operation_cost import cost_of
from gateway.http.request.strict_json import JsonBounds, read_json_text
from gateway.http.responses import answer_bytes

SUBPROTOCOL = "graphql-transport-ws"
_LONGEST_ID = 128


class CloseCode(IntEnum):
    """Why a socket is closed: the protocol's codes, and those of WebSockets themselves."""

    GOING_AWAY = 1001
    FAILED = 1011
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_REQUESTS = 4429


class Closing(Exception):
    """The socket has to be closed; the reason is told to the client."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the client. `id` is set for `subscribe` and `complete`, `payload` for `subscribe`."""

    type: str
    id: str = ""
    payload: Mapping[str, Any] | None = None


def read_message(frame: Mapping[str, Any], bounds: JsonBounds) -> Message:
    """The message in a WebSocket frame. Raises Closing with 4400 for anything the protocol does not know."""
    text = frame.get("text")
    if text is None:
        raise Closing(CloseCode.BAD_REQUEST, "Messages are text")
    try:
        frame_data = read_json_text(text, bounds)
    except GatewayError:
        raise Closing(CloseCode.BAD_REQUEST, "A message is not the JSON it should be") from None
    if not isinstance(frame_data, dict):
        raise Closing(CloseCode.BAD_REQUEST, "A message is a JSON object")
    return _checked(frame_data)


def _checked(frame_data: Mapping[str, Any]) -> Message:
    kind, message_id, payload = frame_data.get("type"), frame_data.get("id"), frame_data.get("payload")
    if kind not in ("connection_init", "ping", "pong", "subscribe", "complete"):
        raise Closing(CloseCode.BAD_REQUEST, "A message has an unknown type")
    if payload is not None and not isinstance(payload, dict):
        raise Closing(CloseCode.BAD_REQUEST, "A payload is a JSON object")
    if kind not in ("subscribe", "complete"):
        return Message(kind, payload=payload)
    if not isinstance(message_id, str) or not 0 < len(message_id) <= _LONGEST_ID:
        raise Closing(CloseCode.BAD_REQUEST, f"An id is a string of 1 to {_LONGEST_ID} characters")
    if kind == "subscribe" and payload is None:
        raise Closing(CloseCode.BAD_REQUEST, "A subscribe message needs a payload")
    return Message(kind, message_id, payload)


def acknowledged() -> str:
    """The server's `connection_ack`."""
    return _encoded({"type": "connection_ack"})


def pong(payload: Mapping[str, Any] | None) -> str:
    """The answer to a ping, which gets its payload back."""
    return _encoded({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def following(message_id: str, answer: Answer, most_bytes: int | None = None) -> str:
    """One answer of an operation: `next`. Raises LimitExceeded when it is longer than `most_bytes`."""
    payload = msgspec.Raw(answer_bytes(answer, most_bytes, cost_of(answer)))
    return _encoded({"type": "next", "id": message_id, "payload": payload})


def refused(message_id: str, errors: Sequence[Mapping[str, Any]]) -> str:
    """An operation that was not begun: `error`, after which nothing comes."""
    return _encoded({"type": "error", "id": message_id, "payload": errors})


def completed(message_id: str) -> str:
    """The end of an operation."""
    return _encoded({"type": "complete", "id": message_id})


def _encoded(message: Mapping[str, Any]) -> str:
    return msgspec.json.encode(message).decode()

"""Carries out the faults that concern a whole HTTP answer: refusals, delays and spoilt bodies."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.local_platform.faults.switches import FAULT_HEADER, Faults, parse_faults
from gateway.local_platform.requests import COUNTS_PATH

_PARTS = 10


class FaultGate:
    """Stands before the platform. `faults` are on for every request; None refuses the header altogether."""

    def __init__(self, app: ASGIApp, faults: Faults | None) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Misbehaves as asked, or passes the request on."""
        if scope["type"] != "http" or scope["path"] == COUNTS_PATH:
            await self._app(scope, receive, send)
            return
        try:
            faults = self._asked(Headers(scope=scope).get(FAULT_HEADER))
        except ValueError as error:
            await _refusal(400, str(error), "BAD_REQUEST")(scope, receive, send)
            return
        await self._misbehave(faults, {**scope, "faults": faults}, receive, send)

    def _asked(self, header: str | None) -> Faults:
        if header is None:
            return self._faults or Faults()
        if self._faults is None:
            raise ValueError("Faults are switched off here: create the platform with faults to use this header.")
        return self._faults.joined(parse_faults(header))

    async def _misbehave(self, faults: Faults, scope: Scope, receive: Receive, send: Send) -> None:
        delay = faults.value("latency")
        if delay is not None:
            await asyncio.sleep(delay)
        refusal = _whole_answer(faults)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif {"truncated", "oversized", "slow-drip", "wrong-types", "partial-errors"}.isdisjoint(faults.on):
            await self._app(scope, receive, send)
        else:
            status, body = await self._collect(scope, receive)
            await _send_spoilt(faults, status, body, send)

    async def _collect(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:])


def _whole_answer(faults: Faults) -> Response | None:
    """The answer that replaces the platform's own; None when it may answer itself."""
    if "unauthenticated" in faults:
        return _refusal(401, "Invalid token.", "UNAUTHENTICATED")
    if "unauthenticated-200" in faults:
        return _refusal(200, "No token was provided.", None)
    if "forbidden" in faults:
        return _refusal(403, "You do not have permission to perform this action.", "FORBIDDEN")
    if "rate-limited" in faults:
        seconds = faults.value("rate-limited")
        limited = _refusal(429, "Too Many Requests", "RATE_LIMITED")
        if seconds:
            limited.headers["retry-after"] = str(int(seconds))
        return limited
    status = faults.value("server-error")
    page = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
    return HTMLResponse(page, int(status)) if status is not None else None


def _refusal(status: int, message: str, code: str | None) -> Response:
    """A refusal that clients of both APIs understand."""
    error: dict[str, Any] = {"message": message}
    if code:
        error["extensions"] = {"code": code}
    envelope = {"code": status, "is_success": False, "user_message": message, "developer_message": ""}
    body = msgspec.json.encode({"errors": [error], "status": envelope, "data": None})
    return Response(body, status, media_type="application/json")


async def _send_spoilt(faults: Faults, status: int, body: bytes, send: Send) -> None:
    body = _spoilt(faults, body)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    pause = faults.value("slow-drip")
    if pause is not None:
        size = max(1, len(body) // _PARTS)
        for start in range(0, len(body), size):
            await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
            await asyncio.sleep(pause)
        body = b""
    await send({"type": "http.response.body", "body": body})


def _spoilt(faults: Faults, body: bytes) -> bytes:
    if "partial-errors" in faults and _is_json(body):
        body = _partial(body)
    if "wrong-types" in faults and _is_json(body):
        body = msgspec.json.encode(_retyped(msgspec.json.decode(body)))
    if "truncated" in faults:
        body = body[: len(body) // 2]
    padding = faults.value("oversized")
    return body + b" " * int(padding) if padding is not None else body


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True


def _partial(body: bytes) -> bytes:
    answer = msgspec.json.decode(body)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or not data:
        return body
    name = next(iter(data))
    error = {"message": "This part could not be read.", "path": [name], "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
    return msgspec.json.encode({**answer, "data": {**data, name: None}, "errors": [*answer.get("errors", []), error]})


def _retyped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _retyped(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_retyped(inner) for inner in value]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value

"""What dbt, or something in its place, may answer instead of an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from tests.serving import Call, Fault

TOKEN = "dbtc_0123456789abcdef_do_not_show"


def on(operation: str, answer: Callable[[], Response]) -> Fault:
    """Answers one operation in dbt's place, all others as they are."""

    async def fault(call: Call) -> Response | None:
        return answer() if call.operation == operation else None

    return fault


def on_environment(environment_id: int, answer: Callable[[], Response]) -> Fault:
    """Answers every document that asks for an environment."""

    async def fault(call: Call) -> Response | None:
        return answer() if environment_id in call.variables.values() else None

    return fault


def slow(operation: str, seconds: float) -> Fault:
    async def fault(call: Call) -> Response | None:
        if call.operation == operation:
            await asyncio.sleep(seconds)
        return None

    return fault


def reply(status: int, body: str | bytes = b"", **headers: str) -> Callable[[], Response]:
    return lambda: Response(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def errors(*problems: dict[str, Any], status: int = 200, data: Any = None) -> Callable[[], Response]:
    """A GraphQL answer with errors."""
    return reply(status, json.dumps({"errors": problems, "data": data}))


HTML = f"<html><h1>Sorry</h1>{TOKEN}</html>"

# Name: the answer, and the code it must become.
ANSWERS: dict[str, tuple[Callable[[], Response], str]] = {
    "401": (reply(401, f'{{"detail": "Invalid token {TOKEN}"}}'), "UPSTREAM_UNAUTHENTICATED"),
    "200 without a token": (errors({"message": "No token was provided."}), "UPSTREAM_UNAUTHENTICATED"),
    "403": (reply(403, HTML), "UPSTREAM_FORBIDDEN"),
    "200 without permission": (
        errors({"message": f"You do not have permission to perform this action with {TOKEN}"}),
        "UPSTREAM_FORBIDDEN",
    ),
    "429": (reply(429, HTML), "UPSTREAM_RATE_LIMITED"),
    "429 with Retry-After": (reply(429, b"", Retry_After="7"), "UPSTREAM_RATE_LIMITED"),
    "200 over the rate limit": (errors({"message": "Rate limit exceeded"}), "UPSTREAM_RATE_LIMITED"),
    "500 with HTML": (reply(500, HTML), "UPSTREAM_UNAVAILABLE"),
    "500 with data": (reply(500, '{"data": {}}'), "UPSTREAM_UNAVAILABLE"),
    "503": (reply(503), "UPSTREAM_UNAVAILABLE"),
    "404": (reply(404, HTML), "UPSTREAM_REJECTED"),
    "400 of the schema": (
        errors(
            {"message": f"Cannot query field {TOKEN}", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}, status=400
        ),
        "UPSTREAM_REJECTED",
    ),
    "400 with HTML": (reply(400, HTML), "UPSTREAM_INVALID_RESPONSE"),
    "redirect": (reply(302, b"", Location="http://elsewhere.example/graphql"), "UPSTREAM_INVALID_RESPONSE"),
    "permanent redirect": (reply(308, b"", Location="/graphql"), "UPSTREAM_INVALID_RESPONSE"),
    "HTML": (reply(200, HTML), "UPSTREAM_INVALID_RESPONSE"),
    "nothing": (reply(200), "UPSTREAM_INVALID_RESPONSE"),
    "cut off": (reply(200, '{"data": {"e0": {"applied": {"models": {"edges": ['), "UPSTREAM_INVALID_RESPONSE"),
    "not UTF-8": (reply(200, b'{"data": {"e0": {"dbtProjectName": "\xff\xfe"}}}'), "UPSTREAM_INVALID_RESPONSE"),
    "NaN": (reply(200, '{"data": NaN}'), "UPSTREAM_INVALID_RESPONSE"),
    "a list": (reply(200, "[]"), "UPSTREAM_INVALID_RESPONSE"),
    "endless lists": (reply(200, '{"data": ' + "[" * 100_000), "UPSTREAM_INVALID_RESPONSE"),
    "data of another type": (reply(200, '{"data": {"e0": "yes"}}'), "UPSTREAM_INVALID_RESPONSE"),
    "edges of another type": (
        reply(200, '{"data": {"e0": {"applied": {"models": {"edges": {}}}}}}'),
        "UPSTREAM_INVALID_RESPONSE",
    ),
    "a node without an id": (
        reply(200, '{"data": {"e0": {"applied": {"models": {"edges": [{"node": {"name": "x"}}]}}}}}'),
        "UPSTREAM_INVALID_RESPONSE",
    ),
    "an environment null": (reply(200, '{"data": {"e0": null}}'), "UPSTREAM_INVALID_RESPONSE"),
    "no environment": (reply(200, '{"data": {}}'), "UPSTREAM_INVALID_RESPONSE"),
    "an environment without anything": (reply(200, '{"data": {"e0": {}}}'), "UPSTREAM_INVALID_RESPONSE"),
    "data null": (reply(200, '{"data": null}'), "UPSTREAM_REJECTED"),
    "an empty object": (reply(200, "{}"), "UPSTREAM_REJECTED"),
    "an error without a path": (errors({"message": f"Internal server error {TOKEN}"}), "UPSTREAM_REJECTED"),
}


LIMITED = tuple(name for name, (_, code) in ANSWERS.items() if code == "UPSTREAM_RATE_LIMITED")

# After a rate limit nothing is asked any more: in a row of answers it comes last.
IN_A_ROW = {name: ANSWERS[name] for name in (*(one for one in ANSWERS if one not in LIMITED), LIMITED[0])}


def after(calls: int, fault: Fault) -> Fault:
    """Lets the first few requests pass."""
    seen = 0

    async def later(call: Call) -> Response | None:
        nonlocal seen
        seen += 1
        return await fault(call) if seen > calls else None

    return later

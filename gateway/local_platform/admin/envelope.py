"""The Admin API's envelope around every answer, and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response


class AdminError(Exception):
    """A refusal in the Admin API's own form."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> Response:
        """The answer to send."""
        return _json({"status": _status(self.status, self.message), "data": None}, self.status)


@dataclass(frozen=True)
class Listed:
    """One page of rows and what it was asked by."""

    rows: list[dict[str, Any]]
    total: int
    filters: Mapping[str, Any]
    order_by: str


def single(data: Any) -> Response:
    """A single thing."""
    return _json({"status": _status(200, "Success!"), "data": data})


def many(listed: Listed) -> Response:
    """A page of things."""
    pagination = {"count": len(listed.rows), "total_count": listed.total}
    extra = {"filters": listed.filters, "order_by": listed.order_by, "pagination": pagination}
    return _json({"status": _status(200, "Success!"), "data": listed.rows, "extra": extra})


def not_found(what: str) -> AdminError:
    """404 in the Admin API's form; says what was looked for."""
    return AdminError(404, f"The requested resource was not found: {what}.")


def _status(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "is_success": code < 400, "user_message": message, "developer_message": ""}


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")

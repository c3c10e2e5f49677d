"""One line of JSON per operation, and a warning for a slow one. Documents appear by hash, callers by name."""

from __future__ import annotations

import logging

import msgspec

from gateway.telemetry.request_record import RequestRecord

LOGGER = "gateway.operations"


class OperationLog:
    """Writes finished requests to the logger `gateway.operations`: at INFO, at WARNING from `slow_seconds` on."""

    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._log = logging.getLogger(LOGGER)

    def observe(self, request: RequestRecord) -> None:
        """Writes one finished request."""
        is_slow = request.seconds >= self._slow_seconds
        level = logging.WARNING if is_slow else logging.INFO
        if self._log.isEnabledFor(level):
            self._log.log(level, "%s", msgspec.json.encode(_line(request, is_slow)).decode())


def _line(request: RequestRecord, is_slow: bool) -> dict[str, object]:
    return {
        "event": "slow operation" if is_slow else "operation",
        "method": request.method,
        "document": request.document,
        "kind": request.kind,
        "caller": request.caller,
        "status": request.status,
        "codes": request.codes,
        "cost": request.cost,
        "exceeded": request.exceeded,
        "milliseconds": round(request.seconds * 1000, 1),
        "bytes": request.response_bytes,
        "upstreamRequests": request.usage.get("upstreamRequests", 0),
        "cacheHits": request.usage.get("cacheHits", 0),
        "cacheMisses": request.usage.get("cacheMisses", 0),
        "incomplete": len(request.usage.get("incomplete", ())),
    }

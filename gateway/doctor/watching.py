"""Watches what dbt reports beside the contents of its answers: clock, limits, how long they take, how big they are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gateway.errors import UpstreamRateLimited
from gateway.services.transport.http_transport import HttpTransport, TransportRequest, TransportResponse

_LIMITS = ("ratelimit", "x-rate-limit", "x-ratelimit", "retry-after")


class WatchedTransport:
    """A transport that notes them. `limits` are the last headers about limits, by name."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self.clock_seconds: float | None = None
        self.limits: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self.slowest_seconds = 0.0
        self.largest_bytes = 0

    async def send(self, request: TransportRequest) -> TransportResponse:
        began = time.perf_counter()
        try:
            response = await self._transport.send(request)
        except UpstreamRateLimited as refused:
            # The transport beneath reads its headers, and asks no more for that long.
            self.statuses[429] += 1
            self.limits["retry-after"] = str(refused.details.get("retryAfter"))
            raise
        self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - began)
        self.largest_bytes = max(self.largest_bytes, len(response.body))
        self.statuses[response.status] += 1
        self.limits |= {name: value for name, value in response.headers.items() if name.lower().startswith(_LIMITS)}
        self._note_clock(response.headers)
        return response

    async def close(self) -> None:
        await self._transport.close()

    def summary(self) -> tuple[str, Mapping[str, Any]]:
        """The limits in words, and details for programs."""
        headers = ", ".join(f"{name}: {value}" for name, value in sorted(self.limits.items()))
        count = sum(self.statuses.values())
        text = (
            f"{headers or 'dbt reports none in its headers'}; {self.statuses[429]} of {count} answers were 429, "
            f"{self.statuses[504]} were 504; the slowest took {self.slowest_seconds:.1f} s, the largest had "
            f"{self.largest_bytes / 1024:,.0f} KiB"
        )
        details = {
            "headers": dict(sorted(self.limits.items())),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "slowestSeconds": round(self.slowest_seconds, 3),
            "largestBytes": self.largest_bytes,
        }
        return text, details

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        date = headers.get("date")
        if date:
            try:
                self.clock_seconds = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError):
                self.clock_seconds = None

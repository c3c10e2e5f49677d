"""Sends alerts as JSON over HTTP: no redirects, no cookies, no environment proxies, within a time limit."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from gateway.alerts.alert import Alert
from gateway.alerts.destination import NotDelivered
from gateway.services.transport.connection_pool import ConnectionPool

Write = Callable[[Alert], Mapping[str, Any]]

_LONGEST_WAIT = 86_400.0


class HttpChannel:
    """POSTs what `write` makes of an alert. The address may be a secret, so no message repeats more than its host;
    `hidden` are texts that a preview must not show."""

    def __init__(
        self,
        pool: ConnectionPool,
        url: str,
        write: Write,
        *,
        seconds: float,
        headers: Mapping[str, str],
        hidden: tuple[str, ...] = (),
    ) -> None:
        self._pool = pool
        self._url = url
        self._write = write
        self._seconds = seconds
        self._headers = headers
        self._hidden = hidden

    async def send(self, alert: Alert) -> None:
        body = json.dumps(self._write(alert), ensure_ascii=False).encode()
        host = urlsplit(self._url).hostname
        headers = {"Content-Type": "application/json", "Idempotency-Key": _delivery_key(alert), **self._headers}
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with (
                self._pool.session() as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False, timeout=timeout) as response,
            ):
                status, retry_after = response.status, response.headers.get("Retry-After")
        except TimeoutError:
            raise NotDelivered(f"{host} did not answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            raise NotDelivered(f"{host} could not be reached ({type(failure).__name__})") from None
        if not 200 <= status < 300:
            raise NotDelivered(f"{host} answered with HTTP {status}{_advice(status)}", _seconds_of(retry_after))

    def preview(self, alert: Alert) -> str:
        text = json.dumps(self._write(alert), ensure_ascii=False, indent=2)
        for secret in self._hidden:
            text = text.replace(secret, "[secret]")
        return text


def _delivery_key(alert: Alert) -> str:
    return f"{alert.dedup_key}-{'resolve' if alert.is_resolved else 'trigger'}"


def _advice(status: int) -> str:
    if status in (401, 403, 404, 410):
        return ": check the destination's URL and credentials"
    return ": redirects are not followed, name the final address" if 300 <= status < 400 else ""


def _seconds_of(retry_after: str | None) -> float | None:
    """Retry-After as seconds from now: a number, or an HTTP date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return min(float(retry_after), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)

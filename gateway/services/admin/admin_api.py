"""The Admin REST API over the guarded transport: its envelope, its paging, its errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from gateway.errors import NotFound, UpstreamInvalidResponse, UpstreamRejected
from gateway.services.admin.list_pages import AdminRows, read_one, read_page
from gateway.services.admin.list_reading import FULL_PAGE, Identified, ListReading
from gateway.services.rows.admin_types import Single
from gateway.services.transport.http_transport import HttpTransport, TransportRequest, TransportResponse
from gateway.services.transport.strict_decoder import StrictDecoder
from gateway.services.transport.upstream_errors import refusal_of_admin_body, refusal_of_status
from gateway.telemetry.tracing import call_span

T = TypeVar("T")
R = TypeVar("R", bound=Identified)

PAGE_SIZE = FULL_PAGE

log = logging.getLogger(__name__)


# A path names a kind of question, not one run.
_DIGITS = re.compile(r"\d+")


# How servers say that they have no such path, or have it no more.
_NO_SUCH_PATH = frozenset({404, 405, 410})


class UpstreamPathUnknown(UpstreamRejected):
    """The Admin API has no such list."""


class AdminApi:
    """GET requests below one account. Raises UpstreamError's subclasses, and NotFound for one thing that is a 404.

    `most_calls` is how many requests to dbt one operation may cause, None: any number. The transport keeps to it; here
    it ends the reading of a list before it begins.
    """

    def __init__(self, transport: HttpTransport, url: str, account_id: int, most_calls: int | None = None) -> None:
        self._transport = transport
        self._url = url.rstrip("/")
        self._most_calls = most_calls
        self.account_id = account_id

    async def close(self) -> None:
        await self._transport.close()

    async def get(self, version: str, path: str, row: type[T], query: Mapping[str, str] | None = None) -> T:
        """One thing."""
        response = await self._get(version, path, query or {})
        if response.status == 404:
            raise NotFound(f"dbt's Admin API knows nothing at {path}. Check the id, the configured account and URL.")
        body = _answered(response, path)
        with _readable(path):
            answer = await StrictDecoder(Single).decode_aside(body)
            if answer.data is not None:
                return read_one(answer.data, row)
        raise NotFound(f"dbt knows nothing at {path}.")

    async def get_file(self, path: str, query: Mapping[str, str]) -> bytes | None:
        """The bytes of an artifact; None where there is none (any more)."""
        response = await self._get("v2", path, query)
        return None if response.status in _NO_SUCH_PATH else _answered(response, path)

    async def list_all(
        self, version: str, path: str, row: type[R], query: Mapping[str, str] | None = None
    ) -> ListReading[R]:
        """Every row (see ListReading)."""
        return await self.list_first(version, path, row, query or {}, pages=None)

    async def list_first(
        self,
        version: str,
        path: str,
        row: type[R],
        query: Mapping[str, str],
        *,
        pages: int | None,
        rows_wanted: int = PAGE_SIZE,
    ) -> ListReading[R]:
        """The rows of the first `pages` pages (None: all), and how many rows there are in all. Raises
        UpstreamPathUnknown where dbt has no such list."""
        size = min(PAGE_SIZE, rows_wanted)
        reading: ListReading[R] = ListReading(path, None if pages is None else pages * size, self._most_calls)

        async def read(offset: int) -> AdminRows[R]:
            return await self.page(version, path, row, {**query, "limit": str(size), "offset": str(offset)})

        await reading.read(read)
        return reading

    async def page(self, version: str, path: str, row: type[R], query: Mapping[str, str]) -> AdminRows[R]:
        """One page of a list. Raises UpstreamPathUnknown where dbt has no such list."""
        response = await self._get(version, path, query)
        if response.status in _NO_SUCH_PATH:
            raise UpstreamPathUnknown(
                f"dbt's Admin API has no list at {path} (HTTP {response.status}). Check the configured URL and account."
            )
        with _readable(path):
            return await read_page(_answered(response, path), row, path)

    async def _get(self, version: str, path: str, query: Mapping[str, str]) -> TransportResponse:
        suffix = "" if path == "/" else path
        url = f"{self._url}/api/{version}/accounts/{self.account_id}{suffix or '/'}"
        with call_span(f"dbt {_DIGITS.sub('#', path)}", api="admin") as made:
            response = await self._transport.send(TransportRequest("GET", url, query, api="admin"))
            if made is not None:
                made.set_attributes({"status": response.status, "bytes": len(response.body)})
        return response


def _answered(response: TransportResponse, path: str) -> bytes:
    """The body of an answer; a list, be it empty, is there wherever account and URL are right."""
    if response.status == 400:
        raise UpstreamRejected(f"dbt's Admin API refused the request for {path}.")
    refusal = refusal_of_status(response) or refusal_of_admin_body(response)
    if refusal is not None:
        raise refusal
    return response.body


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, RecursionError, ValueError) as failure:
        log.warning("unreadable answer from dbt's Admin API at %s: %.300s", path, failure)
        raise UpstreamInvalidResponse(
            f"dbt's Admin API answered {path} with something that is not its documented JSON. Check GATEWAY_ADMIN_URL."
        ) from None

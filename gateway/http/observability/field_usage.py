"""Who asks for which fields of the schema, how often, and when last: so that a field can be removed without harm."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.responses import HEADERS
from gateway.telemetry.request_record import RequestRecord

PATH = "/usage"
CLIENT_HEADERS = ("graphql-client-name", "apollographql-client-name")
UNKNOWN, OTHER = "unknown", "other"

_HEADERS = tuple(name.encode() for name in CLIENT_HEADERS)
_LONGEST_NAME = 64
_MOST_CLIENTS = 100
# Requests are counted by what they ask for as a whole; so many kinds of them are added to the fields at a time.
_MOST_UNCOUNTED = 500
_WRITE_SECONDS = 1.0


class FieldCount(msgspec.Struct, rename="camel"):
    """Requests of one client for one coordinate, and the last of them in seconds since 1970."""

    requests: int = 0
    last_used: float = 0.0

    def add(self, requests: int, last_used: float) -> None:
        self.requests += requests
        self.last_used = max(self.last_used, last_used)


class UsageReport(msgspec.Struct):
    """What has been asked for since a time, in seconds since 1970: by coordinate, then by client."""

    since: float
    coordinates: dict[str, dict[str, FieldCount]] = {}

    def add(self, coordinate: str, client: str, requests: int, last_used: float) -> None:
        """Adds requests of a client for a coordinate."""
        self.coordinates.setdefault(coordinate, {}).setdefault(client, FieldCount()).add(requests, last_used)

    def include(self, other: UsageReport) -> None:
        """Adds what another process has counted."""
        self.since = min(self.since, other.since)
        for coordinate, clients in other.coordinates.items():
            for client, count in clients.items():
                self.add(coordinate, client, count.requests, count.last_used)


def client_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """What a client calls itself, in printable characters; `unknown` where it does not."""
    for name, value in headers:
        if name in _HEADERS:
            text = "".join(filter(str.isprintable, value.decode("utf-8", "replace"))).strip()
            return text[:_LONGEST_NAME] or UNKNOWN
    return UNKNOWN


class FieldUsage:
    """Counts requests in memory: one dictionary entry a request. Clients beyond a hundred are `other`.

    Several workers each keep a file in `directory`, so that the one that is asked adds up all of them.
    """

    def __init__(self, directory: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._usage = UsageReport(clock())
        self._clients = {UNKNOWN, OTHER}
        self._uncounted: dict[tuple[frozenset[str], str], FieldCount] = {}
        self._file = directory / f"usage_{os.getpid()}.json" if directory else None
        self._written_at = 0.0

    def observe(self, request: RequestRecord) -> None:
        """Takes in one finished request."""
        if request.fields is None:
            return
        key = (request.fields, request.client or UNKNOWN)
        count = self._uncounted.get(key)
        if count is None:
            if len(self._uncounted) >= _MOST_UNCOUNTED:
                self._count()
            count = self._uncounted[key] = FieldCount()
        now = self._clock()
        count.requests += 1
        count.last_used = now
        if self._file is not None and now - self._written_at >= _WRITE_SECONDS:
            self._written_at = now
            self._write(self._file)

    def usage(self) -> UsageReport:
        """What was asked for, of all workers."""
        self._count()
        total = UsageReport(self._usage.since)
        total.include(self._usage)
        for file in self._file.parent.glob("usage_*.json") if self._file else ():
            if file != self._file:
                total.include(msgspec.json.decode(file.read_bytes(), type=UsageReport))
        return total

    def route(self) -> Route:
        """`/usage` as JSON."""

        async def show(_request: Request) -> Response:
            return Response(msgspec.json.encode(self.usage()), 200, HEADERS, "application/json")

        return Route(PATH, show, methods=["GET"])

    def _count(self) -> None:
        uncounted, self._uncounted = self._uncounted, {}
        for (fields, name), count in uncounted.items():
            client = self._known(name)
            for coordinate in fields:
                self._usage.add(coordinate, client, count.requests, count.last_used)

    def _known(self, client: str) -> str:
        if client not in self._clients and len(self._clients) < _MOST_CLIENTS:
            self._clients.add(client)
        return client if client in self._clients else OTHER

    def _write(self, file: Path) -> None:
        self._count()
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(self._usage))
        new.replace(file)


def read_usage(content: bytes) -> UsageReport:
    """What `/usage` says. Raises ValueError for anything else."""
    return msgspec.json.decode(content, type=UsageReport)


def lines_about(usage: UsageReport, coordinates: Iterable[str], format_time: Callable[[float], str]) -> list[str]:
    """A line for each client that has asked for one of these coordinates, most requests first; the same requests may
    have asked for several of them."""
    clients: dict[str, FieldCount] = {}
    for coordinate in coordinates:
        for client, count in usage.coordinates.get(coordinate, {}).items():
            known = clients.setdefault(client, FieldCount())
            known.requests = max(known.requests, count.requests)
            known.last_used = max(known.last_used, count.last_used)
    most_first = sorted(clients.items(), key=lambda item: (-item[1].requests, item[0]))
    return [f"{name}: {count.requests:,} requests, last {format_time(count.last_used)}" for name, count in most_first]

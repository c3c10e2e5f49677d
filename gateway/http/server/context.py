"""What all connections of one process share: limits, the front, the count of connections, and turns at reading."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.http.server.connections import ConnectionLimiter, Network
from gateway.http.server.raw_hook import RawHook
from gateway.http.server.slices import ReadScheduler


@dataclass(frozen=True, slots=True)
class ReceivingLimits:
    """Seconds for a request's head, for its body, and for a client to take what is sent; most bytes and headers.

    `framing_bytes` may come in a row that belong to a body and are none of it: lines of chunks, and trailers.
    What is asked on a connection beyond so many `connections`, or so many of one address (`address_connections`), is
    refused, except by probes, and the connection closed. Addresses of `proxies` are not counted, and are believed whom
    they forward. None: any number.
    """

    head_seconds: float = 10.0
    body_seconds: float = 15.0
    send_seconds: float = 30.0
    head_bytes: int = 64 * 1024
    headers: int = 100
    framing_bytes: int = 8 * 1024
    connections: int | None = None
    address_connections: int | None = None
    proxies: tuple[Network, ...] = ()


@dataclass(slots=True)
class ServerContext:
    """One per process."""

    limits: ReceivingLimits = field(default_factory=ReceivingLimits)
    raw_hook: RawHook = field(default_factory=RawHook)
    reads: ReadScheduler = field(default_factory=ReadScheduler)
    limiter: ConnectionLimiter = field(init=False)

    def __post_init__(self) -> None:
        limits = self.limits
        self.limiter = ConnectionLimiter(limits.connections, limits.address_connections, limits.proxies)

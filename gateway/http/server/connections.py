"""How many connections one process holds: in all, and of one address. Who has asked nothing yet makes room first."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IDLE_SECONDS = 10.0


class ClientConnection(Protocol):
    """A connection as the limiter sees it."""

    @property
    def has_asked(self) -> bool:
        """Whether a whole request has ever arrived on it."""

    @property
    def idle_seconds(self) -> float | None:
        """For how long nothing has been under way on it; None while something is."""

    def evict(self) -> None:
        """Closes it, so that somebody else finds a place."""


class ConnectionLimiter:
    """At most `most` connections, and `most_of_address` of one address; addresses of `proxies` are not counted.

    Beyond that a new connection takes the place of the oldest on which nothing has been asked, else of the one that has
    been idle longest, for 10 seconds at least. Where everybody is busy, the new one is surplus.
    """

    def __init__(
        self, most: int | None = None, most_of_address: int | None = None, proxies: Iterable[Network] = ()
    ) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._proxies = tuple(proxies)
        # In the order in which they came.
        self._held: dict[ClientConnection, str] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def held(self) -> Iterable[ClientConnection]:
        """Those that are open, in the order in which they came."""
        return tuple(self._held)

    def is_proxy(self, address: str) -> bool:
        """Whether this is the address of a proxy that may be believed whom it forwards."""
        return bool(self._proxies) and is_within(address, self._proxies)

    def admit(self, connection: ClientConnection, address: str) -> bool:
        """Counts a new connection until it is released. False when it is surplus: it may be refused, not served."""
        self._held[connection] = address
        self._by_address[address] += 1
        most_of_address = None if self.is_proxy(address) else self._most_of_address
        if most_of_address is not None and self._by_address[address] > most_of_address:
            return self._make_room(connection, address)
        if self._most is not None and len(self._held) > self._most:
            return self._make_room(connection, None)
        return True

    def replace(self, old: ClientConnection, new: ClientConnection) -> None:
        """The same connection goes on as another: a request that became a WebSocket."""
        address = self._held.pop(old, None)
        if address is not None:
            self._held[new] = address

    def release(self, connection: ClientConnection) -> None:
        """The connection is closed. Whoever was evicted has been released already."""
        address = self._held.pop(connection, None)
        if address is None:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _make_room(self, newcomer: ClientConnection, address: str | None) -> bool:
        evicted = self._evictable(newcomer, address)
        if evicted is None:
            return False
        self.release(evicted)
        evicted.evict()
        return True

    def _evictable(self, newcomer: ClientConnection, address: str | None) -> ClientConnection | None:
        longest, candidate = _IDLE_SECONDS, None
        for connection, held_by in self._held.items():
            if connection is newcomer or (address is not None and held_by != address):
                continue
            if not connection.has_asked:
                return connection
            idle = connection.idle_seconds
            if idle is not None and idle >= longest:
                longest, candidate = idle, connection
        return candidate


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; text that is no address is in none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return any((mapped or parsed) in network for network in networks)


def forwarded_address(values: Iterable[bytes], networks: Iterable[Network]) -> str | None:
    """The client that proxies in `networks` speak for: the last address of X-Forwarded-For that is none of theirs.

    What stands before it was written by the client, who may write anything. None where no such address is named.
    """
    known = tuple(networks)
    named = b",".join(values).decode("latin-1").split(",")
    for entry in reversed(named):
        address = _without_port(entry.strip())
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return None
        if not is_within(address, known):
            return address
    return None


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry

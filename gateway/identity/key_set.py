"""The public keys of an identity provider (a JWKS): read when needed, kept while they cannot be read.

A stranger's token may name any key, so reading again for an unknown one is rationed: a flood of tokens with made-up
names costs the provider one request per `least_interval`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from gateway.identity.errors import IdentityUnavailable

_MOST_KEYS = 100
_LEAST_RSA_BITS = 2048
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

_log = logging.getLogger(__name__)

Keys = Mapping[str | None, Mapping[str, PyJWK]]
"""Keys by their id (None: it has none) and by the algorithm they are used with."""


class KeySource(Protocol):
    """Where the keys are published."""

    async def read(self) -> bytes:
        """The document with the keys. Raises KeysUnreadable."""


class KeysUnreadable(Exception):
    """The keys could not be read, or are none. The text is for the log."""


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """When keys are read, in seconds: again after `most_age`, and never twice within `least_interval`.

    While none are known at all, reading is tried again after `retry`.
    """

    most_age: float = 600.0
    least_interval: float = 30.0
    retry: float = 2.0


class KeySet:
    """The keys by their id, for tokens of one family of algorithms. For use on one event loop."""

    def __init__(
        self,
        source: KeySource,
        algorithms: Sequence[str],
        rhythm: RefreshPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._algorithms = tuple(algorithms)
        self._rhythm = rhythm or RefreshPolicy()
        self._clock = clock
        self._keys: Keys = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """The key of this id for this algorithm; without an id the only key there is. None when there is none.

        Raises IdentityUnavailable while no keys are known at all.
        """
        known = self._known(key_id, algorithm)
        if known is not None and self._is_fresh():
            return known
        if self._may_read():
            reading = self._read_once()
            if known is not None:
                # The key was good a moment ago: nobody waits for the provider.
                return known
            await asyncio.shield(reading)
        elif self._reading is not None and known is None:
            await asyncio.shield(self._reading)
        if self._read_at is None:
            raise IdentityUnavailable("The keys of the identity provider cannot be read now. Try again in a moment.")
        return self._known(key_id, algorithm)

    def _known(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values())).get(algorithm)
        return self._keys.get(key_id, {}).get(algorithm) if key_id is not None else None

    def _is_fresh(self) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < self._rhythm.most_age

    def _may_read(self) -> bool:
        if self._reading is not None:
            return False
        if self._tried_at is None:
            return True
        interval = self._rhythm.least_interval if self._read_at is not None else self._rhythm.retry
        return self._clock() - self._tried_at >= interval

    def _read_once(self) -> asyncio.Task[None]:
        self._tried_at = self._clock()
        self._reading = asyncio.get_running_loop().create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        """Takes the keys as they are published now; those known before stay when that fails."""
        try:
            self._keys = keys_of(await self._source.read(), self._algorithms)
            self._read_at = self._clock()
        except KeysUnreadable as failure:
            _log.error("the keys of the identity provider could not be read: %s", failure)
        finally:
            self._reading = None


def keys_of(document: bytes, algorithms: Sequence[str]) -> Keys:
    """The usable keys in a JWKS: public keys of the right type, meant for signatures, long enough.

    A key that names no algorithm is for each that fits its type. Raises KeysUnreadable when there is none at all.
    """
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        raise KeysUnreadable("it is not JSON") from None
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise KeysUnreadable(f"it is no JSON Web Key Set of at most {_MOST_KEYS} keys")
    keys: dict[str | None, dict[str, PyJWK]] = {}
    for entry in listed:
        usable = _usable(entry, algorithms)
        if usable:
            keys.setdefault(entry.get("kid"), usable)
    if not keys:
        raise KeysUnreadable(f"it holds no key for {', '.join(algorithms)}")
    return keys


def _usable(entry: Any, algorithms: Sequence[str]) -> dict[str, PyJWK]:
    """The key for each algorithm it may be used with; nothing for one that is of no use to us."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str | None):
        return {}
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return {}
    fitting = [
        algorithm
        for algorithm in algorithms
        if entry.get("kty") == _KEY_TYPES[algorithm[:2]] and entry.get("alg", algorithm) == algorithm
    ]
    keys = {algorithm: _key(entry, algorithm) for algorithm in fitting}
    return {algorithm: key for algorithm, key in keys.items() if key is not None}


def _key(entry: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    try:
        # Only the public part: a provider that publishes its private one has made a mistake, not a key of ours.
        key = PyJWK({name: part for name, part in entry.items() if name not in _PRIVATE}, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    too_short = entry["kty"] == "RSA" and key.key.key_size < _LEAST_RSA_BITS
    return None if too_short else key

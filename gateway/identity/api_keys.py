"""API keys: how they are made, what is kept of them, and which of them one is."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.identity.caller import Caller

PREFIX = "dbtgw_"
"""Begins every key, so that scanners of secrets find one that leaked."""

_DIGITS = string.digits + string.ascii_letters
_LENGTH = 43  # 62 ** 43 is more than 2 ** 256
_CHECK_SECONDS = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key: the hash of it (hexadecimal SHA-256), who holds it, until when it is good."""

    sha256: str
    caller: Caller
    expires: datetime | None = None


def new_key() -> str:
    """A key nobody has seen before, of 256 random bits."""
    return PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_LENGTH))


def hash_of_key(key: str) -> str:
    """What is kept of a key. Keys are random, so a plain hash reveals nothing about them."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeys:
    """The keys that are known, read again when their file changes. A broken file is logged, and the old keys stay."""

    def __init__(self, read: Callable[[], Sequence[ApiKey]], file: Path | None = None) -> None:
        """Raises ConfigurationError that `read` raises. Without a file nothing is read again."""
        self._read = read
        self._file = file
        self._stamp = self._stamp_of_file()
        self._keys = tuple(read())
        self._checked = time.monotonic()
        self.generation = 0

    def refresh(self) -> int:
        """Reads the keys again if their file has changed; looks at most every two seconds.

        Gives a number that grows with every change: what was found under another one is to be looked up again.
        """
        now = time.monotonic()
        if self._file is not None and now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            stamp = self._stamp_of_file()
            if stamp != self._stamp:
                self._stamp = stamp
                self._reload()
        return self.generation

    def find(self, key: bytes) -> ApiKey | None:
        """The key that this is, unless it has expired. Takes as long for any key as for any other."""
        digest = hashlib.sha256(key).hexdigest().encode()
        matching = None
        for api_key in self._keys:
            if hmac.compare_digest(api_key.sha256.encode(), digest):
                matching = api_key
        if matching is not None and matching.expires is not None and matching.expires <= datetime.now(UTC):
            return None
        return matching

    def _reload(self) -> None:
        try:
            self._keys = tuple(self._read())
        except ConfigurationError as broken:
            _log.error("%s The API keys known before stay.", broken.message)
        else:
            self.generation += 1
            _log.warning("%s: %d API keys read", self._file, len(self._keys))

    def _stamp_of_file(self) -> tuple[int, int, int] | None:
        if self._file is None:
            return None
        try:
            status = os.stat(self._file)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

"""Answers kept as the bytes they were, for callers of one audience, while every fact behind them holds.

This file keeps them; `replay` sends them again.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from starlette.types import Scope

from gateway.concurrency.bounded_map import BoundedMap
from gateway.execution.request import Answer, Lasting
from gateway.http.compression.compressed import Compressed
from gateway.http.compression.content_coding import ContentCoding, compress
from gateway.http.operation_cost import COST, without_throttle
from gateway.http.request.persisted import PersistedDocuments
from gateway.http.response_cache.freshness import end_of_data, lasting_headers, validators_of
from gateway.telemetry.request_record import RequestRecord

KEY = "gateway.repeated"
"""Where a scope holds the key under which the answer may be kept."""

_ASKED_ONCE = 10_000
# No answer may take more than this share of the room, or one would push out all others.
_LARGEST_SHARE = 8
_OVERHEAD = 2_000


class Key(NamedTuple):
    """What makes two requests the same: bytes only, nothing of it is understood."""

    method: str
    head: tuple[tuple[bytes, bytes], ...]
    question: bytes
    audience: Hashable


@dataclass(slots=True, eq=False)
class KeptAnswer:
    """An answer without its extensions, and what makes them and whether it may still be given.

    `seen` is what was known of the request that it was made for, `fixed` are extensions that stay as they are,
    `compressed` holds the body by the name of its coding. The answer to a GET has a `tag`. Where there is no
    Cache-Control among the headers it is another each time (see freshness), and the answer `ages`.
    """

    key: Key
    body: bytes
    headers: Sequence[tuple[bytes, bytes]]
    lasting: Lasting
    seen: RequestRecord
    fixed: Mapping[str, Any]
    edition: object
    header_lines: bytes = field(init=False)
    tag: bytes | None = field(init=False)
    ages: bool = field(init=False)
    validator_lines: bytes = field(init=False)
    compressed: dict[bytes, Compressed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.header_lines = lines_of(self.headers)
        headers = dict(self.headers)
        self.tag, self.ages = headers.get(b"etag"), b"cache-control" not in headers
        self.validator_lines = lines_of(validators_of(self.headers))

    def extensions(self) -> tuple[Mapping[str, Any], bytes]:
        """The extensions of the answer given now, and the end of its body that says them."""
        extensions = {**self.lasting.extensions(), **self.fixed}
        return extensions, b',"extensions":' + msgspec.json.encode(extensions) + b"}"


class ResponseCache:
    """`most_bytes` of answers; the least used go first. 0 keeps none.

    An answer is kept when its question comes the second time: most come once, and would push out the others.
    """

    def __init__(self, most_bytes: int, persisted: PersistedDocuments) -> None:
        self._most_bytes = most_bytes
        self._persisted = persisted
        self._answers: BoundedMap[Key, KeptAnswer] = BoundedMap(most_bytes, lambda _, kept: _weight(kept))
        self._asked_once: BoundedMap[int, bool] = BoundedMap(_ASKED_ONCE)

    @property
    def bytes_kept(self) -> int:
        """What the answers kept take, in bytes."""
        return self._answers.weight

    def find(self, key: Key) -> KeptAnswer | None:
        """The answer to give again; None when there is none, or it holds no longer."""
        kept = self._answers.peek(key)
        return kept if kept is not None and self._still_holds(kept) else None

    async def compress(self, kept: KeptAnswer, coding: ContentCoding) -> Compressed:
        """A kept answer's body, compressed once in each coding."""
        compressed = kept.compressed.get(coding.name)
        if compressed is None:
            compressed = await compress(kept.body, coding, coding.thorough)
            still_kept = self._answers.peek(kept.key) is kept
            if still_kept:
                # Its weight changes, so it is taken out meanwhile.
                self._answers.pop(kept.key)
                kept.compressed[coding.name] = compressed
                self._answers.put(kept.key, kept)
        return compressed

    def offer(
        self, key: Key, answer: Answer, body: bytes, headers: Sequence[tuple[bytes, bytes]], seen: RequestRecord
    ) -> None:
        """Keeps an answer of status 200 that may be given again."""
        if not self._most_bytes or not self._was_asked_before(key):
            return
        lasting = None if answer.errors or seen.kind != "query" else answer.lasting()
        if lasting is None:
            self._asked_once.put(hash(key), True)
            return
        end = end_of_data(body, answer)
        if end is None or end > self._most_bytes // _LARGEST_SHARE:
            return
        fixed = {COST: without_throttle(answer.extensions[COST])} if COST in answer.extensions else {}
        self._answers.put(
            key, KeptAnswer(key, body[:end], lasting_headers(headers), lasting, seen, fixed, self._persisted.edition())
        )

    def _still_holds(self, kept: KeptAnswer) -> bool:
        if kept.edition is self._persisted.edition() and kept.lasting.holds():
            self._answers.get(kept.key)
            return True
        self._answers.pop(kept.key)
        return False

    def _was_asked_before(self, key: Key) -> bool:
        name = hash(key)
        if self._asked_once.pop(name):
            return True
        self._asked_once.put(name, True)
        return False


def lines_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Headers as they stand in a response."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def _weight(kept: KeptAnswer) -> int:
    compressed = sum(len(body.data) for body in kept.compressed.values())
    return len(kept.body) + compressed + len(kept.key.question) + _OVERHEAD


def key_of(scope: Scope) -> Key | None:
    """The key under which the answer to this request may be kept."""
    key: Key | None = scope.get(KEY)
    return key

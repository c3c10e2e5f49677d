"""Answers kept as the bytes they were, for callers of one audience, while every fact behind them holds.

This file keeps them; `replay` sends them again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from starlette.types import Scope

from gateway.execution.request import Answer, Lasting
from gateway.http.request.persisted import PersistedDocuments
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
    """An answer without its extensions, and what tells them and whether it may still be given.

    `seen` is what was known of the request that it was made for, `fixed` are extensions that stay as they are.
    """

    key: Key
    body: bytes
    headers: Sequence[tuple[bytes, bytes]]
    lasting: Lasting
    seen: RequestRecord
    fixed: Mapping[str, Any]
    edition: object
    header_lines: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.header_lines = lines_of(self.headers)

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
        self._answers: OrderedDict[Key, KeptAnswer] = OrderedDict()
        self._asked_once: OrderedDict[int, None] = OrderedDict()
        self._bytes = 0

    @property
    def bytes_kept(self) -> int:
        """What the answers kept take, in bytes."""
        return self._bytes

    def find(self, key: Key) -> KeptAnswer | None:
        """The answer to give again; None when there is none, or it holds no longer."""
        kept = self._answers.get(key)
        return kept if kept is not None and self._still_holds(kept) else None

    def offer(
        self, key: Key, answer: Answer, body: bytes, headers: Sequence[tuple[bytes, bytes]], seen: RequestRecord
    ) -> None:
        """Keeps an answer of status 200 that may be given again."""
        if not self._most_bytes or not self._was_asked_before(key):
            return
        lasting = None if answer.errors or seen.kind != "query" else answer.lasting()
        if lasting is None:
            self._asked_once[hash(key)] = None
            return
        start = _without_extensions(body, answer)
        if start is None or len(start) > self._most_bytes // _LARGEST_SHARE:
            return
        fixed = {name: value for name, value in answer.extensions.items() if name != "gateway"}
        self._keep(KeptAnswer(key, start, headers, lasting, seen, fixed, self._persisted.edition()))

    def _keep(self, kept: KeptAnswer) -> None:
        old = self._answers.get(kept.key)
        if old is not None:
            self._drop(old)
        self._answers[kept.key] = kept
        self._bytes += _weight(kept)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._answers.values())))

    def _still_holds(self, kept: KeptAnswer) -> bool:
        if kept.edition is self._persisted.edition() and kept.lasting.holds():
            self._answers.move_to_end(kept.key)
            return True
        self._drop(kept)
        return False

    def _was_asked_before(self, key: Key) -> bool:
        name = hash(key)
        if name in self._asked_once:
            del self._asked_once[name]
            return True
        self._asked_once[name] = None
        if len(self._asked_once) > _ASKED_ONCE:
            self._asked_once.popitem(last=False)
        return False

    def _drop(self, kept: KeptAnswer) -> None:
        del self._answers[kept.key]
        self._bytes -= _weight(kept)


def lines_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Headers as they stand in a response."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def _weight(kept: KeptAnswer) -> int:
    return len(kept.body) + len(kept.key.question) + _OVERHEAD


def _without_extensions(body: bytes, answer: Answer) -> bytes | None:
    """The answer up to its extensions, which stand last; None when they do not."""
    tail = b',"extensions":' + msgspec.json.encode(answer.extensions) + b"}"
    return body[: -len(tail)] if body.endswith(tail) else None


def key_of(scope: Scope) -> Key | None:
    """The key under which the answer to this request may be kept."""
    key: Key | None = scope.get(KEY)
    return key

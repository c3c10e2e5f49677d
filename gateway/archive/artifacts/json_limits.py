"""Checks JSON text before it is decoded: no key twice in one object, and no more values than its size can pay for.

Decoded values take far more memory than their text: `[]` is 2 bytes of a file and 64 of a process. The check cuts the
text at its quotation marks, a piece at a time, so it takes linear time and a bounded amount of memory itself.

Text of at most 8 MiB with few marks is looked through by the standard library's scanner, in a quarter of the time;
whatever that finds or cannot read, the check says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import UnreadableArtifact

_PIECE = 1024**2
_QUICK_BYTES = 8 * 1024**2
# Values (arrays, objects and what stands between commas) that any file may hold; beyond these, bytes for each.
_FREE_VALUES, _BYTES_PER_VALUE = 1_000_000, 8
# Objects in the outer three levels become records of up to 650 bytes: nodes, results.
_FREE_RECORDS, _BYTES_PER_RECORD = 100_000, 128
_RECORD_LEVELS = 3
_MOST_OPEN_KEYS = 1_000_000
_DEEPEST = 1000
_BLANK = b" \t\r\n"
_OTHERS = bytes(byte for byte in range(256) if byte not in b"{}:")
_OPEN, _CLOSE, _COLON = b"{}:"


def check_json(data: bytes, path: Path) -> None:
    """Raises UnreadableArtifact for a repeated key, for too many values, and for objects nested too deeply.

    Text that is no JSON passes or is refused; the decoder names its fault.
    """
    if _is_surely_harmless(data):
        return
    walk = _JsonWalk(path, len(data))
    for parts in _pieces(data):
        walk.count_values(parts)
        walk.follow(parts)


def _is_surely_harmless(data: bytes) -> bool:
    """Whether a short text is JSON without repeated keys, and of few values even if all its marks were structure."""
    objects = data.count(b"{")
    if (
        len(data) > _QUICK_BYTES
        or objects > _FREE_RECORDS
        or objects + data.count(b"[") + data.count(b",") > _FREE_VALUES
        or data.count(b":") > _MOST_OPEN_KEYS
    ):
        return False
    try:
        json.loads(data, object_pairs_hook=_refuse_repeated)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_repeated(pairs: list[tuple[str, object]]) -> None:
    """Keeps nothing of an object, so that the text never stands in memory as values."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError


def _pieces(data: bytes) -> Iterator[list[bytes]]:
    """The text in pieces of [structure, string, structure, …, structure]: the odd ones are the insides of strings.

    No string is cut, and what follows one is there up to its first letter. Escaped backslashes and quotation marks
    come as two bytes that JSON cannot hold, see `_text_of`.
    """
    start, size = 0, _PIECE
    while start < len(data):
        end = min(start + size, len(data))
        piece = data[start:end]
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"\0\1").replace(b'\\"', b"\0\2")
        parts = piece.split(b'"')
        if end < len(data):
            held = _to_read_again(parts)
            if held == len(piece):
                size *= 2
                continue
            end -= held
        if len(parts) % 2 == 0:
            parts.append(b"")
        yield parts
        start, size = end, _PIECE


def _to_read_again(parts: list[bytes]) -> int:
    """Takes an unfinished string off the end of `parts`, or one of which nobody can say yet whether it is a key.

    Returns how many bytes that were, with their quotation marks.
    """
    if len(parts) % 2 == 0:
        return len(parts.pop()) + 1
    if len(parts) > 1 and not parts[-1].strip(_BLANK):
        return len(parts.pop()) + len(parts.pop()) + 2
    return 0


class _JsonWalk:
    """Follows the objects of one text: the keys of those that are open, and counts."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._most_values = max(_FREE_VALUES, size // _BYTES_PER_VALUE)
        self._most_records = max(_FREE_RECORDS, size // _BYTES_PER_RECORD)
        self._values = self._records = self._open_keys = 0
        self._outer: list[set[bytes]] = []
        self._keys: set[bytes] = set()

    def count_values(self, parts: list[bytes]) -> None:
        """Counts the values of a piece."""
        structure = b"".join(parts[::2])
        self._values += structure.count(b",") + structure.count(b"[") + structure.count(b"{")
        if self._values > self._most_values:
            raise self._refusal("holds more values than its size explains, which no dbt artifact does")

    def follow(self, parts: list[bytes]) -> None:
        """Enters and leaves objects, and notes each key."""
        self._brace(parts[0].translate(None, _OTHERS))
        for text, structure in zip(parts[1::2], parts[2::2], strict=False):
            marks = structure.translate(None, _OTHERS)
            if marks:
                if marks[0] == _COLON:
                    self._add(text)
                if len(marks) > 1 or marks[0] != _COLON:
                    self._brace(marks)

    def _add(self, key: bytes) -> None:
        if b"\0" in key or b"\\" in key:
            key = _text_of(key)
        if key in self._keys:
            shown = key.decode(errors="replace")[:200]
            raise self._refusal(f"the key {shown!r} stands twice in one object")
        self._keys.add(key)
        self._open_keys += 1
        if self._open_keys > _MOST_OPEN_KEYS:
            raise self._refusal(f"has objects with more than {_MOST_OPEN_KEYS:,} keys, which no dbt artifact has")

    def _brace(self, marks: bytes) -> None:
        for mark in marks:
            if mark == _OPEN:
                self._enter()
            elif mark == _CLOSE and self._outer:
                self._open_keys -= len(self._keys)
                self._keys = self._outer.pop()

    def _enter(self) -> None:
        self._outer.append(self._keys)
        self._keys = set()
        depth = len(self._outer)
        if depth > _DEEPEST:
            raise self._refusal("nested too deeply to be a dbt artifact")
        if depth <= _RECORD_LEVELS:
            self._records += 1
            if self._records > self._most_records:
                raise self._refusal("holds more objects than its size explains, which no dbt artifact does")

    def _refusal(self, reason: str) -> UnreadableArtifact:
        return UnreadableArtifact(f"{self._path}: {reason}.")


def _text_of(key: bytes) -> bytes:
    r"""A key without its escapes, so that `a` and `\u0061` are the same; as it stands where they make no sense."""
    written = key.replace(b"\0\2", b'\\"').replace(b"\0\1", b"\\\\")
    try:
        text: str = json.loads(b'"' + written + b'"', strict=False)
    except ValueError:
        return written
    return text.encode(errors="surrogatepass")

"""What the warehouse reported of one statement: `adapter_response` of a result."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from gateway.archive.artifacts.artifact_files import Result

# What a result's message says too.
_REPEATED = frozenset({"_message", "code"})
_MOST = 2**63 - 1
_LONGEST = 4_000


class AdapterFigures(NamedTuple):
    """`rest`: everything else as a JSON object; None where there is nothing else, or more than a few kilobytes."""

    rows_affected: int | None = None
    bytes_billed: int | None = None
    rest: str | None = None


_NOTHING = AdapterFigures()


def adapter_figures(result: Result) -> AdapterFigures:
    """The figures of one result; those that are negative or no whole numbers are None."""
    return _figures(bytes(result.adapter_response))


@lru_cache(maxsize=256)  # many results of a run have the same
def _figures(raw: bytes) -> AdapterFigures:
    if len(raw) <= 2 or not raw.startswith(b"{"):
        return _NOTHING
    figures: dict[str, Any] = msgspec.json.decode(raw)
    rows, billed = _whole(figures.pop("rows_affected", None)), _whole(figures.pop("bytes_billed", None))
    rest = {name: value for name, value in figures.items() if name not in _REPEATED and value is not None}
    text = msgspec.json.encode(rest).decode() if rest else None
    return AdapterFigures(rows, billed, text if text is None or len(text) <= _LONGEST else None)


def _whole(value: Any) -> int | None:
    """Adapters write -1 where they do not know, and some write numbers as text or floats."""
    try:
        number = int(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and 0 <= number <= _MOST else None

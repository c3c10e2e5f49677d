"""Faults while a request is answered, reported in one line each: a damaged row must not fill the log with stack
traces."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_log = logging.getLogger(__name__)

_FRAMES = 3
_LONGEST_REASON = 300


def log_failures(what: str, errors: Iterable[BaseException]) -> None:
    """A line for each different fault of `what` was asked, with how often it happened and the last calls before it."""
    for fault, times in Counter(map(_told, errors)).items():
        _log.error("INTERNAL_SERVER_ERROR: %s failed%s: %s", what, f" {times:,} times" if times > 1 else "", fault)


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:_LONGEST_REASON]} ({places})"
    if isinstance(error, (TypeError, ValueError, OverflowError)):
        # SQLite lets others write anything into a column.
        text += "; where somebody else wrote into the archive, a column of numbers may hold text: restore a backup"
    return text

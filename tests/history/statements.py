"""The SQL statements by which the gateway itself, not the platform, reads an archive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

_OF_RUN_LISTS = ("runs.facts_digest", "WHERE runs.account_id", "invocations.variant IS NOT NULL")


@contextmanager
def noted_statements(*, run_lists: bool = False) -> Iterator[list[str]]:
    """Every statement of the gateway's own within the block; with `run_lists` also those that list runs or look one up
    by its id, of which test_two_answers counts three a list."""
    noted: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not threading.current_thread().name.startswith("archive-history") or statement == "BEGIN":
            return
        if run_lists or not any(part in statement for part in _OF_RUN_LISTS):
            noted.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)

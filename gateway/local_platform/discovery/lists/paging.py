"""Cursors and pages: connections of environment lists, and the cursor that job lists carry on each row."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import GraphQLError

ENVIRONMENT_PAGE, JOB_PAGE = 500, 100
_PREFIX = "cursor:"

Item = TypeVar("Item")


def cursor_of(unique_id: str) -> str:
    """An opaque cursor that stands behind the row of this id."""
    return base64.b64encode(f"{_PREFIX}{unique_id}".encode()).decode()


def page_size(first: int | None, most: int) -> int:
    """How many rows to give: `first`, at most `most`. Raises for a negative number."""
    if first is not None and first < 0:
        raise _bad_input(f"Argument 'first' must not be negative, got {first}.")
    return most if first is None else min(first, most)


def rows_after(rows: Sequence[Item], after: str | None, key: Callable[[Item], str]) -> int:
    """The index of the first row behind the cursor. Raises when the cursor is not one of this list."""
    if not after:
        return 0
    cursor_id = _cursor_id(after)
    for index, row in enumerate(rows):
        if key(row) == cursor_id:
            return index + 1
    raise _bad_input("Argument 'after' names no row of this list: start again without it.")


@dataclass(frozen=True)
class ConnectionPage:
    """One page of a list: where it lies in it, and its rows' ids for their cursors."""

    nodes: Sequence[Any]
    ids: Sequence[str]
    start: int
    total: int

    def connection(self) -> dict[str, Any]:
        """The schema's connection object."""
        cursors = [cursor_of(unique_id) for unique_id in self.ids]
        return {
            "totalCount": self.total,
            "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, self.nodes, strict=True)],
            "pageInfo": {
                "hasNextPage": self.start + len(self.nodes) < self.total,
                "hasPreviousPage": self.start > 0,
                "startCursor": cursors[0] if cursors else None,
                "endCursor": cursors[-1] if cursors else None,
            },
        }


def _cursor_id(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _bad_input("Argument 'after' is no cursor of this API.") from error
    return text.removeprefix(_PREFIX)


def _bad_input(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})

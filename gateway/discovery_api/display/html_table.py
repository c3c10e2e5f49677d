"""Rows as an HTML table that is readable on light and on dark pages. Everything in it is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

_MOST_ROWS = 100
_MOST_LETTERS = 120
_TABLE = 'style="border-collapse:collapse;font-variant-numeric:tabular-nums"'
_CELL = "white-space:nowrap;padding:2px 10px;border-bottom:1px solid #8884"


def html_table(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    """The first hundred rows; the caption says how many there are. Numbers stand right, times are UTC."""
    if not rows:
        return f"<p>{html.escape(caption)}: none.</p>"
    columns = [name for name in rows[0] if any(row[name] not in (None, "", []) for row in rows)]
    head = "".join(f'<th scope="col" style="{_CELL};text-align:left">{html.escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(_cell(row[name]) for name in columns)}</tr>" for row in rows[:_MOST_ROWS])
    shown = f"{caption}, {len(rows):,}" if len(rows) <= _MOST_ROWS else f"{caption}, {_MOST_ROWS} of {len(rows):,}"
    return (
        f'<table {_TABLE}><caption style="text-align:left">{html.escape(shown)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: object) -> str:
    side = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
    return f'<td style="{_CELL};text-align:{side}">{html.escape(text_of(value))}</td>'


def text_of(value: object) -> str:
    """A value as people read it: seconds with two digits, times to the second, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | tuple):
        return _shortened(", ".join(text_of(part) for part in value))
    return _shortened(str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"

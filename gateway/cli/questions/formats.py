"""The formats of an answer: aligned text with bars for people, JSON and CSV for programs, Markdown for pages."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.cli.questions.answer import Cell, LabelledValue, Table, TableColumn, TerminalAnswer
from gateway.telemetry.printable import printable

_GAP = "  "
_WIDEST_BAR = 24
_NARROWEST_BAR = 6
_LEAST_OF_THE_LAST = 20
_EIGHTHS = "▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_LEAST_OF_A_SERIES = 3


def as_text(answer: TerminalAnswer, columns: int | None = None, *, blocks: bool = True) -> str:
    """Aligned lines for a person, ending with a new line.

    `columns` is the width of a terminal: bars fill what is left of it, and a last column of text that would not fit is
    cut. None for anything else: no bars, nothing cut. `blocks`: whether block characters can be shown; else bars are #,
    and there are no sparklines.
    """
    parts = [_facts(answer.facts)] if answer.facts else []
    for table in answer.tables:
        title = f"{table.key.replace('_', ' ').capitalize()}\n" if len(parts) or len(answer.tables) > 1 else ""
        line = _sparkline(table, columns) if table.is_series and columns is not None and blocks else ""
        parts.append(title + _aligned(table, columns, blocks) + line)
    return "\n".join(parts)


def as_json(answer: TerminalAnswer) -> str:
    """One object: a member per fact, and per table a list of objects. ASCII only, times in ISO 8601."""
    shown: dict[str, object] = {fact.column.key: _plain(fact.value) for fact in answer.facts}
    for table in answer.tables:
        keys = [column.key for column in table.columns]
        shown[table.key] = [dict(zip(keys, map(_plain, row), strict=True)) for row in table.rows]
    return json.dumps({**shown, "notes": list(answer.notes)}, indent=2) + "\n"


def as_csv(answer: TerminalAnswer) -> str:
    """The first table, with a line of keys; no value is an empty field."""
    table = answer.tables[0]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.key for column in table.columns)
    writer.writerows([_field(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def as_markdown(answer: TerminalAnswer) -> str:
    """Facts as a list, tables as tables of GitHub's Markdown; a title, and then the notes too, where there is one."""
    parts = [
        f"### {_escaped(answer.title)}\n" if answer.title else "",
        "".join(f"- {fact.column.title}: {_escaped(_cell_text(fact.column, fact.value))}\n" for fact in answer.facts),
    ]
    for table in answer.tables:
        title = f"**{table.key.replace('_', ' ').capitalize()}**\n\n" if answer.facts or len(answer.tables) > 1 else ""
        if not table.rows:
            parts.append(f"{title}{table.nothing}\n")
            continue
        rule = [" ---: " if _is_numeric(table, place) else " --- " for place in range(len(table.columns))]
        lines = [[f" {column.title} " for column in table.columns], rule]
        lines += [[f" {_escaped(text)} " for text in row] for row in _texts(table)]
        parts.append(title + "".join(f"|{'|'.join(line)}|\n" for line in lines))
    if answer.title:
        parts.append("".join(f"- {_escaped(note)}\n" for note in answer.notes))
    return "\n".join(part for part in parts if part)


def _facts(facts: Sequence[LabelledValue]) -> str:
    shown = [fact for fact in facts if fact.value is not None]
    width = max((_width(fact.column.title) for fact in shown), default=0)
    return "".join(
        f"{_padded(fact.column.title, width)}{_GAP}{_cell_text(fact.column, fact.value)}\n" for fact in shown
    )


def _aligned(table: Table, columns: int | None, blocks: bool) -> str:
    if not table.rows:
        return f"{table.nothing}\n"
    titles = [column.title for column in table.columns]
    rows = [titles, *_texts(table)]
    right = [_is_numeric(table, place) for place in range(len(titles))]
    widths = [max(_width(row[place]) for row in rows) for place in range(len(titles))]
    if columns is not None and not right[-1]:
        others = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(columns - others, _LEAST_OF_THE_LAST))
        rows = [[*row[:-1], _cut(row[-1], widths[-1])] for row in rows]
    bars = _bars(table, (columns or 0) - sum(widths) - len(_GAP) * len(widths), blocks)
    lines = []
    for row, bar in zip(rows, ["", *bars], strict=True):
        cells = [_padded(text, width, right=by) for text, width, by in zip(row, widths, right, strict=True)]
        lines.append(_GAP.join([*cells, bar]).rstrip() + "\n")
    return "".join(lines)


def _bars(table: Table, room: int, blocks: bool) -> list[str]:
    """A bar for each row, as long as its number is of the greatest; empty where there is no room or no such column."""
    place = next((place for place, column in enumerate(table.columns) if column.bar), None)
    if place is None or room < _NARROWEST_BAR:
        return [""] * len(table.rows)
    numbers = [
        max(0.0, float(cell)) if isinstance(cell, int | float) else 0.0 for cell in (r[place] for r in table.rows)
    ]
    greatest = max(numbers) or 1.0
    width = min(room, _WIDEST_BAR)
    return [_bar(number / greatest * width, blocks) for number in numbers]


def _sparkline(table: Table, columns: int) -> str:
    """The numbers of the column with bars from the oldest to the newest, as high as they are of the greatest: a space
    where there is none, the newest where not all fit. Empty for fewer than three."""
    place = next((place for place, column in enumerate(table.columns) if column.bar), None)
    if place is None:
        return ""
    label = f"{table.columns[place].title}, oldest to newest{_GAP}"
    room = max(0, columns - len(label))
    cells = [row[place] for row in table.rows[:room]]
    numbers = [float(cell) if isinstance(cell, int | float) else None for cell in reversed(cells)]
    known = [number for number in numbers if number is not None]
    if len(known) < _LEAST_OF_A_SERIES:
        return ""
    greatest = max(known) or 1.0
    heights = (" " if number is None else _HEIGHTS[_height(number / greatest)] for number in numbers)
    return f"\n{label}{''.join(heights)}\n"


def _height(share: float) -> int:
    return min(len(_HEIGHTS) - 1, max(0, int(share * len(_HEIGHTS))))


def _bar(length: float, blocks: bool) -> str:
    eighths = round(length * 8)
    if not blocks:
        return "#" * round(length)
    rest = _EIGHTHS[eighths % 8 - 1] if eighths % 8 else ""
    return _EIGHTHS[-1] * (eighths // 8) + rest


def _texts(table: Table) -> list[list[str]]:
    return [[_cell_text(column, cell) for column, cell in zip(table.columns, row, strict=True)] for row in table.rows]


def _cell_text(column: TableColumn, cell: Cell) -> str:
    """A value as a person reads it, on one line, with nothing that a terminal would obey."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(cell, float):
        return f"{'+' if column.signed and cell > 0 else ''}{cell:,.{column.digits}f} {column.unit}".rstrip()
    return f"{cell:,} {column.unit}".rstrip() if isinstance(cell, int) else printable(cell)


def _field(cell: Cell) -> str:
    if cell is None or isinstance(cell, bool):
        return {None: "", True: "true", False: "false"}[cell]
    return printable(str(_plain(cell)))


def _plain(cell: Cell) -> str | bool | int | float | None:
    return cell.isoformat() if isinstance(cell, datetime) else cell


def _is_numeric(table: Table, place: int) -> bool:
    cells = [row[place] for row in table.rows if row[place] is not None]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)


def _escaped(text: str) -> str:
    return re.sub(r"([\\|<>`*\[\]])", r"\\\1", text)


def _padded(text: str, width: int, *, right: bool = False) -> str:
    spaces = " " * (width - _width(text))
    return spaces + text if right else text + spaces


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(letter) for letter in text)


def _columns_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    used, kept = 1, 0
    for letter in text:
        used += _columns_of(letter)
        if used > width:
            break
        kept += 1
    return f"{text[:kept]}…"

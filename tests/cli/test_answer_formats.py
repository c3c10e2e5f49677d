"""Formats of an answer: alignment, bars, and names and messages that come from anybody."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime

import pytest

from gateway.cli.options import build_parser
from gateway.cli.questions.answer import Cell, LabelledValue, Table, TableColumn, TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.cli.questions.formats import as_csv, as_json, as_markdown, as_text

HOSTILE = "a\x1b[2J|b\r\nc `<script>` \u202eevil"
COLUMNS = (
    TableColumn("name", "name"),
    TableColumn("seconds", "runtime", "s", bar=True),
    TableColumn("message", "message"),
)


def an_answer(*rows: tuple[Cell, ...]) -> TerminalAnswer:
    return TerminalAnswer((Table("rows", COLUMNS, rows, "Nothing."),))


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    text = as_text(an_answer(("模型", 1.5, "é"), ("long_name", 1234.0, None)))
    assert text == (
        "name          runtime  message\n"
        "模型           1.50 s  é\n"
        "long_name  1,234.00 s  –\n"
    )  # fmt: skip


def test_bars_fill_what_a_terminal_has_left_and_are_left_out_elsewhere() -> None:
    columns = (TableColumn("name", "name"), TableColumn("seconds", "runtime", "s", bar=True))
    answer = TerminalAnswer((Table("rows", columns, (("a", 8.0), ("b", 3.0), ("c", 0.0), ("d", None)), ""),))
    assert as_text(answer, 25).splitlines() == [
        "name  runtime",
        "a      8.00 s  ██████████",
        "b      3.00 s  ███▊",
        "c      0.00 s",
        "d           –",
    ]
    assert "##########\n" in as_text(answer, 25, blocks=False)
    assert "█" not in as_text(answer, 20)
    assert "█" not in as_text(answer)


def test_a_message_is_cut_to_a_terminal_and_whole_elsewhere() -> None:
    answer = an_answer(("a", 1.0, "word " * 40))
    assert all(len(line) <= 60 for line in as_text(answer, 60).splitlines())
    assert as_text(answer, 60).count("…") == 1
    assert "word " * 39 + "word" in as_text(answer)


def test_nothing_from_elsewhere_is_obeyed_or_breaks_a_line() -> None:
    answer = an_answer((HOSTILE, 1.0, HOSTILE))
    for text in (as_text(answer), as_text(answer, 80), as_csv(answer), as_markdown(answer)):
        assert all(line.isprintable() for line in text.splitlines())
        assert len(text.splitlines()) <= 3
    assert len(list(csv.reader(io.StringIO(as_csv(answer))))) == 2
    markdown = as_markdown(answer).splitlines()
    assert [line.replace("\\|", "").count("|") for line in markdown] == [4, 4, 4]
    assert "<script>" not in as_markdown(answer).replace("\\<", "")
    assert json.loads(as_json(answer))["rows"][0]["name"] == HOSTILE
    assert "\x1b" not in as_json(answer)


def test_empty_tables_facts_and_missing_values() -> None:
    when = datetime(2026, 3, 1, 4, 5, tzinfo=UTC)
    answer = TerminalAnswer(
        (Table("rows", COLUMNS, (), "Nothing failed."),),
        (
            LabelledValue(TableColumn("started_at", "started at"), when),
            LabelledValue(TableColumn("error", "error"), None),
        ),
    )
    assert as_text(answer) == "started at  2026-03-01 04:05\n\nRows\nNothing failed.\n"
    assert as_csv(answer) == "name,seconds,message\n"
    assert json.loads(as_json(answer)) == {
        "started_at": "2026-03-01T04:05:00+00:00",
        "error": None,
        "rows": [],
        "notes": [],
    }


def test_an_output_that_cannot_show_a_letter_gets_its_escape(demo_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", plain)
    options = build_parser().parse_args(["slowest", "--store", demo_store])
    assert answered(options, lambda _account, _options: an_answer(("模", 1.0, "ü"))) == 0
    plain.seek(0)
    assert "\\u6a21" in plain.read()


def test_a_series_ends_in_a_sparkline_where_a_terminal_can_show_one() -> None:
    columns = (TableColumn("run", "run"), TableColumn("seconds", "runtime", "s", bar=True))
    rows: tuple[tuple[Cell, ...], ...] = (("5", 8.0), ("4", None), ("3", 4.0), ("2", 0.0), ("1", 1.0))
    answer = TerminalAnswer((Table("rows", columns, rows, "", is_series=True),))
    assert as_text(answer, 40).endswith("\n\nruntime, oldest to newest  ▂▁▅ █\n")
    # The newest where not all fit.
    assert as_text(answer, 31).endswith("\n\nruntime, oldest to newest  ▁▅ █\n")
    for elsewhere in (as_text(answer), as_text(answer, 40, blocks=False), as_text(answer, 20)):
        assert "oldest to newest" not in elsewhere
    two = TerminalAnswer((Table("rows", columns, rows[:2], "", is_series=True),))
    assert "oldest to newest" not in as_text(two, 40)

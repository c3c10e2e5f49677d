"""Writes an answer in the format that the options name, and compares it with `--fail-over`."""

from __future__ import annotations

import argparse
import shutil
import sys

from gateway.cli.questions.answer import Limit, Measure, TerminalAnswer
from gateway.cli.questions.formats import as_csv, as_json, as_markdown, as_text
from gateway.cli.terminal import complain
from gateway.errors import NotFound

OVER_THE_LIMIT = 3


def written(options: argparse.Namespace, answer: TerminalAnswer) -> int:
    """Writes the whole answer at once: 0, or 3 where it is over the limit of `--fail-over`.

    Raises NotFound, and writes nothing, where the limit has nothing to compare with.
    """
    _ensure_measured(options, answer)
    _write(options, answer)
    if options.format != "json" and not (options.format == "markdown" and answer.title):
        for note in answer.notes:
            complain(f"note: {note}")
    return _verdict(getattr(options, "fail_over", None), answer.measure)


def _ensure_measured(options: argparse.Namespace, answer: TerminalAnswer) -> None:
    """A limit that cannot be looked at must not pass as one that holds."""
    limit: Limit | None = getattr(options, "fail_over", None)
    if limit is None:
        return
    measure = answer.measure
    if measure is None:
        raise NotFound("--fail-over has nothing to compare with: nothing was found. Check the filters.")
    if (measure.percent if limit.is_percent else measure.seconds) is None:
        unit = "nothing to take percent of" if limit.is_percent else "no runtime"
        raise NotFound(f"--fail-over has nothing to compare with: {measure.what} has {unit}.")


def _write(options: argparse.Namespace, answer: TerminalAnswer) -> None:
    if sys.stdout is None:  # closed by the caller: `gateway … >&-`
        return
    text = {"json": as_json, "csv": as_csv, "markdown": as_markdown}.get(options.format, _for_people)(answer)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _for_people(answer: TerminalAnswer) -> str:
    blocks = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return as_text(answer, shutil.get_terminal_size().columns if sys.stdout.isatty() else None, blocks=blocks)


def _verdict(limit: Limit | None, measure: Measure | None) -> int:
    if limit is None or measure is None:
        return 0
    figure = (measure.percent if limit.is_percent else measure.seconds) or 0.0
    if figure <= limit.value:
        return 0
    complain(f"over the limit: {measure.what}: {figure:,.2f} {'%' if limit.is_percent else 's'}, more than {limit}.")
    return OVER_THE_LIMIT

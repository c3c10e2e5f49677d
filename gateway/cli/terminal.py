"""What a person sees: plain lines, and the progress of reading a large folder."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.archive.archive import ArchiveSummary
from gateway.telemetry.printable import printable

if TYPE_CHECKING:
    from gateway.ingest.folders import Progress


def say(line: str) -> None:
    """A line on standard output, at once."""
    if sys.stdout is not None:  # closed by the caller: `gateway … >&-`
        sys.stdout.write(f"{printable(line)}\n")
        sys.stdout.flush()


def complain(line: str) -> None:
    """A line on standard error; nothing where nobody reads it any more."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{printable(line)}\n")
            sys.stderr.flush()


class ProgressLine:
    """How far long work has come: one line kept up to date on a terminal, a line per tenth elsewhere."""

    def __init__(self, work: str = "Reading runs") -> None:
        self._work = work
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._tenth = 0

    def __call__(self, progress: Progress) -> None:
        """How far reading has come."""
        self.show(progress.done, progress.total)

    def show(self, done: int, total: int) -> None:
        """How many parts of the work are done, and how many there are."""
        text = f"{self._work}: {done} of {total}"
        tenth = done * 10 // total
        if self._is_terminal:
            sys.stderr.write(f"\r{text}")
            sys.stderr.flush()
        elif tenth > self._tenth:
            self._tenth = tenth
            complain(text)

    def finish(self) -> None:
        """Takes the line away again."""
        if self._is_terminal:
            sys.stderr.write("\r\033[K")


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`, `1,234 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def describe(summary: ArchiveSummary) -> str:
    """An archive's content in a line."""
    name = f"{summary.account_name}, " if summary.account_name else ""
    counts = ", ".join(
        counted(number, noun)
        for number, noun in (
            (summary.projects, "project"),
            (summary.jobs, "job"),
            (summary.runs, "run"),
            (summary.model_results, "model result"),
        )
    )
    if summary.first_run_at is None or summary.last_run_at is None:
        return name + counts
    return f"{name}{counts}, {summary.first_run_at:%Y-%m-%d} to {summary.last_run_at:%Y-%m-%d}"


def shown_host(host: str) -> str:
    """A host as it is written in an address a person can open."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared with, not bound to
        return "localhost"
    return f"[{host}]" if ":" in host else host

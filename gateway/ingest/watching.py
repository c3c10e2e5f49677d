"""Watches a folder: reads it again and again, so that runs are served soon after their artifacts appear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from gateway.archive.archive import Archive
from gateway.archive.artifacts.given_facts import NOTHING_GIVEN, GivenFacts
from gateway.errors import ConfigurationError, UnreadableArtifact
from gateway.ingest.folders import IngestReport, ingest_folder
from gateway.ingest.layout import Problem

DEFAULT_SECONDS = 5.0


def watch_folder(
    archive: Archive,
    folder: Path,
    stop: threading.Event,
    tell: Callable[[IngestReport], None],
    seconds: float = DEFAULT_SECONDS,
    *,
    keep_raw: bool = True,
    told: Iterable[Problem] = (),
    given: GivenFacts = NOTHING_GIVEN,
) -> None:
    """Reads `folder` every `seconds` until `stop` is set; blocks meanwhile.

    `tell` hears of every reading that brought something new: runs, or problems not `told` before. A file that is still
    being written is a problem first and a run at the next reading. A folder that is empty or missing is waited for, and
    so is an archive that cannot be written now: locked by others, or on a disk that is full.
    """
    told = set(told)
    while not stop.is_set():
        report = _read(archive, folder, keep_raw, given)
        fresh = tuple(problem for problem in report.problems if problem not in told)
        told = set(report.problems)
        if report.runs or fresh:
            tell(IngestReport(report.runs, report.unchanged, report.results, fresh, report.notes))
        stop.wait(seconds)


def _read(archive: Archive, folder: Path, keep_raw: bool, given: GivenFacts) -> IngestReport:
    try:
        return ingest_folder(archive, folder, keep_raw=keep_raw, given=given)
    except (UnreadableArtifact, ConfigurationError) as error:
        return IngestReport(0, 0, 0, (Problem(str(folder), error.message),))

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
    reported: Iterable[Problem] = (),
    given_facts: GivenFacts = NOTHING_GIVEN,
) -> None:
    """Reads `folder` every `seconds` until `stop` is set; blocks meanwhile.

    `tell` is called after every reading that brought something new: runs, or problems that are not in `reported`.
    A file that is still being written is a problem first and a run at the next reading. It waits for a folder that is
    empty or missing, and for an archive that cannot be written now: locked by others, or on a disk that is full.
    """
    reported = set(reported)
    while not stop.is_set():
        report = _read(archive, folder, keep_raw, given_facts)
        fresh = tuple(problem for problem in report.problems if problem not in reported)
        reported = set(report.problems)
        if report.runs or fresh:
            tell(IngestReport(report.runs, report.unchanged, report.results, fresh, report.notes))
        stop.wait(seconds)


def _read(archive: Archive, folder: Path, keep_raw: bool, given_facts: GivenFacts) -> IngestReport:
    try:
        return ingest_folder(archive, folder, keep_raw=keep_raw, given_facts=given_facts)
    except (UnreadableArtifact, ConfigurationError) as error:
        return IngestReport(0, 0, 0, (Problem(str(folder), error.message),))

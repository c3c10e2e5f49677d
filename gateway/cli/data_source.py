"""Brings the data to where the gateway reads them, before it serves: archive, folder of artifacts, or the demo."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.archive.archive import Archive
from gateway.archive.artifacts.given_facts import NOTHING_GIVEN, GivenFacts
from gateway.cli.terminal import ProgressLine, complain, counted, describe, say
from gateway.errors import UnreadableArtifact
from gateway.ingest.demo import unpack_demo
from gateway.ingest.folders import IngestReport, ingest_folder
from gateway.ingest.layout import Problem
from gateway.ingest.watching import DEFAULT_SECONDS, watch_folder
from gateway.settings import Settings

HOW_TO_SERVE_OWN_DATA = (
    "Your runs:  gateway serve --artifacts path/to/target",
    "dbt Cloud:  set GATEWAY_DISCOVERY_URL, GATEWAY_ADMIN_URL, GATEWAY_ACCOUNT_ID and DBT_SERVICE_TOKEN",
)


@dataclass(frozen=True, slots=True)
class DataSource:
    """Settings under which the data are at hand, what they are in one line, what else to report, and which files of a
    folder could not be used."""

    settings: Settings
    description: str
    advice: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@contextmanager
def prepared(
    settings: Settings, *, keep_raw: bool = False, create: bool = False, quiet: bool = False
) -> Iterator[DataSource]:
    """The data that `settings` name. A folder is read into an archive of its own, which goes when the block ends.

    `keep_raw`: the archive keeps the files themselves, which the gateway never asks for. `create`: a store that does
    not exist is made, empty. `quiet`: how far reading has come is not shown.
    Raises UnreadableArtifact or ConfigurationError.
    """
    if settings.uses_dbt_cloud:
        yield DataSource(settings, f"dbt Cloud, account {settings.account_id}")
    elif settings.store_url:
        with opened(settings.store_url, create=create) as archive:
            description = f"the archive of {describe(archive.describe())}"
        yield DataSource(settings, description)
    else:
        with tempfile.TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as place:
            yield _from_folder(settings, Path(place), keep_raw, quiet)


def _from_folder(settings: Settings, place: Path, keep_raw: bool, quiet: bool) -> DataSource:
    store = f"sqlite:///{place}/runs.db"
    with opened(store) as archive:
        folder = settings.artifacts or unpack_demo(place)
        report = read_folder(archive, folder, keep_raw=keep_raw, quiet=quiet)
        held = archive.describe()
        if held.account_id is None:
            raise UnreadableArtifact(f"{settings.artifacts} holds no run that could be read; see the lines above.")
        description = describe(held)
    served = settings.model_copy(update={"artifacts": None, "store_url": store})
    if settings.artifacts:
        looking = f"looks for new runs there every {DEFAULT_SECONDS:g} s"
        return DataSource(served, f"{settings.artifacts}: {description}; {looking}", problems=report.problems)
    return DataSource(served, f"the demo account: {description}", HOW_TO_SERVE_OWN_DATA)


@contextmanager
def opened(store: str, *, create: bool = True) -> Iterator[Archive]:
    """The archive at an address, closed again at the end."""
    archive = Archive.open(store, create=create)
    try:
        yield archive
    finally:
        archive.close()


@contextmanager
def following(folder: Path | None, source: DataSource, *, keep_raw: bool) -> Iterator[None]:
    """Reads new runs of a folder into its archive while the block runs, and says each time that it found some."""
    if folder is None or source.settings.store_url is None:
        yield
        return
    stop = threading.Event()
    with opened(source.settings.store_url) as archive:

        def work() -> None:
            watch_folder(archive, folder, stop, partial(_tell_new, folder), keep_raw=keep_raw, reported=source.problems)

        thread = threading.Thread(target=work, name="new-runs", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _tell_new(folder: Path, report: IngestReport) -> None:
    tell_problems(report)
    if report.runs:
        # Whoever read our output may have left; the gateway goes on without them.
        with suppress(OSError):
            say(f"{folder}: {counted(report.runs, 'new or changed run')} found.")


def read_folder(
    archive: Archive,
    folder: Path,
    *,
    keep_raw: bool,
    given_facts: GivenFacts = NOTHING_GIVEN,
    quiet: bool = False,
) -> IngestReport:
    """Reads a folder into the archive, shows how far it is, and names every file that could not be used."""
    progress = ProgressLine()
    shown = None if quiet else progress
    try:
        report = ingest_folder(archive, folder, progress=shown, keep_raw=keep_raw, given_facts=given_facts)
    finally:
        progress.finish()
    tell_problems(report)
    return report


def tell_problems(report: IngestReport) -> None:
    """Names every file that could not be used, or not all of it."""
    for problem in report.problems:
        complain(f"not used: {problem.path}: {problem.reason}")
    for note in report.notes:
        complain(f"used in part: {note.path}: {note.reason}")

"""The archive that stands beside dbt Cloud: opened where it can be, named and done without where it cannot."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway.archive.api_facts import ApiFacts
from gateway.archive.archive import Archive, UnusableArchive
from gateway.archive.mirrored_runs import note_ended
from gateway.archive.reader import ArchiveReader
from gateway.caching.history_store import HistoryStore
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import ConfigurationError
from gateway.hierarchy.run_event import RunEvent
from gateway.history.archive_history import ArchiveHistory
from gateway.history.archive_reach import ArchiveReach
from gateway.history.history_beside_dbt import HistoryBesideDbt
from gateway.services.admin.ended_runs import EndedRuns
from gateway.services.bundle import MakeHistory
from gateway.services.discovery_history import DiscoveryHistory
from gateway.services.run_history import RunHistory
from gateway.settings import Settings
from gateway.telemetry.upstream_note import UpstreamNote

ARCHIVE_UNUSABLE = "ARCHIVE_UNUSABLE"

_ENDING_SECONDS = 5.0

_UNUSABLE = UpstreamNote(
    ARCHIVE_UNUSABLE,
    "The archive of finished runs could not be opened when the gateway started; its log says why. dbt tells what "
    "happened, as far as it still knows: two months, and the last runs of a model.",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArchiveBeside:
    """What an archive gives to the services: see Upstream. `take_event` tells a mirror of runs that ended."""

    make_history: MakeHistory | None = None
    kept: HistoryStore | None = None
    take_event: Callable[[RunEvent], None] | None = None
    notes: tuple[UpstreamNote, ...] = ()


@asynccontextmanager
async def open_archive_beside(settings: Settings, account_id: int, account_key: str) -> AsyncIterator[ArchiveBeside]:
    """The archive of `archive_url`, made where there is none yet; nothing where none is named.

    One that is damaged, of a newer gateway, of another account, or on a server that cannot be reached is logged, noted
    in every answer and done without. Raises ConfigurationError for what is no address.
    """
    if settings.archive_url is None:
        yield ArchiveBeside()
        return
    url = settings.archive_url.get_secret_value()
    try:
        archive = await asyncio.to_thread(_open, url, account_id)
    except UnusableArchive as failure:
        log.warning("archive_url names an archive that is not used, dbt tells what happened: %s", failure.message)
        yield ArchiveBeside(notes=(_UNUSABLE,))
        return
    async with AsyncExitStack() as stack:
        stack.callback(archive.close)
        reader = ArchiveReader(archive)
        stack.callback(reader.close)
        facts = ApiFacts(archive.url, hashlib.sha256(account_key.encode()).hexdigest())
        stack.push_async_callback(facts.close)

        def make_history(discovery: DiscoveryHistory, ended: EndedRuns) -> RunHistory:
            return HistoryBesideDbt(reader, ArchiveHistory(reader), discovery, ArchiveReach(reader, ended))

        tasks = BackgroundTasks()
        stack.push_async_callback(tasks.wait, _ENDING_SECONDS)

        def take_event(event: RunEvent) -> None:
            if event.finished:
                tasks.start(asyncio.to_thread(_wake_mirror, archive, event))

        yield ArchiveBeside(make_history, facts, take_event)


def _wake_mirror(archive: Archive, event: RunEvent) -> None:
    """Without it the mirror finds the run at its next look."""
    try:
        with archive.writing() as connection:
            note_ended(connection, event.account_id, event.run_id)
    except ConfigurationError as failure:
        log.info("the mirror is not told of a run that ended: %s", failure.message)


def _open(url: str, account_id: int) -> Archive:
    archive = Archive.open(url)
    try:
        require_account(archive, account_id)
    except ConfigurationError as failure:
        archive.close()
        raise UnusableArchive(failure.message) from failure
    return archive


def require_account(archive: Archive, account_id: int) -> None:
    """Raises ConfigurationError for an archive of other accounts, and for one that cannot be read."""
    accounts = archive.account_ids()
    if accounts and account_id not in accounts:
        known = ", ".join(map(str, sorted(accounts)))
        raise ConfigurationError(
            f"The archive {archive.name} holds runs of account {known}, and account {account_id} is served. Name the "
            "archive of this account, or an empty database."
        )

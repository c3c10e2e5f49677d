"""The archive that stands beside dbt Cloud: opened as soon as it can be, named and done without until then."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from gateway.archive.archive import Archive, UnusableArchive
from gateway.archive.mirrored_runs import note_ended
from gateway.caching.history_store import HistoryStore
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import ConfigurationError
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.history.archive_history import ArchiveHistory
from gateway.history.archive_reach import ArchiveReach
from gateway.history.awaited_archive import AwaitedArchive
from gateway.history.history_beside_dbt import HistoryBesideDbt
from gateway.services.admin.ended_runs import EndedRuns
from gateway.services.bundle import MakeHistory
from gateway.services.runs.discovery_history import DiscoveryHistory
from gateway.services.runs.run_history import RunHistory
from gateway.settings import Settings
from gateway.telemetry.samples import ReadSamples
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.wiring.mirror_samples import MirrorSamples

ARCHIVE_UNUSABLE = "ARCHIVE_UNUSABLE"

_ENDING_SECONDS = 5.0

_UNUSABLE = UpstreamNote(
    ARCHIVE_UNUSABLE,
    "The archive of finished runs cannot be opened; the gateway's log says why. It is tried again at least once a "
    "minute. Until then finished runs come from dbt, which keeps two months, and the last runs of a model.",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArchiveBeside:
    """What an archive gives to the services: see Upstream. `take_event` tells a mirror of runs that ended."""

    make_history: MakeHistory | None = None
    kept: HistoryStore | None = None
    take_event: Callable[[RunEvent], None] | None = None
    notes: Callable[[], Sequence[UpstreamNote]] = tuple
    state: Callable[[], str] | None = None
    samples: ReadSamples = tuple


@asynccontextmanager
async def open_archive_beside(settings: Settings, account_id: int, account_key: str) -> AsyncIterator[ArchiveBeside]:
    """The archive of `archive_url`, made where there is none yet; nothing where none is named.

    One that is damaged, locked, of a newer gateway, of another account, or on a server that cannot be reached is
    logged, noted in every answer, done without, and tried again until it opens (see AwaitedArchive). Raises
    ConfigurationError for what is no address.
    """
    if settings.archive_url is None:
        yield ArchiveBeside()
        return
    opens = partial(_open, settings.archive_url.get_secret_value(), account_id)
    archive = AwaitedArchive(opens, hashlib.sha256(account_key.encode()).hexdigest())

    def make_history(discovery: DiscoveryHistory, ended: EndedRuns) -> RunHistory:
        return HistoryBesideDbt(archive, ArchiveHistory(archive), discovery, ArchiveReach(archive, ended))

    tasks, following = BackgroundTasks(), BackgroundTasks()
    mirror = MirrorSamples(archive, account_id)

    def take_event(event: RunEvent) -> None:
        if event.finished and archive.opened is not None:
            tasks.start(asyncio.to_thread(_wake_mirror, archive.opened, event))

    try:
        await archive.start()
        following.start(mirror.follow())
        yield ArchiveBeside(
            make_history,
            archive.facts,
            take_event,
            notes=lambda: () if archive.is_open else (_UNUSABLE,),
            state=lambda: archive.state,
            samples=mirror.samples,
        )
    finally:
        await following.cancel()
        await tasks.wait(_ENDING_SECONDS)
        await archive.close()


def _wake_mirror(archive: Archive, event: RunEvent) -> None:
    """Without it the mirror finds the run at its next look."""
    try:
        with archive.writing() as connection:
            note_ended(connection, event.account_id, event.run_id)
    except ConfigurationError as failure:
        log.info("the archive takes no note of a run that ended, the mirror finds it later: %s", failure.message)


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

"""Brings one run of dbt Cloud into the archive: reads what dbt keeps of it, and stores it whole or not at all."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.exc import DataError, IntegrityError

from gateway.archive.archive import Archive
from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.ownership import owner_of
from gateway.archive.artifacts.records import RunRecord
from gateway.archive.artifacts.run_bundle import ENDED, RunBundle
from gateway.archive.leases import Lease
from gateway.archive.mirrored_runs import MirroredRun, note_run
from gateway.archive.tables.mirror_tables import MirrorCause, MirrorOutcome
from gateway.archive.times import parse_micros
from gateway.archive.writing.run_writer import RunWriter, Stored
from gateway.errors import (
    NotFound,
    UpstreamBudgetExhausted,
    UpstreamCircuitOpen,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnauthenticated,
)
from gateway.mirror.known_manifests import known_manifest
from gateway.mirror.run_reading import FindManifest, OtherRun, ReadRun, RunReader
from gateway.services.admin.finished_runs import FinishedRuns, RecordedRun
from gateway.services.runs.recorded_nodes import RecordedNodes

WAITS = (UpstreamRateLimited, UpstreamBudgetExhausted, UpstreamCircuitOpen)
"""Failures that say when to come again, and nothing about what was asked."""

_RUNNING = "it has not ended"
_NOT_SAVED_YET = "dbt has no artifacts of it yet"
_SAVED_WITHIN_SECONDS = 900.0
"""dbt saves artifacts a little after a run has ended; later there will be none."""

_REFUSED = (DataError, IntegrityError, OverflowError)


@dataclass(slots=True)
class MirrorReport:
    """What a pass did: how many runs ended in each outcome, how many results were stored, and what could not be read of
    which run, and why."""

    outcomes: Counter[MirrorOutcome] = field(default_factory=Counter)
    results: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


class _RunNote(NamedTuple):
    outcome: MirrorOutcome
    cause: MirrorCause | None
    reason: str | None


class RunMirror:
    """Runs of one account. `projects`: the names of dbt Cloud's projects by id, kept up to date by others. `now`:
    seconds since 1970."""

    def __init__(
        self,
        archive: Archive,
        runs: FinishedRuns,
        lease: Lease,
        nodes: RecordedNodes | None,
        *,
        keep_raw: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.projects: dict[int | None, str | None] = {}
        self.report = MirrorReport()
        self._archive = archive
        self._account_id = runs.account_id
        self._lease = lease
        self._now = now
        self._reader = RunReader(runs, self.projects.get, nodes)
        self._writer = RunWriter(keeps_raw=keep_raw)
        self._writing = asyncio.Lock()
        self._manifests: defaultdict[tuple[int | None, str | None], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def mirror(self, run_id: int, listed: RecordedRun | None, before: MirroredRun | None) -> None:
        """Deals with a run as dbt `listed` it, or one that was noted `before`. Raises what says nothing about the run:
        WAITS, UpstreamUnauthenticated and LeaseLost."""
        if listed is not None and listed.status not in ENDED:
            await self._note(run_id, listed, before, MirrorCause.RUNNING, _RUNNING)
            return
        row = listed
        try:
            row = await self._reader.row(run_id, listed)
            if row.status not in ENDED:
                await self._note(run_id, row, before, MirrorCause.RUNNING, _RUNNING)
                return
            # Of two runs of one commit the second one finds the manifest that the first one brings.
            async with self._manifests[row.job_definition_id, row.git_sha]:
                read = await self._reader.read(row, self._finder(row))
                await self._store(row, read, before)
        except (*WAITS, UpstreamUnauthenticated):
            raise
        except (UpstreamError, NotFound, OtherRun) as failure:
            cause = MirrorCause.OTHER_RUN if isinstance(failure, OtherRun) else MirrorCause.FAILED
            await self._note(run_id, row, before, cause, str(failure))

    def _finder(self, row: RecordedRun) -> FindManifest:
        async def find(record: RunRecord, command: Invocation) -> int | None:
            if row.trigger is not None and row.trigger.schema_override:
                return None
            return await asyncio.to_thread(self._find, record, command)

        return find

    def _find(self, record: RunRecord, command: Invocation) -> int | None:
        with self._archive.reading() as connection:
            return known_manifest(connection, record, command)

    async def _store(self, row: RecordedRun, read: ReadRun, before: MirroredRun | None) -> None:
        outcome = _outcome(read)
        if not (read.steps or read.problems) and self._now() - _ended_at(row) < _SAVED_WITHIN_SECONDS:
            await self._note(row.id, row, before, MirrorCause.UNSAVED, _NOT_SAVED_YET)
            return
        reason = "; ".join([*(f"{name} is missing" for name in read.missing), *read.problems]) or None
        cause = read.cause or (MirrorCause.MISSING if read.missing else None)
        async with self._writing:
            try:
                stored = await asyncio.to_thread(
                    self._store_whole, row, read, self._noted(row.id, row, before, _RunNote(outcome, cause, reason))
                )
            except _REFUSED as refusal:
                reason = f"it holds a value that no archive can hold ({type(refusal).__name__})"
                noted = self._noted(row.id, row, before, _RunNote(MirrorOutcome.PARTIAL, MirrorCause.UNUSABLE, reason))
                await asyncio.to_thread(self._store_note, noted)
                self._count(row.id, MirrorOutcome.PARTIAL, reason)
                return
        self.report.results += stored.results
        self._count(row.id, outcome, reason)

    def _store_whole(self, row: RecordedRun, read: ReadRun, noted: MirroredRun) -> Stored:
        try:
            with self._archive.writing() as connection:
                self._lease.show(connection)
                stored = self._writer.store(connection, _bundle(row, read))
                note_run(connection, noted)
                return stored
        except BaseException:
            self._writer.forget()
            raise

    async def _note(
        self, run_id: int, row: RecordedRun | None, before: MirroredRun | None, cause: MirrorCause, reason: str
    ) -> None:
        async with self._writing:
            noted = self._noted(run_id, row, before, _RunNote(MirrorOutcome.UNREAD, cause, reason))
            await asyncio.to_thread(self._store_note, noted)
        self._count(run_id, MirrorOutcome.UNREAD, reason)

    def _store_note(self, noted: MirroredRun) -> None:
        with self._archive.writing() as connection:
            self._lease.show(connection)
            note_run(connection, noted)

    def _noted(
        self,
        run_id: int,
        row: RecordedRun | None,
        before: MirroredRun | None,
        note: _RunNote,
    ) -> MirroredRun:
        created = parse_micros(row.created_at) if row else (before.created_at if before else None)
        tries = (before.tries if before else 0) + 1
        tried_at = round(self._now() * 1_000_000)
        return MirroredRun(run_id, self._account_id, created, note.outcome, note.reason, tries, tried_at, note.cause)

    def _count(self, run_id: int, outcome: MirrorOutcome, reason: str | None) -> None:
        self.report.outcomes[outcome] += 1
        if reason not in (None, _RUNNING, _NOT_SAVED_YET):
            self.report.problems.append((run_id, reason))


def _outcome(read: ReadRun) -> MirrorOutcome:
    if read.is_discovered:
        return MirrorOutcome.DISCOVERED
    if read.problems or read.missing:
        return MirrorOutcome.PARTIAL
    return MirrorOutcome.WHOLE if read.steps else MirrorOutcome.EMPTY


def _bundle(row: RecordedRun, read: ReadRun) -> RunBundle:
    ended = round(_ended_at(row) * 1_000_000)
    silent = Invocation(uuid=f"dbt Cloud run {row.id}", generated_at=ended, files={})
    speaker = read.steps[0].invocation if read.steps else silent
    return RunBundle(owner_of(speaker, read.record, row.account_id), read.record, read.steps)


def _ended_at(row: RecordedRun) -> float:
    """Seconds since 1970; 0 where dbt reports no time."""
    return (parse_micros(row.finished_at) or parse_micros(row.created_at) or 0) / 1_000_000

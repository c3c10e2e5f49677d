"""Reads folders of dbt artifacts into the archive: run by run, each whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from gateway.archive.archive import Archive, reason_of
from gateway.archive.artifacts.given_facts import NOTHING_GIVEN, GivenFacts
from gateway.archive.artifacts.invocation import ArtifactReader
from gateway.archive.artifacts.records import AccountRecord, RunRecord
from gateway.archive.artifacts.run_bundle import RunBundle
from gateway.archive.changes_upkeep import look_at_new_runs, look_while_writing
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import folders, run_files, runs
from gateway.archive.times import parse_micros
from gateway.archive.writing.account_rows import account_number, read_account, store_account
from gateway.archive.writing.run_writer import RunWriter, Stored
from gateway.errors import UnreadableArtifact
from gateway.ingest.layout import Layout, Problem, RunFolder, StepFolder, find_artifacts
from gateway.ingest.new_files import FileState, changed_since
from gateway.ingest.notes import note_of, notes_of
from gateway.ingest.run_folders import read_bare_folder, read_run_folder, read_run_record
from gateway.ingest.unpacking import unpacked

_REFUSED = (DataError, IntegrityError, OverflowError)


@dataclass(frozen=True)
class Progress:
    """How far reading has come: `done` of `total` folders; `folder` is the one just read."""

    done: int
    total: int
    folder: str


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class IngestReport:
    """What reading a folder did. `runs` and `results` count what is new or changed, `unchanged` runs already known.

    Every run counts once, in however many folders it lies. `problems` are files that could not be used, `notes` what
    was left out of files that were.
    """

    runs: int
    unchanged: int
    results: int
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Unit:
    """One folder to read: a run with its run.json, or a bare one."""

    folder: RunFolder | StepFolder
    record: RunRecord
    account_id: int | None
    given_facts: GivenFacts

    @property
    def path(self) -> Path:
        if isinstance(self.folder, RunFolder):
            return self.folder.path
        return next(iter(self.folder.files.values())).parent

    @property
    def files(self) -> list[Path]:
        if isinstance(self.folder, StepFolder):
            return list(self.folder.files.values())
        return [self.folder.path / "run.json", *(file for step in self.folder.steps for file in step.files.values())]

    @property
    def spoken_of(self) -> Path:
        """What a problem names that any of its files may have: the only one, or else the folder."""
        return self.files[0] if len(self.files) == 1 else self.path

    def bundles(self, reader: ArtifactReader) -> Iterator[RunBundle]:
        if isinstance(self.folder, RunFolder):
            return read_run_folder(self.folder, self.record, self.account_id, self.given_facts, reader)
        return read_bare_folder(self.folder, self.account_id, self.given_facts, reader)


def ingest_folder(
    archive: Archive,
    folder: Path,
    progress: ProgressCallback | None = None,
    *,
    keep_raw: bool = True,
    given_facts: GivenFacts = NOTHING_GIVEN,
    before: Mapping[Path, FileState] | None = None,
) -> IngestReport:
    """Reads every run below `folder`, which may be a tar or zip file of one, that is new or has changed.

    A file that cannot be used costs its own run only and becomes a problem of the report. `keep_raw`: keep the files
    byte for byte, so that the Admin API can send them when the folder is gone. `given_facts`: what is known of runs
    without run.json; its commit counts where the folder is one target folder. `before`: only files that are not as they
    were then are read.
    Raises UnreadableArtifact when `folder` is missing or holds no artifacts at all.
    """
    ingest = _Ingest(archive, RunWriter(keeps_raw=keep_raw), given_facts, lasting=not folder.is_file())
    if folder.is_file():
        return _ingest_pack(ingest, folder, progress)
    layout = find_artifacts(folder)
    if before is not None:
        layout = changed_since(layout, before)
        if layout.empty and not layout.problems:
            raise UnreadableArtifact(f"{folder} holds no dbt artifacts that the command wrote.")
    return _ingest(ingest, layout, progress)


def _ingest_pack(ingest: _Ingest, pack: Path, progress: ProgressCallback | None) -> IngestReport:
    """Reads a tar or zip file; whatever is said of it names the pack and its member, not where it is unpacked."""
    with unpacked(pack) as content:
        named = partial(_named_in_pack, pack, content.folder)

        def tell(done: Progress) -> None:
            if progress:
                progress(replace(done, folder=named(done.folder)))

        try:
            report = _ingest(ingest, find_artifacts(content.folder), tell)
        except UnreadableArtifact as unreadable:
            raise UnreadableArtifact(named(unreadable.message)) from unreadable
    problems, notes = (
        tuple(Problem(named(problem.path), named(problem.reason)) for problem in listed)
        for listed in (report.problems, report.notes)
    )
    repeated = tuple(
        Problem(f"{pack}: {name}", "the file has several members of this name; the last one is read")
        for name in content.repeated
    )
    return replace(report, problems=problems, notes=repeated + notes)


def _named_in_pack(pack: Path, folder: Path, text: str) -> str:
    """A text that names files below `folder` as members of the pack, and `folder` as the pack."""
    for place in (str(folder.resolve()), str(folder)):
        text = text.replace(f"{place}/", f"{pack}: ").replace(place, str(pack))
    return text


def _ingest(ingest: _Ingest, layout: Layout, progress: ProgressCallback | None) -> IngestReport:
    units = ingest.plan(layout)
    for done, unit in enumerate(units, start=1):
        ingest.read(unit, is_last=done == len(units))
        if progress:
            progress(Progress(done, len(units), str(unit.path)))
    ingest.finish()
    return ingest.report()


class _Ingest:
    """One pass over a folder and its tally. Only a folder that lasts is worth remembering."""

    def __init__(self, archive: Archive, writer: RunWriter, given_facts: GivenFacts, *, lasting: bool) -> None:
        self._archive = archive
        self._lasting = lasting
        self._given_facts = given_facts
        self._writer = writer
        self._reader = ArtifactReader()
        self._problems: list[Problem] = []
        self._notes: list[Problem] = []
        self._stored: set[int] = set()
        self._known: set[int] = set()
        self._results = 0
        self._places: set[int] = set()

    def report(self) -> IngestReport:
        notes = tuple(dict.fromkeys(self._notes))
        unchanged = self._held(self._known - self._stored)
        return IngestReport(len(self._stored), unchanged, self._results, tuple(self._problems), notes)

    def _held(self, run_ids: Iterable[int]) -> int:
        """How many of the runs the archive still holds: old ones may have been forgotten since."""
        count = select(func.count()).select_from(runs)
        with self._archive.reading() as connection:
            return sum(connection.scalar(count.where(runs.c.id.in_(part))) or 0 for part in chunks(run_ids))

    def plan(self, layout: Layout) -> list[_Unit]:
        """What to read, older runs first within their project, so that times move forward."""
        self._problems += layout.problems
        accounts = self._accounts(layout)
        units = [unit for folder in layout.run_folders if (unit := self._run_unit(folder, accounts))]
        units.sort(key=lambda unit: (str(unit.path.parent.parent), _ended(unit.record)))
        alone = len(layout.bare_folders) == 1 and not units
        given_facts = self._given_facts if alone else self._given_facts.without_commit()
        bare = [_Unit(folder, RunRecord(), _nearest(accounts, folder), given_facts) for folder in layout.bare_folders]
        return units + sorted(bare, key=lambda unit: (max(map(_modified, unit.files)), str(unit.path)))

    def _accounts(self, layout: Layout) -> dict[Path, int]:
        accounts = {}
        for path in layout.accounts:
            try:
                record, odd = read_account(path)
                accounts[path.parent] = self._store_account(record)
                self._notes += [note_of(path, odd)] if odd else []
            except UnreadableArtifact as error:
                self._note(path, error)
            except _REFUSED as error:
                self._refuse(path, error)
        return accounts

    def _store_account(self, record: AccountRecord) -> int:
        with self._archive.writing() as connection:
            store_account(connection, record)
        return account_number(record)

    def _run_unit(self, folder: RunFolder, accounts: dict[Path, int]) -> _Unit | None:
        try:
            record, odd = read_run_record(folder)
        except UnreadableArtifact as error:
            self._note(folder.path / "run.json", error)
            return None
        self._notes += [note_of(folder.path / "run.json", odd)] if odd else []
        return _Unit(folder, record, _nearest(accounts, folder), self._given_facts)

    def finish(self) -> None:
        """Looks at the series of runtimes that have new runs still."""
        look_at_new_runs(self._archive)

    def read(self, unit: _Unit, *, is_last: bool) -> None:
        """Stores the unit's runs in one transaction; a problem leaves the archive as it was. With the last of them goes
        what the series of runtimes show now."""
        try:
            stamp = _stamp(unit.files, unit.given_facts.ignored)
            with self._archive.writing() as connection:
                known = _seen(connection, unit, stamp)
                outcomes = [] if known is not None else self._store(connection, unit)
                if known is None and self._lasting:
                    _remember(connection, unit.path, stamp, [run_id for run_id, _ in outcomes])
                if is_last and outcomes:
                    look_while_writing(connection, frozenset(self._places))
        except UnreadableArtifact as error:
            self._writer.forget()
            self._note(unit.path, error)
            return
        except _REFUSED as error:
            self._writer.forget()
            self._refuse(unit.spoken_of, error)
            return
        except BaseException:
            self._writer.forget()
            raise
        self._known.update(known or ())
        self._known.update(run_id for run_id, outcome in outcomes if not outcome.changed)
        self._stored.update(run_id for run_id, outcome in outcomes if outcome.changed)
        self._results += sum(outcome.results for _, outcome in outcomes)

    def _store(self, connection: Connection, unit: _Unit) -> list[tuple[int, Stored]]:
        """What storing came to, by run id."""
        outcomes = []
        self._places.clear()
        for bundle in unit.bundles(self._reader):
            self._places.add(bundle.owner.environment_id)
            outcome = self._writer.store(connection, bundle)
            outcomes.append((bundle.owner.run_id, outcome))
            self._notes += notes_of(bundle) if outcome.changed else ()
        return outcomes

    def _note(self, path: Path, error: UnreadableArtifact) -> None:
        """`path`: the file, or the folder it lies in; its name may itself hold what parts a file from a reason."""
        known = len(str(path)) if error.message.startswith(str(path)) else 0
        place, separator, reason = error.message[known:].partition(": ")
        named = Problem(error.message[:known] + place, reason)
        self._problems.append(named if separator else Problem(str(path), error.message))

    def _refuse(self, path: Path, error: DBAPIError | OverflowError) -> None:
        reason = reason_of(error) if isinstance(error, DBAPIError) else str(error)
        self._problems.append(Problem(str(path), f"a value that no archive can hold: {reason}"))


def _ended(record: RunRecord) -> int:
    return parse_micros(record.finished_at) or parse_micros(record.created_at) or 0


def _modified(file: Path) -> int:
    """When the file was written; one that is gone by now is reported when it is to be read."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _nearest(accounts: dict[Path, int], folder: RunFolder | StepFolder) -> int | None:
    start = folder.path if isinstance(folder, RunFolder) else next(iter(folder.files.values())).parent
    return next((accounts[place] for place in (start, *start.parents) if place in accounts), None)


def _stamp(files: list[Path], ignored: frozenset[str]) -> bytes:
    """Changes when a file is added, replaced or rewritten, or other commands are ignored.

    Raises UnreadableArtifact when one is gone.
    """
    parts = sorted(ignored)
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            raise UnreadableArtifact(f"{file}: {error.strerror or error}.") from error
        parts.append(f"{file}\0{status.st_size}\0{status.st_mtime_ns}")
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).digest()


def _seen(connection: Connection, unit: _Unit, stamp: bytes) -> list[int] | None:
    """The runs of a folder that was read as it is now; None of any other."""
    stored = connection.execute(select(folders).where(folders.c.path == str(unit.path))).first()
    if stored is None or bytes(stored.stamp) != stamp:
        return None
    if stored.runs is not None:
        return [int(run_id) for run_id in stored.runs.split()]
    query = select(run_files.c.run_id).where(run_files.c.path.in_(map(str, unit.files))).distinct()
    return list(connection.scalars(query))


def _remember(connection: Connection, path: Path, stamp: bytes, run_ids: list[int]) -> None:
    values = {"stamp": stamp, "runs": " ".join(map(str, run_ids))}
    known = connection.execute(update(folders).where(folders.c.path == str(path)).values(values)).rowcount
    if not known:
        connection.execute(insert(folders).values(path=str(path), **values))

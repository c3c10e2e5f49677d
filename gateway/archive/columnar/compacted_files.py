"""The files of compacted months: which there are, and whether each is the one that the archive recorded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from gateway.archive.columnar.parquet_rows import ParquetReader
from gateway.archive.tables.compacted_tables import columnar_folder, compacted_months
from gateway.errors import ConfigurationError

_OPTION: Final = "compacted_files"
_BYTES_AT_ONCE = 1 << 20
_COMPACT = "gateway archive compact --store URL"


class DamagedFile(ConfigurationError):
    """A file of a compacted month that is missing, or not as the archive recorded it."""


@dataclass(frozen=True, slots=True)
class CompactedMonth:
    """A file as the archive recorded it; `month` counts as in `months`, `path` is within the folder, `digest` that of
    the whole file."""

    environment_id: int
    month: int
    path: str
    digest: bytes
    bytes: int
    rows: int

    @property
    def hidden_path(self) -> str:
        """Where the file is before it is recorded, and again when another has taken its place."""
        return hidden(self.path)


def hidden(path: str) -> str:
    """The path of a file that readers of the folder leave out: its name begins with `_`."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/_{name}"


def digest_of(path: Path) -> bytes:
    """BLAKE2b of a whole file, 16 bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while part := file.read(_BYTES_AT_ONCE):
            digest.update(part)
    return digest.digest()


class VerifiedFiles:
    """Which files this process has compared with what was recorded. Thread-safe.

    A file is read whole once, and again when its size or time differs.
    """

    def __init__(self, database: str | None = None) -> None:
        self._beside = Path(database).parent if database else None
        self._digests: dict[Path, tuple[int, int, bytes]] = {}
        self._lock = threading.Lock()
        self.reader = ParquetReader()

    def root(self, recorded: str) -> Path:
        """The folder; a relative one lies beside the SQLite archive."""
        return Path(recorded) if self._beside is None else self._beside / recorded

    def place_of(self, root: Path, month: CompactedMonth) -> Path:
        """The file of a month below a folder. Raises DamagedFile."""
        for path in (root / month.path, root / month.hidden_path):
            try:
                state = path.stat()
            except OSError:
                continue
            if state.st_size == month.bytes and self._digest(path, state.st_size, state.st_mtime_ns) == month.digest:
                return path
        raise DamagedFile(_problem(month.path, is_there=(root / month.path).exists()))

    def _digest(self, path: Path, size: int, modified: int) -> bytes | None:
        with self._lock:
            known = self._digests.get(path)
        if known is not None and known[:2] == (size, modified):
            return known[2]
        try:
            digest = digest_of(path)
        except OSError:
            return None
        with self._lock:
            self._digests[path] = size, modified, digest
        return digest


def _problem(path: str, *, is_there: bool) -> str:
    """Callers may read it: where the folder is, the log says."""
    if is_there:
        what = f"The file {path} is not the one that was compacted: it was cut, changed or replaced"
    else:
        what = f"The file {path} of compacted results is missing"
    return f"{what}. Restore it from a backup; its results are left out until then."


@dataclass(slots=True)
class CompactedFiles:
    """The compacted months that one transaction sees. `problems`: what was left out, and why."""

    verified: VerifiedFiles
    problems: list[str] = field(default_factory=list)
    _months: Mapping[tuple[int, int], CompactedMonth] | None = None
    _root: Path | None = None

    def months(self, connection: Connection) -> Mapping[tuple[int, int], CompactedMonth]:
        """By environment and month. Read once in a transaction, by the driver itself."""
        if self._months is None:
            rows = _fetched(connection, f"SELECT * FROM {compacted_months.name}")  # noqa: S608 - a name of ours
            months = (CompactedMonth(row[0], row[1], row[2], bytes(row[3]), row[4], row[5]) for row in rows)
            self._months = {(month.environment_id, month.month): month for month in months}
        return self._months

    def forget(self) -> None:
        """Must be called when the transaction has changed which months there are."""
        self._months = None

    def root(self, connection: Connection) -> Path | None:
        """The folder of the files; None where nothing was ever compacted."""
        if self._root is None:
            rows = _fetched(connection, f"SELECT path FROM {columnar_folder.name}")  # noqa: S608 - a name of ours
            self._root = self.verified.root(rows[0][0]) if rows else None
        return self._root

    def place_of(self, connection: Connection, month: CompactedMonth) -> Path:
        """The file of a month. Raises DamagedFile."""
        root = self.root(connection)
        if root is None:
            raise DamagedFile(f"The archive does not know the folder of its compacted results: name it, {_COMPACT}.")
        return self.verified.place_of(root, month)

    def readable(self, connection: Connection, months: Iterable[CompactedMonth]) -> Iterator[Path]:
        """The files of these months; those that are damaged are noted and left out."""
        for month in months:
            try:
                yield self.place_of(connection, month)
            except DamagedFile as damaged:
                if damaged.message not in self.problems:
                    self.problems.append(damaged.message)


def _fetched(connection: Connection, statement: str) -> list[Any]:
    driver: Any = connection.connection.driver_connection
    rows: list[Any] = driver.execute(statement).fetchall()
    return rows


def with_files(connection: Connection, verified: VerifiedFiles) -> CompactedFiles:
    """Lets the questions of a transaction read compacted months, too."""
    files = CompactedFiles(verified)
    connection.execution_options(**{_OPTION: files})
    return files


def files_of(connection: Connection) -> CompactedFiles | None:
    """The compacted months of a transaction; None where there are none."""
    files: CompactedFiles | None = connection.get_execution_options().get(_OPTION)
    return files if files is not None and files.months(connection) else None

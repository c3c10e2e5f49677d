"""Reads rows of Parquet files with DuckDB."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.errors import ConfigurationError

ROWS_AT_ONCE: Final = 20_000
_FEW: Final = 50

# DuckDB loads nothing from elsewhere, and keeps within the machine's cores by itself.
_SETTINGS: Final = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


class MissingExtra(ConfigurationError):
    """A library that is not installed."""


class RowFilter(NamedTuple):
    """A condition in DuckDB's SQL, with the values of its parameters."""

    text: str
    values: Sequence[Any] = ()


EVERY_ROW: Final = RowFilter("true")


class ParquetReader:
    """Asks one DuckDB of this process, made when it is first asked. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._duckdb: Any = None

    def rows(self, path: Path, columns: str, condition: RowFilter = EVERY_ROW) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a file that meet a condition, in its order and in parts of at most 20,000. `columns`: the select
        list.

        Raises MissingExtra without DuckDB, and ConfigurationError for a file that it cannot read.
        """
        duckdb = imported_duckdb()
        statement = f"SELECT {columns} FROM read_parquet(?) WHERE {condition.text}"  # noqa: S608 - columns of ours
        try:
            cursor = self._cursor(duckdb)
            cursor.execute(statement, [str(path), *condition.values])
            while part := cursor.fetchmany(ROWS_AT_ONCE):
                yield part
        except duckdb.Error as error:
            raise ConfigurationError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error

    def _cursor(self, duckdb: Any) -> Any:
        with self._lock:
            if self._duckdb is None:
                self._duckdb = duckdb.connect(":memory:", config=dict(_SETTINGS))
            return self._duckdb.cursor()


def is_among(column: str, values: Sequence[Any]) -> RowFilter:
    """A condition and its parameters. Few values are listed one by one, so that DuckDB skips what cannot hold them."""
    if len(values) <= _FEW:
        return RowFilter(f"{column} IN ({', '.join('?' * len(values))})", list(values))
    return RowFilter(f"{column} IN (SELECT unnest(?))", [list(values)])


def imported_duckdb() -> Any:
    """The library. Raises MissingExtra."""
    try:
        return import_module("duckdb")
    except ImportError:
        raise MissingExtra(
            "Compacted months need DuckDB, which is not installed: pip install 'dbt-gateway[columnar]'."
        ) from None

"""Writes the rows of a table as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib import import_module
from itertools import chain
from typing import Any, BinaryIO, TypeAlias

from gateway.archive.exports.columns import ExportTable, ExportType
from gateway.archive.tables.many_keys import chunks
from gateway.archive.times import from_micros
from gateway.errors import ConfigurationError

Parts: TypeAlias = Iterable[list[tuple[Any, ...]]]


class ExportFormat(StrEnum):
    """The formats of an export; the value is the ending of its files."""

    PARQUET = "parquet"
    CSV = "csv"


_COMPACT_ROWS = 100_000


def write_compact(table: ExportTable, parts: Parts, file: BinaryIO) -> int:
    """Writes a whole Parquet file in as few bytes as its order allows, and returns how many rows it has: groups of
    100,000 rows, whole numbers and times as differences, seconds byte by byte. Raises as `write_rows`."""
    whole = (ExportType.INTEGER, ExportType.TIME)
    encodings = {column.name: "DELTA_BINARY_PACKED" for column in table.columns if column.type in whole}
    encodings |= {column.name: "BYTE_STREAM_SPLIT" for column in table.columns if column.type is ExportType.DOUBLE}
    texts = [column.name for column in table.columns if column.type is ExportType.TEXT]
    whole_groups = chunks(chain.from_iterable(parts), _COMPACT_ROWS)
    return _write_parquet(table, whole_groups, file, use_dictionary=texts, column_encoding=encodings)


def require_format(file_format: ExportFormat) -> None:
    """Raises ConfigurationError where a format's library is not installed."""
    if file_format is ExportFormat.PARQUET:
        _imported("pyarrow.parquet")


def write_rows(file_format: ExportFormat, table: ExportTable, parts: Parts, file: BinaryIO) -> int:
    """Writes a whole file and returns how many rows it has. Raises TypeError, ValueError or OverflowError for a value
    that its column does not take."""
    if file_format is ExportFormat.PARQUET:
        return _write_parquet(table, parts, file)
    return _write_csv(table, parts, file)


def _write_parquet(table: ExportTable, parts: Parts, file: BinaryIO, **options: Any) -> int:
    arrow, parquet = _imported("pyarrow"), _imported("pyarrow.parquet")
    types = [_arrow_type(arrow, column.type) for column in table.columns]
    schema = arrow.schema(list(zip(table.names, types, strict=True)))
    order = parquet.SortingColumn.from_ordering(schema, [(name, "ascending") for name in table.sorted_by])
    count = 0
    with parquet.ParquetWriter(file, schema, compression="zstd", sorting_columns=order, **options) as writer:
        for rows in parts:
            columns = zip(*rows, strict=True) if rows else [()] * len(types)
            arrays = [arrow.array(values, type=kind) for values, kind in zip(columns, types, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            count += len(rows)
    return count


def _arrow_type(arrow: Any, kind: ExportType) -> Any:
    if kind is ExportType.TIME:
        return arrow.timestamp("us", tz="UTC")
    return {
        ExportType.INTEGER: arrow.int64(),
        ExportType.DOUBLE: arrow.float64(),
        ExportType.TEXT: arrow.string(),
        ExportType.BOOLEAN: arrow.bool_(),
    }[kind]


def _write_csv(table: ExportTable, parts: Parts, file: BinaryIO) -> int:
    """RFC 4180 with line feeds. Text is always quoted, so that an empty text is not taken for null."""
    forms = [_CELLS[column.type] for column in table.columns]
    file.write((",".join(table.names) + "\n").encode())
    count = 0
    for rows in parts:
        lines = [
            ",".join("" if value is None else form(value) for form, value in zip(forms, row, strict=True))
            for row in rows
        ]
        file.write("".join(f"{line}\n" for line in lines).encode())
        count += len(rows)
    return count


def _quoted(value: Any) -> str:
    text: str = value.replace('"', '""')
    return f'"{text}"'


def _time(value: Any) -> str:
    return from_micros(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


_CELLS: dict[ExportType, Callable[[Any], str]] = {
    ExportType.INTEGER: lambda value: str(int(value)),
    ExportType.DOUBLE: lambda value: repr(float(value)),
    ExportType.TEXT: _quoted,
    ExportType.BOOLEAN: lambda value: "true" if value else "false",
    ExportType.TIME: _time,
}


def _imported(library: str) -> Any:
    try:
        return import_module(library)
    except ImportError:
        raise ConfigurationError(
            "Parquet needs pyarrow, which is not installed: pip install 'dbt-gateway[dataframes]', or use --format csv."
        ) from None

"""Reads an export back, by pyarrow alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.archive.exports.columns import EXPORT_TABLES, ExportTable, Partitions

arrow = pytest.importorskip("pyarrow", reason="the extra dataframes is not installed")
csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

TYPES = {
    "int64": arrow.int64(),
    "double": arrow.float64(),
    "string": arrow.string(),
    "bool": arrow.bool_(),
    "timestamp[us, tz=UTC]": arrow.timestamp("us", tz="UTC"),
}
Row = dict[str, Any]


def schema_of(table: ExportTable) -> Any:
    """The schema that the documented columns come to."""
    return arrow.schema([(column.name, TYPES[column.type.value]) for column in table.columns])


def files_of(folder: Path, table: ExportTable) -> list[Path]:
    """The files of a table."""
    return sorted((folder / table.name).rglob("part.*"))


def read_file(path: Path, table: ExportTable) -> Any:
    """A file as an Arrow table."""
    if path.suffix == ".parquet":
        return parquet.ParquetFile(path).read()
    types = {column.name: TYPES[column.type.value] for column in table.columns}
    convert = csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    return csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=convert)


def read_rows(folder: Path, table: ExportTable) -> list[Row]:
    """All rows of a table, with what the names of its folders say."""
    rows = []
    for path in files_of(folder, table):
        place: Row = {}
        for part in path.parent.relative_to(folder / table.name).parts:
            name, _, value = part.partition("=")
            place[name] = int(value) if name == "environment_id" else value
        if place.get("month") == "__HIVE_DEFAULT_PARTITION__":
            place["month"] = None
        assert set(place) == set(filter(None, table.partitions.value.split(", "))), path
        rows += [{**row, **place} for row in read_file(path, table).to_pylist()]
    return rows


def all_rows(folder: Path) -> dict[str, list[Row]]:
    """The rows of every table."""
    return {table.name: read_rows(folder, table) for table in EXPORT_TABLES}


def in_order(rows: list[Row]) -> list[Row]:
    """Rows in an order of their own, whatever their table."""
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


MONTHLY = tuple(table for table in EXPORT_TABLES if table.partitions is Partitions.MONTHS)

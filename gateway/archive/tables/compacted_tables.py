"""Tables of the columnar tier: the months whose results were moved from `results` to a file each.

A row of `results` always counts. A row of a file counts if its command is in the archive and marked `compacted`; where
`results` has one with the same key, the two are one. So whatever interrupts a compaction loses and doubles nothing.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from gateway.archive.tables.run_tables import metadata

# `month` counts from January of year 0. `path`: within the folder. `digest`: BLAKE2b of the whole file, 16 bytes.
compacted_months = Table(
    "compacted_months",
    metadata,
    Column("environment_id", BigInteger, primary_key=True, autoincrement=False),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# One row at most: the folder of the files, relative to that of an SQLite archive where it lies beside it.
columnar_folder = Table("columnar_folder", metadata, Column("path", Text, primary_key=True))

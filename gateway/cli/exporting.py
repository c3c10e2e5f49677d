"""`gateway export`: writes an archive as Parquet or CSV files."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path

from gateway.archive.exports.export import export_archive
from gateway.archive.exports.file_formats import ExportFormat
from gateway.cli.data_source import opened
from gateway.cli.terminal import ProgressLine, complain, counted, say
from gateway.errors import ConfigurationError

_LONG_WORK = 100  # files; fewer are written in a moment


def export(options: argparse.Namespace) -> int:
    """`gateway export`. Raises ConfigurationError where the archive cannot be read or the folder not be written."""
    folder = _folder(options.to)
    line = ProgressLine("Exporting files")

    def show(done: int, total: int) -> None:
        if total >= _LONG_WORK:
            line.show(done, total)

    with opened(options.store, create=False) as archive:
        try:
            report = export_archive(archive, folder, ExportFormat(options.format), now=datetime.now(UTC), progress=show)
        finally:
            line.finish()
    if report.kept:
        complain(
            f"{counted(len(report.kept), 'file')} of past months kept, because the archive has forgotten runs that are "
            f"in them: {report.kept[0]}{' …' if len(report.kept) > 1 else ''}"
        )
    written = f"{counted(report.written, 'file')} written with {counted(report.rows, 'row')}"
    say(f"{folder}: {written}, {report.unchanged:,} unchanged.")
    return 0


def _folder(text: str) -> Path:
    if not text or re.match(r"[A-Za-z][\w+.-]*://", text):
        raise ConfigurationError(
            f"{text!r} is no folder: export to a folder on a disk, then copy it, for example with `aws s3 sync`."
        )
    return Path(text)

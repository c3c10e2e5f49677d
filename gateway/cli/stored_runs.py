"""The commands that store runs in an archive, and keep what is derived of them."""

from __future__ import annotations

import argparse
import signal
import threading
from datetime import UTC, datetime, timedelta

from gateway.archive.archive import Archive
from gateway.archive.changes_upkeep import look_at_everything
from gateway.archive.compaction import compact
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.rollups.upkeep import rebuild
from gateway.cli.data_source import opened, read_folder, tell_problems
from gateway.cli.scheduled import given_facts
from gateway.cli.terminal import ProgressLine, complain, counted, describe, say
from gateway.errors import ConfigurationError, UnreadableArtifact
from gateway.ingest.folders import IngestReport
from gateway.ingest.layout import Problem
from gateway.ingest.watching import watch_folder


def ingest(options: argparse.Namespace) -> int:
    """`gateway ingest`: reads a folder once, or watches it."""
    with opened(options.store) as archive:
        if options.watch is not None:
            _watch(archive, options)
            return 0
        report = _ingest_once(archive, options)
    if report.problems and not (report.runs or report.unchanged):
        raise UnreadableArtifact(f"{options.folder} holds no run that could be read; see the lines above.")
    return 0


def _ingest_once(archive: Archive, options: argparse.Namespace) -> IngestReport:
    report = read_folder(archive, options.folder, keep_raw=options.keep_raw, given_facts=given_facts(options))
    say(f"{options.folder}: {counted(report.runs, 'run')} stored, {report.unchanged:,} already stored.")
    _forget(archive, options)
    say(f"The archive contains {describe(archive.describe())}.")
    return report


def _forget(archive: Archive, options: argparse.Namespace) -> None:
    if options.keep_days is None and options.keep_runs is None:
        return
    age = None if options.keep_days is None else timedelta(days=options.keep_days)
    forgotten = forget_old_runs(archive, Retention(age, options.keep_runs))
    if forgotten.runs:
        files = f" and {counted(forgotten.files, 'file')} of compacted months" if forgotten.files else ""
        say(f"{counted(forgotten.runs, 'run')} deleted with {counted(forgotten.results, 'result')}{files}.")
    for note in forgotten.notes:
        complain(note)


def _watch(archive: Archive, options: argparse.Namespace) -> None:
    reported: tuple[Problem, ...] = ()
    try:
        reported = _ingest_once(archive, options).problems
    except (UnreadableArtifact, ConfigurationError) as failed:
        complain(f"not yet: {failed.message}")
    say(f"Watching {options.folder} every {options.watch} s; Ctrl-C ends it.")
    stop = threading.Event()

    def tell(report: IngestReport) -> None:
        tell_problems(report)
        if report.runs:
            say(f"{options.folder}: {counted(report.runs, 'run')} stored.")
            try:
                _forget(archive, options)
            except ConfigurationError as busy:
                complain(f"not forgotten yet: {busy.message}")

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    facts = given_facts(options)
    watch_folder(
        archive,
        options.folder,
        stop,
        tell,
        options.watch,
        keep_raw=options.keep_raw,
        reported=reported,
        given_facts=facts,
    )


def maintain(options: argparse.Namespace) -> int:
    """`gateway archive ACTION`."""
    return compact_months(options) if options.action == "compact" else rebuild_rollups(options)


def compact_months(options: argparse.Namespace) -> int:
    """`gateway archive compact`. Exit code 1 where a month was left as it was."""
    line = ProgressLine("Compacting months")
    with opened(options.store, create=False) as archive:
        try:
            report = compact(
                archive,
                now=datetime.now(UTC),
                folder=options.to,
                keep_months=options.keep_months,
                progress=line.show,
            )
        finally:
            line.finish()
    for reason in report.left:
        complain(f"not compacted: {reason}")
    rows = counted(report.rows, "result")
    say(f"{counted(report.months, 'file')} written, {report.bytes:,} bytes; {rows} moved there.")
    return 1 if report.left else 0


def rebuild_rollups(options: argparse.Namespace) -> int:
    """`gateway archive rebuild-rollups`."""
    with opened(options.store, create=False) as archive:
        line = ProgressLine("Making roll-ups anew, resources")
        try:
            with archive.writing() as connection:
                resources = rebuild(connection, line.show)
        finally:
            line.finish()
        series = look_at_everything(archive)
        say(f"The roll-ups of {counted(resources, 'resource')} were recomputed from {describe(archive.describe())}.")
        say(f"{series:,} series of runtimes were analysed again for lasting changes.")
    return 0

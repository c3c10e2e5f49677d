"""`gateway mirror`: brings dbt Cloud's finished runs into an archive, once or again and again."""

from __future__ import annotations

import argparse
import asyncio

from gateway.archive.leases import LeaseLost
from gateway.archive.tables.mirror_tables import MirrorOutcome
from gateway.cli.lifeline import end_with_starter
from gateway.cli.terminal import complain, counted, say
from gateway.errors import ConfigurationError, GatewayError, UpstreamError
from gateway.mirror.mirror import Mirror, MirrorProgress
from gateway.mirror.run_mirroring import MirrorReport
from gateway.settings import Settings, load_settings
from gateway.wiring.mirroring import open_mirror

_TOLD = {
    MirrorOutcome.WHOLE: "stored",
    MirrorOutcome.PARTIAL: "stored in part",
    MirrorOutcome.DISCOVERED: "stored from Discovery",
    MirrorOutcome.EMPTY: "left nothing",
    MirrorOutcome.UNREAD: "not read yet",
}


def mirror(options: argparse.Namespace) -> int:
    """`gateway mirror`. Raises GatewayError where dbt cannot be asked at all."""
    settings = load_settings({} if options.days is None else {"mirror_days": options.days})
    kept = settings.archive_url.get_secret_value() if settings.archive_url else None
    store = options.store or kept
    if store is None:
        raise ConfigurationError("Name the archive to mirror into: --store URL, or GATEWAY_ARCHIVE_URL.")
    if options.until_stdin_closes:
        end_with_starter()
    asyncio.run(_mirror(settings, store, options))
    return 0


async def _mirror(settings: Settings, store: str, options: argparse.Namespace) -> None:
    async with open_mirror(
        settings, store, keep_raw=options.keep_raw, again=options.again, tell=_tell_progress
    ) as opened:
        if options.watch is None:
            async with opened.lease.held(_tell_waiting):
                _tell(settings, await opened.sweep())
            return
        while True:
            await _watch(settings, opened, options.watch)


async def _watch(settings: Settings, opened: Mirror, seconds: float) -> None:
    """Mirrors until another process takes over, then waits for its turn again."""
    try:
        async with opened.lease.held(_tell_waiting):
            while True:
                try:
                    _tell(settings, await opened.sweep(), is_first=False)
                except UpstreamError as failure:
                    complain(f"not mirrored now: {failure.code}: {failure.message}")
                await opened.wait(seconds)
    except LeaseLost:
        complain("another process mirrors this account now.")
    except GatewayError as failure:
        complain(f"not mirrored now: {failure.message}")
        await asyncio.sleep(seconds)


def _tell(settings: Settings, report: MirrorReport, *, is_first: bool = True) -> None:
    for run_id, reason in report.problems:
        complain(f"run {run_id}: {reason}")
    counts = [
        f"{counted(report.outcomes[outcome], 'run')} {words}"
        for outcome, words in _TOLD.items()
        if report.outcomes[outcome]
    ]
    if counts or is_first:
        results = f" with {counted(report.results, 'result')}" if report.results else ""
        say(f"dbt Cloud account {settings.account_id}: {', '.join(counts) or 'nothing new'}{results}.")


def _tell_progress(progress: MirrorProgress) -> None:
    of = "" if progress.listed is None else f" of {progress.listed:,}"
    until = "" if progress.until is None else f", back to {progress.until[:16]}"
    complain(f"Mirroring runs: {progress.done:,}{of}{until}")


def _tell_waiting() -> None:
    complain("another process mirrors this account; waiting for its turn to end.")

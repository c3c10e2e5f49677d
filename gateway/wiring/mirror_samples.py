"""How the mirror of dbt Cloud stands, as figures for `/metrics`: read from its archive, whichever process mirrors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from gateway.archive.mirrored_runs import MirrorFigures, mirror_figures
from gateway.archive.reader import Reader
from gateway.errors import GatewayError
from gateway.telemetry.samples import Sample, SampleKind

_RUNS = SampleKind(
    "gateway_mirror_runs", "Runs that the mirror has read, by outcome and cause.", ("outcome", "cause"), "livemax"
)
_REMAINING = SampleKind("gateway_mirror_runs_remaining", "Runs that the first pass has not reached.", (), "livemax")
_SWEPT_AT = SampleKind(
    "gateway_mirror_last_pass_timestamp_seconds", "When the mirror last ended a pass.", (), "livemax"
)
_REQUESTS = SampleKind("gateway_mirror_requests", "Requests to dbt that the mirror has made.", (), "livemax")

_SECONDS = 15.0

log = logging.getLogger(__name__)


class MirrorSamples:
    """Looks every 15 seconds while `follow` runs; shows nothing where nobody ever mirrored the account."""

    def __init__(self, archive: Reader, account_id: int, seconds: float = _SECONDS) -> None:
        self._archive = archive
        self._account_id = account_id
        self._seconds = seconds
        self._figures: MirrorFigures | None = None

    async def follow(self) -> None:
        """Looks again and again. What was read last stays where the archive cannot be read."""
        while True:
            try:
                self._figures = await self._archive.read(
                    lambda connection: mirror_figures(connection, self._account_id)
                )
            except GatewayError as failure:
                log.debug("the mirror's figures cannot be read now: %s", failure)
            await asyncio.sleep(self._seconds)

    def samples(self) -> Iterator[Sample]:
        """The figures as they were read last."""
        figures = self._figures
        if figures is None:
            return
        for (outcome, cause), count in figures.runs.items():
            yield Sample(_RUNS, count, (outcome, cause))
        yield Sample(_REQUESTS, figures.requests)
        if figures.remaining is not None:
            yield Sample(_REMAINING, figures.remaining)
        if figures.swept_at is not None:
            yield Sample(_SWEPT_AT, figures.swept_at / 1_000_000)

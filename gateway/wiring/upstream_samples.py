"""How dbt, the caches and Redis stand, as figures for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.services.bundle import Services
from gateway.services.resilience.api_status import ApiStatus
from gateway.telemetry.samples import ReadSamples, Sample, SampleKind

_CALLS = SampleKind("gateway_upstream_calls", "Calls to dbt, by what came of them.", ("api", "outcome"))
_WITHHELD = SampleKind("gateway_upstream_withheld", "Calls to dbt that were not made, by code.", ("api", "code"))
_RETRIES = SampleKind("gateway_upstream_retries", "Calls to dbt that repeated a failed one.", ("api",))
_BREAKER = SampleKind("gateway_upstream_breaker", "0: closed, 1: half-open, 2: open.", ("api",), "livemax")
_TOKENS = SampleKind("gateway_upstream_requests_left", "Requests that may go to dbt at once.", ("api",), "livemin")
_CLOSED = SampleKind(
    "gateway_upstream_closed_seconds", "Until dbt may be asked again after a 429.", ("api",), "livemax"
)
_WAITING = SampleKind("gateway_upstream_waiting", "Calls that wait for their turn in the budget.", ("api",), "livesum")
_LOOKUPS = SampleKind("gateway_cache_tier_lookups", "Facts looked up in each tier of the cache.", ("tier", "found"))
_JOINED = SampleKind("gateway_shared_flights", "Facts waited for that somebody else was reading already.")
_STALE = SampleKind("gateway_stale_facts", "Facts in answers although they may be out of date, by reason.", ("reason",))
_BYTES = SampleKind("gateway_cache_bytes", "Estimated bytes of the facts in memory.", (), "livesum")
_FACTS = SampleKind("gateway_cache_facts", "Facts in memory.", (), "livesum")
_REDIS = SampleKind("gateway_cache_redis_up", "1 when Redis answered when it was last asked, else 0.", (), "livemin")

_BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


def samples_of(services: Callable[[], Services], others: Callable[[], Iterable[ReadSamples]] = tuple) -> ReadSamples:
    """Reads the figures of the running services and of `others`; none before the start and after the end."""

    def read() -> Iterator[Sample]:
        try:
            running = services()
        except GatewayError:
            return
        status = running.upstream_status()
        yield from _of_line("discovery", status.discovery)
        yield from _of_line("admin", status.admin)
        yield from _of_caches(running.tiers)
        for read_samples in others():
            yield from read_samples()

    return read


def _of_line(api: str, line: ApiStatus) -> Iterator[Sample]:
    for outcome, count in line.sent.items():
        yield Sample(_CALLS, count, (api, outcome))
    for code, count in line.short_circuited.items():
        yield Sample(_WITHHELD, count, (api, code))
    yield Sample(_RETRIES, line.retries, (api,))
    yield Sample(_BREAKER, _BREAKER_STATES[line.breaker], (api,))
    yield Sample(_CLOSED, line.closed_seconds, (api,))
    yield Sample(_WAITING, line.waiting, (api,))
    if line.tokens_left is not None:
        yield Sample(_TOKENS, line.tokens_left, (api,))


def _of_caches(tiers: Tiers) -> Iterator[Sample]:
    counts = tiers.counts
    for word, outcome in (("true", counts.hits), ("false", counts.misses)):
        for tier, count in outcome.items():
            yield Sample(_LOOKUPS, count, (tier, word))
    for reason, count in counts.stale.items():
        yield Sample(_STALE, count, (reason,))
    yield Sample(_JOINED, counts.joined)
    yield Sample(_BYTES, tiers.memory.bytes)
    yield Sample(_FACTS, len(tiers.memory))
    if tiers.shared is not None:
        yield Sample(_REDIS, float(tiers.shared.link.answers))

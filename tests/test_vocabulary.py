"""Words that the code must not use for things that have a standard name (README, "How it is built")."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(path for room in ("gateway", "tests", "benchmarks") for path in (ROOT / room).rglob("*.py"))

# The private word, and the name that the field gives the thing.
STANDARD = {
    "at_hand": "only_if_cached",
    "NotAtHand": "NotCached",
    "only_at_hand": "is_only_if_cached",
    "ensure_may_ask": "ensure_may_fetch",
    "Belief": "Validity",
    "Tolerance": "StalePolicy",
    "Recalled": "DerivedCache",
    "LastingAnswer": "CacheValidator",
    "Seal": "Signer",
    "Packing": "Codec",
    "RedisLink": "RedisClient",
    "Wire": "HttpTransport",
    "HttpWire": "AiohttpTransport",
    "AsgiWire": "AsgiTransport",
    "DisciplinedWire": "ResilientTransport",
    "DisciplinePolicy": "ResiliencePolicy",
    "News": "Invalidation",
    "Changes": "EventBus",
    "ModelsAhead": "Prefetcher",
    "GateLimits": "QueryLimits",
    "Figures": "QuerySize",
    "Turns": "AdaptiveConcurrencyLimit",
    "Slots": "ConnectionLimiter",
    "Hall": "WebSocketContext",
    "Conversation": "TransportWsHandler",
    "Front": "RawHook",
    "Failsafe": "ErrorMiddleware",
    "Figure": "Sample",
    "Observation": "RequestRecord",
    "ShownFigures": "SampleCollector",
    "Asking": "FieldContext",
    "Begun": "RequestScope",
    "Heard": "SubscriptionSource",
    "Surroundings": "Dependencies",
    "STEPPED_BACK": "FALLBACK",
    "Unlike": "Unsupported",
    "KeptRows": "RowCache",
    "Lru": "BoundedMap",
    "outdate": "invalidate",
    "judge": "validate",
}


def names(path: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_things_that_have_a_standard_name_are_called_by_it(path: Path) -> None:
    private = {name: STANDARD[name] for name in names(path) & STANDARD.keys()}
    assert not private, f"use the standard names: {private}"

"""Words that the code must not use for things that have a standard name, and one name for one thing (README, "How it
is built")."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import defaultdict
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
    "packing": "codec",
    "tolerance": "stale_policy",
    "ReadFigures": "ReadSamples",
    "figures_of": "samples_of",
    "is_passing": "is_transient",
    "judge": "validate",
}

# Classes that several modules define under one name, because they are one thing: why, and which.
ONE_THING = {
    "an object of the hierarchy, and its face in GraphQL or in the Python library": {
        *{"Account", "Project", "Model", "Job", "Run", "ModelRun", "ModelTest", "Owner", "RunStatus", "RunStep"},
        *{"RunTrigger", "Source", "SourceFreshness", "JobAverage", "ModelAverage", "RuntimeReport"},
    },
    "a filter, as it is asked for and as it is applied": {
        *{"HistoryScope", "JobFilter", "ModelFilter", "ProjectFilter", "RunFilter", "SearchFilter"},
    },
    "the library's paths of import are its users'": {
        *{"BaseQuery", "EnvironmentService", "JobService", "ModelService", "ConfigurationError", "UpstreamError"},
    },
    "of GraphQL's connections: dbt's and ours": {"Edge", "PageInfo"},
    "where the data come from, for a command and for the library": {"DataSource"},
    "an environment: dbt's record of it, and what we make of it": {"Environment"},
    "why a command's times say little: the archive, which knows no hierarchy, stores the values": {"Variant"},
}


# Names that say nothing of what they hold, and the modules that are free of them. Others follow: add them here.
VAGUE = {"one", "found", "given", "wanted", "told"}
PLAIN = {
    "caching/shared_reading.py",
    "concurrency/background_tasks.py",
    "concurrency/bounded_map.py",
    "hierarchy/filter_text.py",
    "http/limits/cost_model.py",
    "http/request/parameters.py",
    "http/streaming/part_encoding.py",
    "ingest/zip_members.py",
    "loading/project_map.py",
    "local_platform/discovery/reading.py",
    "schema/core_schema.py",
    "schema/inputs.py",
    "schema/orders.py",
    "services/models/model_pages.py",
}


def names(path: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_things_that_have_a_standard_name_are_called_by_it(path: Path) -> None:
    private = {name: STANDARD[name] for name in names(path) & STANDARD.keys()}
    assert not private, f"use the standard names: {private}"


@pytest.mark.slow
def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    repeated = {name: sorted(paths) for name, paths in places.items() if len(set(paths)) > 1}
    explained = set().union(*ONE_THING.values())
    unexplained = {name: paths for name, paths in repeated.items() if name not in explained}
    assert not unexplained, f"give different things different names: {unexplained}"
    assert explained <= repeated.keys(), f"these occur once: {explained - repeated.keys()}"


@pytest.mark.parametrize("module", sorted(PLAIN))
def test_names_say_what_they_hold(module: str) -> None:
    assert not names(ROOT / "gateway" / module) & VAGUE

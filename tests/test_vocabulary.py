"""Words that the code must not use for things that have a standard name, and one name for one thing (README, "How it
is built")."""

from __future__ import annotations

import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

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
        *{"RuntimeSeries", "RuntimePoint", "RuntimeSegment", "RuntimeTrend", "ChangePoint", "Basis"},
        *{"NodeResult", "NodeResultFilter", "NodeRun", "RunFailure", "TestRun", "StatusCount"},
        *{"Resource", "ResourceFilter", "OtherResource", "Seed", "Snapshot", "Exposure", "Column"},
        *{"LineageLink", "LineageResource", "ModelLineage"},
        *{"Timeline", "TimelineBar", "ObservedChain", "IdleTime", "Blocker", "WeightedSeconds", "WhatIf"},
        *{"OftenCritical", "RunMatrix", "RunMatrixRow", "Flaky", "Incident"},
        *{"NodeDifference", "RunComparison", "WastedBuild", "WastedBuilds", "ReuseReport", "CostEstimate"},
        *{"Concurrency", "ConcurrencyBucket", "JobConcurrency", "SharedModel", "DeadlineReport"},
        *{"PullRequestReport", "ModelChange", "SecondsChange"},
    },
    "what analysis computes of plain rows, and the same of the hierarchy's objects": {
        *{"ChainLink", "CriticalPath", "Utilization"},
    },
    "a change of a run, as it is asked for and as it is applied": {"SpeedUp", "WhatIfChange"},
    "a filter, as it is asked for and as it is applied": {
        *{"HistoryScope", "JobFilter", "ModelFilter", "ProjectFilter", "RunFilter", "SourceFilter", "SearchFilter"},
    },
    "the library's paths of import are its users'": {
        *{"BaseQuery", "EnvironmentService", "JobService", "ModelService", "ConfigurationError", "UpstreamError"},
    },
    "GraphQL's page information: dbt's and ours": {"PageInfo"},
    "rows of a run, as the platform serves them and as the services read them": {"RunNode", "RunNodes"},
    "where the data come from, for a command and for the library": {"DataSource"},
    "an environment: dbt's record of it, and what we make of it": {"Environment"},
    "why a command's times say little: the archive, which knows no hierarchy, stores the values": {"Variant"},
}


# Names that say nothing of what they hold.
VAGUE = {"one", "found", "given", "wanted", "told", "criteria"}
# Words of dbt, the criteria of a source's freshness and what a unit test is given, and SQLAlchemy's `one()`.
OTHERS_WORDS = {
    "archive/artifacts/artifact_files.py": {"criteria", "given"},
    "archive/archive.py": {"one"},
    "archive/writing/fact_rows.py": {"criteria"},
    "archive/writing/run_rows.py": {"one"},
    "local_platform/discovery/": {"criteria", "given"},
    "services/resources/source_service.py": {"criteria"},
    "services/rows/discovery_types.py": {"criteria"},
}


def names_among(words: Collection[str], path: Path) -> set[str]:
    """Those of the words that are names in a module, and not only words of its texts and comments."""
    text = path.read_text("utf-8")
    if not re.search(rf"\b({'|'.join(words)})\b", text):
        return set()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}.intersection(words)


def test_things_that_have_a_standard_name_are_called_by_it() -> None:
    private = {path.relative_to(ROOT).as_posix(): names_among(STANDARD.keys(), path) for path in CODE}
    faults = [f"{path}: {name}, better {STANDARD[name]}" for path, names in private.items() for name in sorted(names)]
    assert not faults, "use the standard names:\n" + "\n".join(faults)


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in (ROOT / "gateway").rglob("*.py"):
        for name in re.findall(r"^ *class (\w+)[(:\[]", path.read_text("utf-8"), re.MULTILINE):
            places[name].append(str(path.relative_to(ROOT)))
    repeated = {name: sorted(paths) for name, paths in places.items() if len(set(paths)) > 1}
    explained = set().union(*ONE_THING.values())
    unexplained = {name: paths for name, paths in repeated.items() if name not in explained}
    assert not unexplained, f"give different things different names: {unexplained}"
    assert explained <= repeated.keys(), f"these occur once: {explained - repeated.keys()}"


def test_names_say_what_they_hold() -> None:
    package = ROOT / "gateway"
    vague = {}
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        allowed = set().union(*(words for place, words in OTHERS_WORDS.items() if name.startswith(place)))
        if names := names_among(VAGUE, path) - allowed:
            vague[name] = names
    assert not vague, f"names that say nothing of what they hold: {vague}"

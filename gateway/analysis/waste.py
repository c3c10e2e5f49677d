"""Builds that changed nothing: the same code, over inputs that stood still since the last success."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

Parents = Mapping[str, Sequence[str]]
"""Of each node of a manifest the unique ids of its direct parents."""


class WasteCertainty(StrEnum):
    """How sure it is that a build changed nothing."""

    CERTAIN = "CERTAIN"
    LIKELY = "LIKELY"
    CONCURRENT = "CONCURRENT"


@dataclass(frozen=True, slots=True)
class Build:
    """One successful build of a model, seed or snapshot. Seconds since any one moment, the same for all.

    `code`: equal for builds of equal code, None where it is not known; `manifest`: by which of the manifests
    it was built, None for a command that left none. `refresh`: somebody asked for it to be built from nothing.
    """

    unique_id: str
    run_id: int
    start: float
    end: float
    code: object
    manifest: int | None
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a freshness check of a source reported: `max_loaded_at` is the time of its newest row, in seconds."""

    unique_id: str
    time: float
    max_loaded_at: float


def wasted_builds(
    builds: Sequence[Build], manifests: Mapping[int, Parents], checks: Sequence[SourceCheck]
) -> list[WasteCertainty | None]:
    """Of each build how sure it is that it changed nothing; None where it may have changed something.

    A build changed nothing if its code is that of the resource's last success, the one that started last before it, and
    no input changed since that started. An ancestor changed where it was built since, unless that build changed nothing
    for certain. A source moved where the last check before each of both builds reports another newest row.

    CERTAIN: all sources upstream have a check before each of both builds, and stood still. LIKELY: some have none.
    CONCURRENT: the last success is of another run and had not ended; its inputs are not looked at. Whatever is not
    CERTAIN counts as a change for what is downstream. The first build of a resource, one with unknown code or manifest,
    and one that somebody asked to be made from nothing are never wasted.
    """
    ancestors = _Ancestors(manifests)
    readings = _Readings(checks)
    certainties: list[WasteCertainty | None] = [None] * len(builds)
    last: dict[str, Build] = {}
    changes = _Changes()
    for place in _in_order(builds, ancestors):
        build = builds[place]
        before = last.get(build.unique_id)
        if before is not None:
            certainties[place] = _certainty(build, before, ancestors, changes, readings.moved)
        last[build.unique_id] = build
        if certainties[place] is not WasteCertainty.CERTAIN:
            changes.add(build)
    return certainties


def _certainty(
    build: Build,
    before: Build,
    ancestors: _Ancestors,
    changes: _Changes,
    moved: Callable[[str, float, float], bool | None],
) -> WasteCertainty | None:
    if build.refresh or build.code is None or build.code != before.code or build.manifest is None:
        return None
    if before.end > build.start and before.run_id != build.run_id:
        return WasteCertainty.CONCURRENT
    if changes.newest > before.start and any(changes.of(ancestor) > before.start for ancestor in ancestors.of(build)):
        return None
    sources = {moved(source, before.start, build.start) for source in ancestors.sources_of(build)}
    if True in sources:
        return None
    return WasteCertainty.LIKELY if None in sources else WasteCertainty.CERTAIN


def _in_order(builds: Sequence[Build], ancestors: _Ancestors) -> list[int]:
    """The places of builds by start; of those that start together ancestors come first, which have fewer themselves."""

    def key(place: int) -> tuple[float, int, str, int]:
        build = builds[place]
        return build.start, len(ancestors.of(build)), build.unique_id, build.run_id

    return sorted(range(len(builds)), key=key)


class _Changes:
    """When the last build of each resource ended that may have changed something. `newest`: the last of all; where
    nothing at all changed, nobody's ancestors are looked through."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self.newest = -inf

    def add(self, build: Build) -> None:
        """Notes a build that may have changed something."""
        self._ends[build.unique_id] = max(build.end, self.of(build.unique_id))
        self.newest = max(self.newest, build.end)

    def of(self, unique_id: str) -> float:
        """The end of the last such build of a resource."""
        return self._ends.get(unique_id, -inf)


class _Ancestors:
    """All that the nodes of manifests are built from, directly or through others; each node is walked once."""

    def __init__(self, manifests: Mapping[int, Parents]) -> None:
        self._manifests = manifests
        self._known: dict[tuple[int | None, str], tuple[str, ...]] = {}
        self._sources: dict[tuple[int | None, str], tuple[str, ...]] = {}

    def of(self, build: Build) -> tuple[str, ...]:
        """The ancestors of what was built, nothing without a manifest; one in a circle is not its own."""
        key = (build.manifest, build.unique_id)
        if key not in self._known:
            self._known[key] = self._walk(*key)
        return self._known[key]

    def sources_of(self, build: Build) -> tuple[str, ...]:
        """The sources among them."""
        key = (build.manifest, build.unique_id)
        if key not in self._sources:
            self._sources[key] = tuple(ancestor for ancestor in self.of(build) if ancestor.startswith("source."))
        return self._sources[key]

    def _walk(self, manifest: int | None, unique_id: str) -> tuple[str, ...]:
        parents = self._manifests.get(manifest, {}) if manifest is not None else {}
        seen: dict[str, None] = {}
        pending = list(parents.get(unique_id, ()))
        while pending:
            ancestor = pending.pop()
            if ancestor not in seen and ancestor != unique_id:
                seen[ancestor] = None
                pending.extend(parents.get(ancestor, ()))
        return tuple(seen)


class _Readings:
    """The checks of each source in time."""

    def __init__(self, checks: Sequence[SourceCheck]) -> None:
        self._times: dict[str, list[float]] = {}
        self._rows: dict[str, list[float]] = {}
        for check in sorted(checks, key=lambda reading: reading.time):
            self._times.setdefault(check.unique_id, []).append(check.time)
            self._rows.setdefault(check.unique_id, []).append(check.max_loaded_at)

    def moved(self, source: str, before: float, now: float) -> bool | None:
        """Whether a source's newest row changed between two moments; None without a check of its own before each."""
        times = self._times.get(source, [])
        first, second = bisect_right(times, before), bisect_right(times, now)
        if first == 0 or second == first:
            return None
        return self._rows[source][second - 1] != self._rows[source][first - 1]

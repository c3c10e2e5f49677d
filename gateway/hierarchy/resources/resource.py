"""What a dbt project defines beside models and sources, and the graph that all of it makes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import contains_text, ensure_text
from gateway.hierarchy.objects.model import Owner
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.vocabulary.resource_type import ResourceType

MOST_LEVELS = 50
MOST_RESOURCES = 5_000

ALWAYS_SHOWN = (
    ResourceType.MODEL,
    ResourceType.SOURCE,
    ResourceType.SEED,
    ResourceType.SNAPSHOT,
    ResourceType.EXPOSURE,
)
"""The types that a lineage lists where nobody says which."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A resource as an environment defines it, for all callers: what it is called, its tags in dbt's order, and the
    unique ids of its direct parents."""

    unique_id: str
    name: str
    resource_type: ResourceType
    tags: tuple[str, ...]
    parents: tuple[str, ...]


Definitions = Mapping[str, Definition]
"""By unique id, in that order."""


@dataclass(frozen=True, slots=True)
class OtherResource:
    """A resource of one project that is neither a model nor a source."""

    project: Project
    definition: Definition

    @property
    def id(self) -> str:
        """Unique in the account."""
        return f"{self.project.id}/{self.definition.unique_id}"

    @property
    def unique_id(self) -> str:
        return self.definition.unique_id

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def resource_type(self) -> ResourceType:
        return self.definition.resource_type

    @property
    def tags(self) -> tuple[str, ...]:
        return self.definition.tags


class Seed(OtherResource):
    """A CSV file that dbt loads into the warehouse."""

    __slots__ = ()


class Snapshot(OtherResource):
    """A table that keeps the history of rows that change."""

    __slots__ = ()


class Exposure(OtherResource):
    """A dashboard, notebook or application that uses models."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ExposureDetails:
    """What the YAML says of an exposure: its type in dbt's words, where to open it, and who owns it; None where it does
    not say."""

    exposure_type: str | None
    url: str | None
    owner: Owner | None


_CLASSES: Mapping[ResourceType, type[OtherResource]] = {
    ResourceType.SEED: Seed,
    ResourceType.SNAPSHOT: Snapshot,
    ResourceType.EXPOSURE: Exposure,
}


def resource_of(project: Project, definition: Definition) -> OtherResource:
    """A resource of a project, in the class of its type."""
    return _CLASSES.get(definition.resource_type, OtherResource)(project, definition)


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """Criteria of a resource; all of them must match. None is no constraint, an empty one matches nothing. Names are
    compared without case; one of the tags is enough. Raises BadUserInput for an empty text."""

    resource_types: tuple[ResourceType, ...] | None = None
    name_contains: str | None = None
    tags: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        ensure_text("nameContains", self.name_contains)

    @property
    def wanted_types(self) -> frozenset[ResourceType]:
        """The types that have to be read."""
        everything = frozenset(ResourceType)
        return everything if self.resource_types is None else everything & set(self.resource_types)

    def admits(self, definition: Definition) -> bool:
        """Whether a resource matches."""
        if self.resource_types is not None and definition.resource_type not in self.resource_types:
            return False
        if self.name_contains is not None and not contains_text(definition.name, self.name_contains):
            return False
        return self.tags is None or not set(self.tags).isdisjoint(definition.tags)


class LineageDirection(StrEnum):
    """Which way to walk through lineage."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class LineageLink:
    """A dependency between two listed resources. `indirect`: others that are not listed lie between."""

    parent_id: str
    child_id: str
    indirect: bool


@dataclass(frozen=True, slots=True)
class WalkedLineage:
    """What stands around a resource: levels by unique id, nearest first, negative upstream, 0 for the resource itself;
    the links between them, by unique ids; and how many were left out."""

    levels: Mapping[str, int]
    links: tuple[LineageLink, ...]
    left_out: int


def ensure_walk(depth: int, first: int) -> None:
    """Raises BadUserInput for a depth or a length that no lineage has."""
    if not 1 <= depth <= MOST_LEVELS:
        raise BadUserInput(f"depth must be from 1 to {MOST_LEVELS}; it is {depth}.", argument="depth")
    if not 1 <= first <= MOST_RESOURCES:
        raise BadUserInput(f"first must be from 1 to {MOST_RESOURCES}; it is {first}.", argument="first")


@dataclass(frozen=True, slots=True)
class Walk:
    """How to walk from a resource: which way, how far, which types to list, and how many of them."""

    direction: LineageDirection = LineageDirection.BOTH
    depth: int = 1
    types: frozenset[ResourceType] = frozenset(ALWAYS_SHOWN)
    first: int = 500

    def around(self, definitions: Definitions, start: str) -> WalkedLineage:
        """What stands around a resource. The walk passes through what is not listed, and never goes down and up again;
        a level is one dependency, whatever lies on it."""
        parents = {name: definition.parents for name, definition in definitions.items()}
        levels: dict[str, int] = {start: 0}
        if self.direction is not LineageDirection.DOWNSTREAM:
            levels |= {name: -level for name, level in _levels(parents, start).items()}
        if self.direction is not LineageDirection.UPSTREAM:
            levels |= _levels(_children(parents), start)
        known = {name: level for name, level in levels.items() if name in definitions or name == start}
        shown = [name for name in known if name == start or definitions[name].resource_type in self.types]
        near = [name for name in shown if abs(known[name]) <= self.depth]
        near.sort(key=lambda name: (abs(known[name]), known[name], name))
        kept = {name: known[name] for name in near[: self.first]}
        passed = {name for name, level in known.items() if abs(level) <= self.depth} - set(shown)
        return WalkedLineage(kept, tuple(_links(parents, kept, passed)), len(shown) - len(kept))


def _levels(neighbours: Mapping[str, Sequence[str]], start: str) -> dict[str, int]:
    """How many steps lead to each node behind one."""
    levels: dict[str, int] = {}
    level, pending = 0, [start]
    while pending:
        level += 1
        fresh = {
            neighbour
            for name in pending
            for neighbour in neighbours.get(name, ())
            if neighbour not in levels and neighbour != start
        }
        levels.update(dict.fromkeys(fresh, level))
        pending = list(fresh)
    return levels


def _children(parents: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for name, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(name)
    return children


def _links(
    parents: Mapping[str, Sequence[str]], kept: Collection[str], passed: Collection[str]
) -> Iterable[LineageLink]:
    """By child, then by parent."""
    for child in sorted(kept):
        direct = {parent for parent in parents.get(child, ()) if parent in kept}
        seen: set[str] = set()
        pending = [parent for parent in parents.get(child, ()) if parent in passed]
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += [parent for parent in parents.get(name, ()) if parent in passed]
        through = {parent for name in seen for parent in parents.get(name, ()) if parent in kept} - direct
        yield from (LineageLink(parent, child, parent in through) for parent in sorted(direct | through))

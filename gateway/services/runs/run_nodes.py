"""Groups of the nodes that a run has beside its models, each with a list of its own in dbt's API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult, NodeRun, TestRun
from gateway.hierarchy.vocabulary.resource_type import ResourceType


class NodeGroup(StrEnum):
    """What is read at once; `OTHERS` are those that no list of dbt's API holds."""

    TESTS = "tests"
    SEEDS = "seeds"
    SNAPSHOTS = "snapshots"
    SOURCES = "sources"
    EXPOSURES = "exposures"
    OTHERS = "others"


_TYPES: dict[NodeGroup, frozenset[ResourceType]] = {
    NodeGroup.TESTS: frozenset({ResourceType.DATA_TEST, ResourceType.UNIT_TEST}),
    NodeGroup.SEEDS: frozenset({ResourceType.SEED}),
    NodeGroup.SNAPSHOTS: frozenset({ResourceType.SNAPSHOT}),
    NodeGroup.SOURCES: frozenset({ResourceType.SOURCE}),
    NodeGroup.EXPOSURES: frozenset({ResourceType.EXPOSURE}),
}
_TYPES[NodeGroup.OTHERS] = RESULT_TYPES - {ResourceType.MODEL}.union(*_TYPES.values())

NOT_LISTED = _TYPES[NodeGroup.OTHERS] - {ResourceType.UNKNOWN} | {ResourceType.UNIT_TEST}
"""The types that have results in runs of which dbt's API has no list."""


class NodesKey(NamedTuple):
    """One group of the nodes of a run."""

    job_id: int
    run_id: int
    group: NodeGroup


@dataclass(frozen=True, slots=True)
class RunNodes:
    """The nodes of a group that a run touched: `tests` of a group of tests, else `others`; ordered by unique id.
    `ingested` is False while (or when) there is no metadata of the run."""

    ingested: bool
    tests: tuple[TestRun, ...] = ()
    others: tuple[NodeRun, ...] = ()

    @property
    def nodes(self) -> Sequence[NodeRun]:
        """All of them."""
        return self.tests or self.others


@dataclass(frozen=True, slots=True)
class EndedResults:
    """What failed, or was skipped, in a run, of every type; each part by unique id. `ingested` as in RunNodes."""

    ingested: bool
    models: tuple[ModelRun, ...] = ()
    tests: tuple[TestRun, ...] = ()
    others: tuple[NodeRun, ...] = ()

    @property
    def results(self) -> tuple[NodeResult, ...]:
        """All of them."""
        return (*self.models, *self.tests, *self.others)


class NodeInRun(NamedTuple):
    """One node in one run."""

    job_id: int
    run_id: int
    unique_id: str


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """How a node ended in a run, in dbt's word; None where the run did not touch it. `ingested` as in RunNodes."""

    word: str | None
    ingested: bool


def nodes_of_run(read_nodes: Iterable[NodeRun | None], *, ingested: bool) -> RunNodes:
    """Those that were touched, in order; of two of one name the last."""
    by_unique_id = {node.unique_id: node for node in read_nodes if node is not None}
    nodes = [by_unique_id[unique_id] for unique_id in sorted(by_unique_id)]
    tests = tuple(node for node in nodes if isinstance(node, TestRun))
    return RunNodes(ingested, tests, tuple(node for node in nodes if not isinstance(node, TestRun)))


def groups_of(types: Iterable[ResourceType]) -> list[NodeGroup]:
    """The groups that hold these types; none holds models."""
    wanted_types = frozenset(types)
    return [group for group, held in _TYPES.items() if held & wanted_types]


def group_of(resource_type: ResourceType) -> NodeGroup:
    """The group of a type that is no model."""
    return next((group for group, held in _TYPES.items() if resource_type in held), NodeGroup.OTHERS)

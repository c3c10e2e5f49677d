"""What a run skipped because of what: from the dependencies of its resources, as they were in that run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.hierarchy.vocabulary.status import RunStatus

Parents = Mapping[str, tuple[str, ...]]
"""The direct parents of resources, by unique id."""

_BEFORE_ALL = "-on-run-start-"


@dataclass(slots=True)
class Skipping:
    """The skipped results of a run and what leads to them.

    A resource is skipped when something it is built from failed or was skipped, or when a test of that failed; a
    model too when a unit test of its own failed. What left no result in the run, as ephemeral models do, is looked
    through. A skipped resource counts for every failure that leads to it.
    """

    results: Mapping[str, NodeResult]  # at least those that failed or were skipped, and of what `parents` holds
    parents: Parents
    _below: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._below = {}
        for unique_id, parents in self.parents.items():
            for parent in parents:
                self._below.setdefault(parent, []).append(unique_id)

    @classmethod
    def of(cls, results: Iterable[NodeResult], parents: Parents) -> Skipping:
        """What a run skipped, of its results."""
        return cls({result.unique_id: result for result in results}, parents)

    def because_of(self, failed: NodeResult) -> tuple[NodeResult, ...]:
        """What was skipped because of a failed result, nearest first, then by unique id."""
        if failed.resource_type is ResourceType.OPERATION:
            return self._by_a_hook(failed)
        causes: list[NodeResult] = []
        seen = {failed.unique_id}
        level = self._next_to(failed)
        while level:
            fresh = sorted({node for node in level if node not in seen and self._is_skipped_or_untold(node)})
            seen.update(fresh)
            causes += [self.results[node] for node in fresh if node in self.results]
            level = [child for node in fresh for child in self._below.get(node, ())]
        return tuple(causes)

    def _next_to(self, failed: NodeResult) -> Collection[str]:
        if failed.resource_type is ResourceType.UNIT_TEST:
            return self.parents.get(failed.unique_id, ())
        if failed.resource_type is ResourceType.DATA_TEST:
            tested = self.parents.get(failed.unique_id, ())
            children = [child for node in tested for child in self._below.get(node, ())]
            # dbt goes on testing what a failed test has tested.
            return [below for below in children if resource_type_of(below) is not ResourceType.DATA_TEST]
        return self._below.get(failed.unique_id, ())

    def _is_skipped_or_untold(self, unique_id: str) -> bool:
        result = self.results.get(unique_id)
        return result is None or _is_skipped(result)

    def _by_a_hook(self, failed: NodeResult) -> tuple[NodeResult, ...]:
        """A hook before all others that fails alone keeps everything from starting."""
        others = (result for result in self.results.values() if result.status is RunStatus.FAILURE)
        if _BEFORE_ALL not in failed.unique_id or any(other.unique_id != failed.unique_id for other in others):
            return ()
        return tuple(result for _, result in sorted(self.results.items()) if _is_skipped(result))


def _is_skipped(result: NodeResult) -> bool:
    """dbt has other words, no-op among them, for what it had no need to execute."""
    return result.status_text.lower() == "skipped"

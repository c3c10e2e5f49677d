"""Which part of a filter dbt can apply itself, so that fewer pages are read; the filter is applied exactly here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.hierarchy.filters import ModelFilter, TagsMatch
from gateway.hierarchy.status import RunStatus
from gateway.hierarchy.unique_ids import is_unique_id

# dbt's words for outcomes; it has no filter for the other ones.
_STATUS_WORDS = {
    RunStatus.SUCCESS: "success",
    RunStatus.FAILURE: "error",
    RunStatus.SKIPPED: "skipped",
    RunStatus.WARN: "warn",
}


_ACCESS_LEVELS = frozenset({"private", "protected", "public"})

_MOST_UNIQUE_IDS = 100


@dataclass(frozen=True, slots=True)
class PushedFilter:
    """A `ModelAppliedFilter` that every model sought meets; others may meet it too."""

    tag: str | None = None
    package: str | None = None
    status: str | None = None
    group: str | None = None
    access: str | None = None
    unique_ids: tuple[str, ...] | None = None

    @property
    def variable(self) -> Mapping[str, object]:
        """The value of the GraphQL variable."""
        fields = {
            "tags": [self.tag] if self.tag else None,
            "packageName": self.package,
            "lastRunStatus": self.status,
            "group": self.group,
            "access": self.access,
            "uniqueIds": list(self.unique_ids) if self.unique_ids is not None else None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def push_down(criteria: ModelFilter | None) -> PushedFilter | None:
    """What of a filter can go upstream; None when nothing can.

    dbt does not say whether several tags mean any or all of them, so one tag goes up: the only one, or one of those
    that are all needed. Models named by unique ids go up; what any other id names depends on every model there is.
    """
    if criteria is None:
        return None
    if criteria.model_ids is not None:
        return PushedFilter(unique_ids=criteria.model_ids) if _are_unique_ids(criteria.model_ids) else None
    pushed = PushedFilter(
        _tag(criteria), _only(criteria.packages), _status(criteria), _only(criteria.groups), _access(criteria)
    )
    return pushed if pushed.variable else None


def fields_looked_at(criteria: ModelFilter | None) -> frozenset[str]:
    """The optional fields (see model_pages) that have to be read to apply a filter."""
    if criteria is None:
        return frozenset()
    needed = {
        "filePath": criteria.folder is not None,
        "group": criteria.groups is not None or criteria.owners is not None,
        "meta": criteria.owners is not None,
        "access": criteria.access is not None,
    }
    return frozenset(name for name, is_needed in needed.items() if is_needed)


def _are_unique_ids(model_ids: Sequence[str]) -> bool:
    return 0 < len(model_ids) <= _MOST_UNIQUE_IDS and all(map(is_unique_id, model_ids))


def _tag(criteria: ModelFilter) -> str | None:
    if criteria.tags and (len(criteria.tags) == 1 or criteria.tags_match is TagsMatch.ALL):
        return criteria.tags[0]
    return None


def _only(values: tuple[str, ...] | None) -> str | None:
    return values[0] if values is not None and len(values) == 1 else None


def _access(criteria: ModelFilter) -> str | None:
    level = _only(criteria.access)
    return level if level in _ACCESS_LEVELS else None


def _status(criteria: ModelFilter) -> str | None:
    if criteria.statuses is None or len(criteria.statuses) != 1:
        return None
    return _STATUS_WORDS.get(criteria.statuses[0])

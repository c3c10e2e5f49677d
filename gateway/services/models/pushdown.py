"""Which part of a filter dbt can apply itself, so that fewer pages are read; the filter is applied exactly here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.hierarchy.filters.model_filters import ModelFilter, TagsMatch
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.unique_ids import is_unique_id

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


def push_down(model_filter: ModelFilter | None) -> PushedFilter | None:
    """What of a filter can go upstream; None when nothing can.

    dbt does not say whether several tags mean any or all of them, so one tag goes up: the only one, or one of those
    that are all needed. Models named by unique ids go up; what any other id names depends on every model there is.
    """
    if model_filter is None:
        return None
    if model_filter.model_ids is not None:
        return PushedFilter(unique_ids=model_filter.model_ids) if _are_unique_ids(model_filter.model_ids) else None
    pushed = PushedFilter(
        _tag(model_filter),
        _only(model_filter.packages),
        _status(model_filter),
        _only(model_filter.groups),
        _access(model_filter),
    )
    return pushed if pushed.variable else None


def fields_looked_at(model_filter: ModelFilter | None) -> frozenset[str]:
    """The optional fields (see model_pages) that have to be read to apply a filter."""
    if model_filter is None:
        return frozenset()
    needed = {
        "filePath": model_filter.folder is not None,
        "group": model_filter.groups is not None or model_filter.owners is not None,
        "meta": model_filter.owners is not None,
        "access": model_filter.access is not None,
    }
    return frozenset(name for name, is_needed in needed.items() if is_needed)


def _are_unique_ids(model_ids: Sequence[str]) -> bool:
    return 0 < len(model_ids) <= _MOST_UNIQUE_IDS and all(map(is_unique_id, model_ids))


def _tag(model_filter: ModelFilter) -> str | None:
    if model_filter.tags and (len(model_filter.tags) == 1 or model_filter.tags_match is TagsMatch.ALL):
        return model_filter.tags[0]
    return None


def _only(values: tuple[str, ...] | None) -> str | None:
    return values[0] if values is not None and len(values) == 1 else None


def _access(model_filter: ModelFilter) -> str | None:
    level = _only(model_filter.access)
    return level if level in _ACCESS_LEVELS else None


def _status(model_filter: ModelFilter) -> str | None:
    if model_filter.statuses is None or len(model_filter.statuses) != 1:
        return None
    return _STATUS_WORDS.get(model_filter.statuses[0])

"""Sources and how fresh they are, and what that says about a model built on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.vocabulary.status import RunStatus

# From the best to the worst; the freshness of several sources is the worst of theirs.
_SEVERITY = (RunStatus.SUCCESS, RunStatus.WARN, RunStatus.FAILURE)


@dataclass(frozen=True, slots=True)
class SourceFreshness:
    """What the last freshness check of a source found.

    `status` is SUCCESS (fresh), WARN or FAILURE (older than its thresholds), and UNKNOWN where it was never checked or
    the check came to nothing; `status_text` is dbt's own word. `age_seconds` is how old the newest row was at
    `checked_at`. The thresholds are seconds, None where the source has none.
    """

    unique_id: str
    source_name: str | None
    name: str
    status: RunStatus
    status_text: str | None
    max_loaded_at: datetime | None
    age_seconds: float | None
    checked_at: datetime | None
    warn_after_seconds: int | None
    error_after_seconds: int | None

    @property
    def named_source(self) -> str:
        """The source; where dbt leaves it out, what the unique id `source.package.source.table` says."""
        return self.source_name or self.unique_id.split(".")[-2:][0]


@dataclass(frozen=True, slots=True)
class Source:
    """A source table of one project, and how fresh it was found."""

    project: Project
    freshness: SourceFreshness

    @property
    def id(self) -> str:
        """Unique in the account."""
        return f"{self.project.id}/{self.freshness.unique_id}"

    @property
    def place(self) -> str:
        """Sorts by project, then by unique id."""
        # A space is in no name, and sorts before what is.
        return f"{self.project.id} {self.freshness.unique_id}"

    @property
    def unique_id(self) -> str:
        return self.freshness.unique_id

    @property
    def source_name(self) -> str:
        return self.freshness.named_source

    @property
    def name(self) -> str:
        return self.freshness.name


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the sources behind a model are: the worst of them, and all of them ordered by unique id."""

    status: RunStatus
    sources: tuple[Source, ...]


def freshness_of(sources: Iterable[Source]) -> Freshness:
    """The freshness of a model that stands on these sources.

    status = the worst status among the sources that were checked, FAILURE before WARN before SUCCESS; UNKNOWN when
    none of them was checked, or when there are none.
    """
    ordered = tuple(sorted(sources, key=lambda source: source.unique_id))
    statuses = [source.freshness.status for source in ordered]
    checked = [status for status in statuses if status in _SEVERITY]
    return Freshness(max(checked, key=_SEVERITY.index, default=RunStatus.UNKNOWN), ordered)

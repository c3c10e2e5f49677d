"""What looking for a rule's condition comes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.alerts.alert import Finding


@dataclass(frozen=True, slots=True)
class Resolution:
    """How an incident ended, in one line, and when (UTC); None where that is not known."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that meets a rule's condition now. `describe` reads what a message needs; it is called for new
    incidents only.

    `subject` names what it is about, `episode` which incident of it this is; None where that is not known.
    `ending`: how it ended meanwhile. `ended_episodes`: those that are known to be over; None: every one but `episode`,
    where that is known.
    """

    subject: str
    episode: str | None
    describe: Callable[[], Awaitable[Finding]]
    ended_episodes: Collection[str] | None = None
    ending: Resolution | None = None

    def continues(self, episode: str | None) -> bool:
        """Whether an open incident of the same subject is this one."""
        if self.ended_episodes is not None:
            return episode not in self.ended_episodes
        return None in (episode, self.episode) or episode == self.episode


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All candidates of a rule; how those subjects ended that meet its condition no more, by subject; and the subjects
    of which nothing is known now, whose incidents stay as they are."""

    candidates: tuple[Candidate, ...]
    endings: Mapping[str, Resolution] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

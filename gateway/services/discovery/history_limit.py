"""The longest history of a model that dbt returns. The documentation says 20, clients ask for 100, and dbt cuts without
saying so. The limit is learnt from refusals of longer histories, and from runs in lists beyond a history's end."""

from __future__ import annotations

from gateway.telemetry.upstream_note import UpstreamNote

HISTORY_CUT = "HISTORY_CUT"

DOCUMENTED = 20

LEAST = 10
"""Nobody cuts histories shorter than this."""

LIKELY = range(DOCUMENTED, DOCUMENTED + 1)
POSSIBLE = range(LEAST, 100)


class HistoryLimit:
    """`most` is the limit, None while none is known."""

    def __init__(self) -> None:
        self.most: int | None = None
        self._longest = 0
        self._whole: set[int] = set()

    def count(self, count: int) -> int:
        """How many runs to ask for, of so many that are wanted."""
        return count if self.most is None else min(count, self.most)

    def smaller(self, refused: int) -> int | None:
        """What to ask for after so many were refused: the documented limit, then halves of it; None: no less."""
        if refused > DOCUMENTED:
            return DOCUMENTED
        return refused // 2 if refused > LEAST else None

    def accepted(self, count: int) -> None:
        """Notes that dbt returned so many runs and refused more."""
        self.most = count

    def saw(self, length: int) -> None:
        """Notes a history of this length: no shorter one was cut."""
        self._longest = max(self._longest, length)

    def may_cut(self, length: int, count: int, likely: range) -> bool:
        """Whether a history that is shorter than requested may have been cut: its length is a likely limit, which has
        not been checked."""
        if length >= count or length not in likely or self.most is not None:
            return False
        return length >= self._longest and length not in self._whole

    def is_whole(self, length: int) -> None:
        """Notes that a history of this length was seen to be whole."""
        self._whole.add(length)

    def cut(self, length: int) -> None:
        """Notes that a history was cut at this length."""
        self.most = length

    def cuts(self, length: int) -> bool:
        """Whether a history of this length may go on where dbt ends it."""
        return self.most is not None and length >= self.most

    def note(self, environment_ids: tuple[int, ...]) -> UpstreamNote:
        """What is said of histories that were cut."""
        message = (
            f"dbt reports at most {self.most} runs of a model: older ones are missing in histories and means, and how "
            "many there are is not known."
        )
        return UpstreamNote(HISTORY_CUT, message, environment_ids)

"""What dbt did not report, or reported in another way than documented: part of `extensions.gateway.notes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class UpstreamNote:
    """Something by which an answer may hold less than there is.

    `code` is for programs, `message` says what is missing and what to do. `environment_ids` are those it is about;
    none: the account. `missing` is how many things are left out, where that is known.
    """

    code: str
    message: str
    environment_ids: tuple[int, ...] = ()
    missing: int | None = None

    def as_extension(self) -> dict[str, Any]:
        """As it stands in an answer; ids are text."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.environment_ids:
            shown["environments"] = list(map(str, self.environment_ids))
        if self.missing is not None:
            shown["missing"] = self.missing
        return shown

    @property
    def order(self) -> tuple[str, tuple[int, ...], str]:
        """What notes are ordered by."""
        return self.code, self.environment_ids, self.message


def in_order(notes: set[UpstreamNote]) -> list[UpstreamNote]:
    """Notes in order."""
    return sorted(notes, key=lambda note: note.order)

"""Where facts about finished runs outlive the process, and what dbt keeps of them: they never change."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

ModelRunKey = tuple[int, str, int]
"""Environment, unique id, run."""


class StoredModelRun(NamedTuple):
    """What a model did in a run, and when that ended, in microseconds since 1970; 0 is not known."""

    ended_at: int
    payload: bytes


class HistoryStore(Protocol):
    """Facts of one account. A store that fails raises nothing: it gives nothing and takes nothing."""

    async def read(self, kind: str, names: Sequence[str]) -> dict[str, bytes]:
        """The payloads of those names that are stored."""

    async def write(self, kind: str, payloads: Mapping[str, bytes]) -> None:
        """Stores payloads; those that are stored already stay."""

    async def model_runs(self, environment_id: int, unique_ids: Sequence[str], count: int) -> dict[str, list[bytes]]:
        """The newest `count` runs of each model, newest first; and all whose time was not stored with them, last."""

    async def write_model_runs(self, runs: Mapping[ModelRunKey, StoredModelRun]) -> None:
        """Stores what models did in runs; what is stored already stays."""

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something that nobody has to wait for."""

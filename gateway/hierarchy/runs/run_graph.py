"""What the manifest of a run says of its nodes: who depends on whom, and where each belongs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of a run's manifest, executed or not.

    `parents` are unique ids. `code` is a checksum of its code, None where none is known. What follows is only read
    where it is asked for; `path` is that of its file, which only an archive has.
    """

    unique_id: str
    parents: tuple[str, ...]
    code: str | None = None
    tags: tuple[str, ...] = ()
    materialization: str | None = None
    group: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class RunGraph:
    """The nodes of a run's manifests, ordered by unique id; () without a manifest.

    `threads`: how many each command was allowed, by its invocation, as far as an archive has them. `earlier_results`:
    how many results a later command of the run replaced; 0 where only dbt's API reports about the run. `ingested` is
    False while (or when) there is no metadata of the run.
    """

    ingested: bool
    nodes: tuple[GraphNode, ...] = ()
    threads: dict[str, int] = field(default_factory=dict, hash=False)
    earlier_results: int = 0

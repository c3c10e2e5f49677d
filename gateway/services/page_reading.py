"""How far a list of one environment has been read: page after page, as far as dbt's cursors lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from gateway.errors import GatewayError, UpstreamInvalidResponse
from gateway.services.base_query import RootLookup
from gateway.services.discovery_types import PageInfo

N = TypeVar("N")
N_co = TypeVar("N_co", covariant=True)


class Edge(Protocol[N_co]):
    """A place in a page."""

    @property
    def node(self) -> N_co: ...


class ListPage(Protocol[N_co]):
    """A page of a list."""

    @property
    def page_info(self) -> PageInfo: ...

    @property
    def edges(self) -> Sequence[Edge[N_co]]: ...


@dataclass(slots=True)
class PageReading(Generic[N]):
    """`name` is what the list holds, for messages. Reading goes on until it is `done` or has a `failure`."""

    environment_id: int
    name: str
    nodes: list[N] = field(default_factory=list)
    done: bool = False
    failure: GatewayError | None = None
    _cursor: str | None = None
    _seen: set[str] = field(default_factory=set)

    @property
    def unfinished(self) -> bool:
        """Whether there is another page to ask for."""
        return not self.done and self.failure is None

    def lookup(self, number: int, text: str) -> RootLookup:
        """Asks for the next page. `text` is what is selected below the environment, with {after} for the cursor."""
        return RootLookup(
            f"e{number}",
            f"environment(id: $e{number}) {{ {text.replace('{after}', f'$after{number}')} }}",
            {f"e{number}": ("BigInt!", self.environment_id), f"after{number}": ("String", self._cursor)},
        )

    def take(self, page: ListPage[N] | None) -> None:
        """Adds a page and notes where the next one begins. An environment without state has no page."""
        if page is None:
            self.done = True
            return
        self.nodes.extend(edge.node for edge in page.edges)
        info = page.page_info
        if not info.has_next_page:
            self.done = True
        elif not info.end_cursor or info.end_cursor in self._seen or not page.edges:
            self.failure = UpstreamInvalidResponse(
                f"dbt says that environment {self.environment_id} has more {self.name} but not where they begin. "
                "Try again."
            )
        else:
            self._cursor = info.end_cursor
            self._seen.add(info.end_cursor)

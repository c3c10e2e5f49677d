"""A second subgraph as another team would write it: what models cost and who is on call for jobs.

As a program it takes a JSON file of `{"costs": {model id: cost}, "onCall": {job id: name}}`, prints its address and
serves until it is killed. docs/federation.md shows a part of it.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import strawberry
import uvicorn
from strawberry.asgi import GraphQL

Info = strawberry.Info[Any, None]


@strawberry.federation.type(keys=["id"])
class Model:
    id: strawberry.ID

    @strawberry.field
    def cost_per_month(self, info: Info) -> float | None:
        return info.context["costs"].get(self.id)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Model:
        return cls(id=id)


@strawberry.federation.type(keys=["id"])
class Job:
    id: strawberry.ID

    @strawberry.field
    def on_call(self, info: Info) -> str | None:
        return info.context["onCall"].get(self.id)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Job:
        return cls(id=id)


@strawberry.federation.type(shareable=True)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class JobsOnCall:
    nodes: list[Job]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    def most_expensive(self, info: Info, first: int = 3) -> list[Model | None]:
        costs: dict[str, float] = info.context["costs"]
        return [Model(id=strawberry.ID(one)) for one in sorted(costs, key=lambda one: (-costs[one], one))[:first]]

    @strawberry.field
    def jobs_on_call(self, info: Info, first: int = 100) -> JobsOnCall:
        on_call = sorted(info.context["onCall"])
        page = on_call[:first]
        return JobsOnCall(
            nodes=[Job(id=strawberry.ID(one)) for one in page],
            page_info=PageInfo(
                has_next_page=len(page) < len(on_call),
                has_previous_page=False,
                start_cursor=page[0] if page else None,
                end_cursor=page[-1] if page else None,
            ),
        )


schema = strawberry.federation.Schema(query=Query, federation_version="2.9")


class Ownership(GraphQL[Any, None]):
    """The subgraph over HTTP; every request sees the same tables."""

    def __init__(self, tables: dict[str, Any]) -> None:
        super().__init__(schema, graphql_ide=None)
        self._tables = tables

    async def get_context(self, request: Any, response: Any) -> Any:
        return self._tables


if __name__ == "__main__":
    app = Ownership(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"Ownership http://127.0.0.1:{listening.getsockname()[1]}/graphql", flush=True)  # noqa: T201  # where to ask it
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run([listening])

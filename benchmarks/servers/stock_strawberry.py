"""Strawberry as its documentation shows it, over the frozen objects in memory.

python -m benchmarks.servers.stock_strawberry PORT PROJECTS MODELS
"""

from __future__ import annotations

import sys
from datetime import datetime

import strawberry
import uvicorn
from strawberry.asgi import GraphQL

from benchmarks.objects import Model as Row
from benchmarks.objects import Size, Status, account_models

LastRunStatus = strawberry.enum(Status, name="LastRunStatus")


@strawberry.type
class Model:
    id: strawberry.ID
    unique_id: str
    name: str
    package_name: str
    materialization: str | None
    runtime: float | None
    start_time: datetime | None
    last_run_status: LastRunStatus | None


@strawberry.type
class Models:
    nodes: list[Model]


@strawberry.type
class Account:
    @strawberry.field(graphql_type=Models)
    def models(self, first: int) -> Models:
        return Models(nodes=ROWS[:first])


@strawberry.type
class Query:
    @strawberry.field
    def account(self) -> Account:
        return Account()


ROWS: list[Row] = []

if __name__ == "__main__":
    ROWS[:] = account_models(Size(int(sys.argv[2]), int(sys.argv[3])))
    app = GraphQL(strawberry.Schema(Query))
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")

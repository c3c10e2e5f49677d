"""Ariadne as its documentation shows it, over the frozen objects in memory.

python -m benchmarks.servers.stock_ariadne PORT PROJECTS MODELS
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import uvicorn
from ariadne import EnumType, ObjectType, QueryType, ScalarType, make_executable_schema
from ariadne.asgi import GraphQL

from benchmarks.objects import Model, Size, Status, account_models

SDL = """
scalar DateTime
enum LastRunStatus { SUCCESS FAILURE }
type Model {
  id: ID! uniqueId: String! name: String! packageName: String! materialization: String runtime: Float
  startTime: DateTime lastRunStatus: LastRunStatus
}
type Models { nodes: [Model!]! }
type Account { models(first: Int!): Models! }
type Query { account: Account! }
"""


def application(rows: list[Model]) -> GraphQL:
    query, account, moment = QueryType(), ObjectType("Account"), ScalarType("DateTime")
    query.set_field("account", lambda *_: {})

    @moment.serializer
    def show(value: datetime) -> str:
        return value.isoformat()

    @account.field("models")
    def models(_parent: Any, _info: Any, first: int) -> dict[str, Any]:
        return {"nodes": rows[:first]}

    status = EnumType("LastRunStatus", Status)
    schema = make_executable_schema(SDL, query, account, moment, status, convert_names_case=True)
    return GraphQL(schema)


if __name__ == "__main__":
    _app = application(account_models(Size(int(sys.argv[2]), int(sys.argv[3]))))
    uvicorn.run(_app, port=int(sys.argv[1]), access_log=False, log_level="warning")

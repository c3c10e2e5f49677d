"""Groups are read to the end: owners of models in the last of 1,200 groups, over three pages of dbt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

from tests.oracle.account import Oracle
from tests.serving import Call, Gateway

OWNERS = '{ project(id: "finance") { models(first: 100) { nodes { uniqueId owner { name email } } } } }'
GROUPS = 1_200


class ManyGroups:
    """Stands for dbt's list of groups; every model belongs to the last one."""

    def __init__(self) -> None:
        self.asked = 0

    def rewrite(self, call: Call, body: Any) -> Any:
        if call.operation == "EnvironmentModels":
            for environment in body["data"].values():
                for edge in environment["applied"]["models"]["edges"]:
                    edge["node"]["group"] = f"g{GROUPS - 1}"
        return body

    async def groups(self, call: Call) -> Response | None:
        if call.operation != "EnvironmentGroups":
            return None
        self.asked += 1
        assert "first: 500" in call.document
        aliases = [name for name in call.variables if name.startswith("e")]
        return Response(json.dumps({"data": {one: self._page(call.variables[f"after{one[1:]}"]) for one in aliases}}))

    def _page(self, after: str | None) -> dict[str, Any]:
        start = int(after or 0)
        end = min(start + 500, GROUPS)
        nodes = [{"name": f"g{n}", "ownerName": f"owner {n}", "ownerEmail": None} for n in range(start, end)]
        info = {"hasNextPage": end < GROUPS, "endCursor": str(end)}
        return {"definition": {"groups": {"pageInfo": info, "edges": [{"node": node} for node in nodes]}}}


@pytest.mark.slow
async def test_the_owner_is_found_in_the_last_of_1200_groups(gateway: Gateway, oracle: Oracle) -> None:
    many = ManyGroups()
    gateway.upstream.rewrite, gateway.upstream.fault = many.rewrite, many.groups
    models = (await gateway.data(OWNERS))["project"]["models"]["nodes"]
    assert len(models) == len(oracle.project("finance").models)
    assert [model["owner"] for model in models] == [{"name": "owner 1199", "email": None}] * len(models)
    assert many.asked == 3

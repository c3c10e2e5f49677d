"""Every list is walked by one loop: what dbt says wrong of its pages ends the reading of each kind of list alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway import services
from tests.serving import Call, Gateway

MODELS = '{ project(id: "finance") { models { totalCount } } }'
GROUPS = '{ project(id: "finance") { models(first: 1) { nodes { owner { name } } } } }'
SOURCES = '{ project(id: "finance") { sources { totalCount } } }'

# What the list holds: a question that reads it, the operation, and where its page stands in an answer.
LISTS = {
    "models": (MODELS, "EnvironmentModels", ("applied", "models")),
    "groups": (GROUPS, "EnvironmentGroups", ("definition", "groups")),
    "sources": (SOURCES, "EnvironmentSources", ("applied", "sources")),
}


def page_of(place: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        place = place[name]
    return place


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("info", "edges", "documents"),
    [
        ({"hasNextPage": True, "endCursor": "again"}, None, 2),
        ({"hasNextPage": True, "endCursor": None}, None, 1),
        ({"hasNextPage": True, "endCursor": "next"}, [], 1),
    ],
    ids=["a cursor comes twice", "no cursor", "an empty page"],
)
async def test_a_list_that_does_not_say_where_it_goes_on_is_an_error_and_never_cut(
    gateway: Gateway, name: str, info: dict[str, Any], edges: list[Any] | None, documents: int
) -> None:
    query, operation, path = LISTS[name]

    first: list[Any] = []

    def broken(call: Call, body: Any) -> Any:
        if call.operation == operation and first:
            # Nobody else knows the cursor.
            return first[0]
        if call.operation == operation:
            first.append(body)
            for place in body["data"].values():
                page = page_of(place, path)
                page["pageInfo"] = info
                page["edges"] = page["edges"] if edges is None else edges
        return body

    def in_a_group(call: Call, body: Any) -> Any:
        if call.operation == "EnvironmentModels" and name == "groups":
            for place in body["data"].values():
                for edge in place["applied"]["models"]["edges"]:
                    edge["node"]["group"] = "g"
        return broken(call, body)

    gateway.upstream.rewrite = in_a_group
    reply = await gateway.ask(query)
    assert set(reply.codes.values()) == {"UPSTREAM_INVALID_RESPONSE"}
    assert f"has more {name} but not where they begin" in reply.errors[0]["message"]
    assert gateway.upstream.operations[operation] == documents


def test_nobody_else_follows_the_cursors_of_pages() -> None:
    room = Path(services.__path__[0])
    followers = {path.name for path in room.rglob("*.py") if ".end_cursor" in path.read_text("utf-8")}
    assert followers == {"page_reading.py"}

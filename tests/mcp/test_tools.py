"""Tools are trusted documents: their arguments, refusals and bounds; and queries of an agent's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from gateway.mcp.compact_rows import MOST_BYTES, compact, encoded, page_of
from gateway.mcp.tool import read_texts, read_tools
from gateway.schema.build import build_schema as build_executable_schema
from gateway.schema.build import print_sdl
from gateway.settings import Settings
from tests.mcp.conftest import agent, told


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The gateway's schema."""
    return build_schema(print_sdl(build_executable_schema()), assume_valid_sdl=True)


@pytest.mark.parametrize(("name", "text"), read_texts().items(), ids=lambda value: value if len(value) < 40 else "")
def test_every_tool_is_a_valid_document_that_explains_itself(schema: GraphQLSchema, name: str, text: str) -> None:
    assert validate(schema, parse(text)) == []
    tool = next(tool for tool in read_tools(schema) if tool.name == name)
    assert len(tool.description) > 40
    assert all(argument["description"] for argument in tool.arguments["properties"].values())


def test_arguments_are_the_variables_with_types_and_defaults(schema: GraphQLSchema) -> None:
    tool = next(tool for tool in read_tools(schema) if tool.name == "model_lineage")
    assert tool.arguments["required"] == ["id"]
    assert tool.arguments["properties"]["direction"]["enum"] == ["UPSTREAM", "DOWNSTREAM", "BOTH"]
    assert tool.arguments["properties"]["depth"] == {
        "type": "integer",
        "description": "Levels to follow.",
        "default": 2,
    }
    assert tool.rows == ("model", "lineage", "resources")
    change = next(tool for tool in read_tools(schema) if tool.name == "what_if").arguments["properties"]["change"]
    assert change["properties"]["threads"]["type"] == "integer"


async def test_all_tools_are_listed_and_only_read(demo_settings: Settings) -> None:
    async with agent(demo_settings) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {*read_texts(), "execute_query", "validate_query"}
    assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("slowest", {}, "There is no tool 'slowest'. The tools are account_overview"),
        ("slowest_models", {"limit": 3}, "There is no argument 'limit'. The arguments are projects, tags"),
        ("run", {}, "The argument 'id' is missing."),
        ("run", {"id": "1"}, "1"),
        ("slowest_models", {"first": "three"}, "Int cannot represent"),
        ("slowest_models", {"first": -1}, "first"),
        ("slowest_models", {"cursor": "x"}, "cursor must be the cursor of an earlier answer"),
        ("what_if", {"id": "70437490011508", "change": {"threads": 0}}, "threads"),
        ("latest_run", {"job": "Finance dayly"}, "Finance daily"),
        ("model_history", {"id": "finance.fct_invoice"}, "fct_invoices"),
        ("execute_query", {"query": "{ account { nam } }"}, "name"),
        ("execute_query", {"query": "{"}, "Syntax Error"),
        ("execute_query", {"query": "subscription { runFinished { id } }"}, "Subscriptions"),
        ("execute_query", {"query": "{ account { name } }", "variables": "x"}, "variables an object"),
        ("validate_query", {"query": "{ accounts { name } }"}, "account"),
        (
            "execute_query",
            {"query": "{ account { models(first: 500) { nodes { runs(first: 100) { nodes { run { id } } } } } } }"},
            "cost",
        ),
    ],
)
async def test_a_refusal_says_what_to_do(
    demo_settings: Settings, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with agent(demo_settings) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error is (tool != "what_if"), "the run is answered beside the refusal"
    assert words in told(result)["errors"][0]["message"]


@pytest.mark.slow
async def test_only_trusted_documents_leave_the_tools_and_no_queries_of_their_own(demo_settings: Settings) -> None:
    settings = demo_settings.model_copy(update={"only_trusted_documents": True})
    async with agent(settings) as client:
        tool = await client.call_tool("account_overview", {})
        free = await client.call_tool("execute_query", {"query": "{ account { name } }"})
    assert not tool.is_error
    assert told(free)["errors"][0]["code"] == "DOCUMENT_NOT_TRUSTED"


@pytest.mark.slow
async def test_resources_hold_the_schema_the_words_and_the_age_of_the_data(demo_settings: Settings) -> None:
    async with agent(demo_settings) as client:
        uris = {resource.name: str(resource.uri) for resource in (await client.list_resources()).resources}
        texts = {name: (await client.read_resource(uri)).contents[0].text for name, uri in uris.items()}  # type: ignore[union-attr]
    assert texts["schema"] == print_sdl(build_executable_schema())
    assert "**Runtime**: seconds" in texts["glossary"]
    freshness = json.loads(texts["freshness"])
    assert freshness["gateway"]["stale"] is False
    assert freshness["account"]["runs"]["nodes"][0]["status"] == "SUCCESS"


def test_compact_answers_have_no_wrappers_and_no_nulls() -> None:
    answer = {
        "account": {
            "__typename": "Account",
            "jobs": {"totalCount": 1, "nodes": [{"name": "a", "project": {"name": "p"}, "schedule": None}]},
            "models": {"nodes": [{"runtime": 1.23456, "text": "x" * 700}]},
        }
    }
    assert compact(answer) == {
        "account": {
            "jobs": {"totalCount": 1, "rows": [{"name": "a", "project": "p"}]},
            "models": [{"runtime": 1.235, "text": "x" * 600 + " … (100 more characters)"}],
        }
    }


@pytest.mark.slow
@given(st.lists(st.tuples(st.text(max_size=900), st.lists(st.text(max_size=80), max_size=60)), max_size=120))
def test_pages_hold_every_row_once_in_order_and_fit(rows: list[tuple[str, list[str]]]) -> None:
    data = {"account": {"models": {"nodes": [{"id": i, "text": t, "list": n} for i, (t, n) in enumerate(rows)]}}}
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        page = page_of(data, ("account", "models"), offset)
        assert len(encoded(page.content).encode()) <= MOST_BYTES
        seen += [row["id"] for row in page.content["account"]["models"]]
        assert page.cursor is None or page.cursor > offset
        offset = page.cursor
    assert seen == list(range(len(rows)))

"""The MCP server: lists the tools, runs them as trusted documents, and answers free queries within the limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

import gateway
from gateway.errors import GatewayError
from gateway.execution.request import Answer
from gateway.http.encoding import encode_in_turns
from gateway.identity.caller import Caller
from gateway.mcp.compact_rows import MOST_BYTES, encoded, page_of, shortened
from gateway.mcp.free_queries import FREE_QUERIES
from gateway.mcp.tool import Tool

CallerOf = Callable[[ServerRequestContext[Any, Any]], Awaitable[Caller]]

_CURSOR = {
    "type": "string",
    "description": "The cursor of an answer that was cut: returns the rows that follow. Repeat the other arguments.",
}
_INSTRUCTIONS = (
    "Questions about a dbt account: its projects, models, jobs and runs. Runtimes are seconds, times are UTC. Names "
    "of projects, jobs and models are enough. Start with account_overview or search. "
    f"An answer has at most {MOST_BYTES // 1024} KB; one that was cut has a cursor."
)
# In bytes, before an answer is made compact: a longer one would keep others waiting for tens of milliseconds.
_LONGEST_ANSWER = 512 * 1024
_MOST_ERRORS = 3
_SCHEMA, _GLOSSARY, _FRESHNESS = "dbt-gateway://schema", "dbt-gateway://glossary", "dbt-gateway://freshness"
_FRESHNESS_QUERY = "{ account { name runs(first: 1) { nodes { id title status startTime } } } }"


class AgentOperations(Protocol):
    """Runs documents for a caller, within the limits and with the metrics of the HTTP edge."""

    async def run_trusted(self, text: str, variables: Mapping[str, Any], caller: Caller) -> Answer:
        """Runs a document of the gateway's own. Raises GatewayError."""

    async def run_free(self, text: str, variables: Mapping[str, Any], caller: Caller) -> Answer:
        """Runs a query of the caller. Raises GatewayError."""

    async def check(self, text: str, caller: Caller) -> Answer | None:
        """The errors of a query that cannot run, without running it; None for one that can. Raises GatewayError."""


@dataclass(frozen=True, slots=True)
class AgentTools:
    """Answers what MCP clients ask. `caller_of` names the caller of a request, or raises GatewayError."""

    tools: Mapping[str, Tool]
    operations: AgentOperations
    caller_of: CallerOf
    sdl: str

    def server(self) -> Server[Any]:
        """A server for one transport. It keeps no state between requests."""
        return Server(
            "dbt-gateway",
            version=gateway.__version__,
            title="dbt gateway",
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_read_resource=self._read_resource,
        )

    async def _list_tools(self, _context: Any, _params: Any) -> types.ListToolsResult:
        listed = [_listed(tool.name, tool.description, _with_cursor(tool)) for tool in self.tools.values()]
        free = [_listed(name, description, schema) for name, (description, schema) in FREE_QUERIES.items()]
        return types.ListToolsResult(tools=[*listed, *free])

    async def _call_tool(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            caller = await self.caller_of(context)
            return await self._answer(params.name, dict(params.arguments or {}), caller)
        except GatewayError as failure:
            return _failed(failure.message, failure.code)

    async def _answer(self, name: str, arguments: dict[str, Any], caller: Caller) -> types.CallToolResult:
        if name in FREE_QUERIES:
            return await self._free(name, arguments, caller)
        tool = self.tools.get(name)
        if tool is None:
            return _failed(f"There is no tool {name!r}. The tools are {_names([*self.tools, *FREE_QUERIES])}.")
        cursor = arguments.pop("cursor", None) or "0"
        problem = _problem(arguments, tool.arguments) or _cursor_problem(cursor)
        if problem is not None:
            return _failed(problem)
        answer = await self.operations.run_trusted(tool.text, arguments, caller)
        return await _told(answer, tool.rows, int(cursor))

    async def _free(self, name: str, arguments: dict[str, Any], caller: Caller) -> types.CallToolResult:
        problem = _problem(arguments, FREE_QUERIES[name][1])
        query, variables = arguments.get("query"), arguments.get("variables") or {}
        if problem is not None or not isinstance(query, str) or not isinstance(variables, dict):
            return _failed(problem or "query is a GraphQL document, variables an object.")
        if name == "validate_query":
            invalid = await self.operations.check(query, caller)
            return _text({"valid": True}) if invalid is None else await _told(invalid, (), 0)
        return await _told(await self.operations.run_free(query, variables, caller), (), 0)

    async def _list_resources(self, _context: Any, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=_SCHEMA,
                    name="schema",
                    description="The GraphQL schema, for execute_query.",
                    mime_type="text/plain",
                ),
                types.Resource(
                    uri=_GLOSSARY, name="glossary", description="What the words mean.", mime_type="text/markdown"
                ),
                types.Resource(
                    uri=_FRESHNESS,
                    name="freshness",
                    description="How old the data is, and the newest run.",
                    mime_type="application/json",
                ),
            ]
        )

    async def _read_resource(
        self, context: ServerRequestContext[Any, Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        kind, text = await self._resource(uri, await self.caller_of(context))
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=text)])

    async def _resource(self, uri: str, caller: Caller) -> tuple[str, str]:
        if uri == _SCHEMA:
            return "text/plain", self.sdl
        if uri == _GLOSSARY:
            return "text/markdown", (files(__package__) / "glossary.md").read_text("utf-8")
        if uri == _FRESHNESS:
            answer = await self.operations.run_free(_FRESHNESS_QUERY, {}, caller)
            return "application/json", msgspec.json.encode(
                {**(answer.data or {}), "gateway": answer.extensions.get("gateway")}
            ).decode()
        raise ValueError(f"There is no resource {uri}. The resources are {_names([_SCHEMA, _GLOSSARY, _FRESHNESS])}.")


def _listed(name: str, description: str, schema: dict[str, Any]) -> types.Tool:
    annotations = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    return types.Tool(name=name, description=description, input_schema=schema, annotations=annotations)


def _with_cursor(tool: Tool) -> dict[str, Any]:
    if not tool.rows:
        return tool.arguments
    return {**tool.arguments, "properties": {**tool.arguments["properties"], "cursor": _CURSOR}}


def _problem(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """Why the names of the arguments cannot be right. Their values are checked as variables of the document."""
    known = list(schema["properties"])
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        return f"There is no argument {unknown[0]!r}. The arguments are {_names(known) or 'none'}."
    missing = [name for name in schema.get("required", ()) if arguments.get(name) is None]
    return f"The argument {missing[0]!r} is missing." if missing else None


def _cursor_problem(cursor: Any) -> str | None:
    if isinstance(cursor, str) and cursor.isdecimal() and len(cursor) < 10:
        return None
    return "cursor must be the cursor of an earlier answer of this tool."


async def _told(answer: Answer, path: tuple[str, ...], offset: int) -> types.CallToolResult:
    data = msgspec.json.decode(await encode_in_turns(answer.data or {}, _LONGEST_ANSWER))
    page = page_of(data, path, offset)
    content = page.content
    if page.cursor is not None:
        content["cut"] = "Not all rows fit. Call again with the same arguments and this cursor for those that follow."
        content["cursor"] = str(page.cursor)
    if answer.errors:
        content["errors"] = [_error(error) for error in answer.errors[:_MOST_ERRORS]]
    content |= _reservations(answer.extensions.get("gateway") or {})
    return _text(content, is_error=bool(answer.errors) and _is_empty(answer.data))


def _is_empty(value: Any) -> bool:
    """Whether nothing was answered: null, or objects that hold nulls only."""
    return value is None or (isinstance(value, Mapping) and all(map(_is_empty, value.values())))


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"message": shortened(error["message"], 600), "code": error.get("extensions", {}).get("code")}
    return shown | ({"path": ".".join(map(str, error["path"]))} if error.get("path") else {})


def _reservations(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What an agent must know of an answer before it relies on it."""
    return {name: usage[name] for name in ("incomplete", "notes", "staleReasons") if usage.get(name)}


def _text(content: Mapping[str, Any], *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=encoded(content))], is_error=is_error)


def _failed(message: str, code: str = "BAD_USER_INPUT") -> types.CallToolResult:
    return _text({"errors": [{"message": message, "code": code}]}, is_error=True)


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)

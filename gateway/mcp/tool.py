"""The tools: one `.graphql` document each. Its description is the tool's, its variables are the tool's arguments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from importlib.resources import files
from typing import Any

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)

from gateway.mcp.input_schema import input_schema

CONNECTION_FIELD = "nodes"


@dataclass(frozen=True, slots=True)
class Tool:
    """`rows` is the path of the document's first list below `data`, without `nodes` of connections: what a long answer
    is cut in. Empty for a document without a list."""

    name: str
    description: str
    text: str
    arguments: dict[str, Any]
    rows: tuple[str, ...] = ()


def read_texts() -> dict[str, str]:
    """The documents of all tools by their names, in the order of the names."""
    folder = files(__package__) / "tools"
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".graphql")), key=lambda e: e.name)
    return {entry.name.removesuffix(".graphql"): entry.read_text("utf-8") for entry in entries}


def read_tools(schema: GraphQLSchema) -> list[Tool]:
    """All tools, in the order of their names."""
    return [_tool(schema, name, text) for name, text in read_texts().items()]


def _tool(schema: GraphQLSchema, name: str, text: str) -> Tool:
    operation = next(node for node in parse(text).definitions if isinstance(node, OperationDefinitionNode))
    description = operation.description.value if operation.description else ""
    root = schema.query_type
    rows = first_list(root, operation.selection_set) if root else None
    return Tool(name, description, text, input_schema(schema, operation), rows or ())


def first_list(parent: GraphQLObjectType, selections: SelectionSetNode) -> tuple[str, ...] | None:
    """The path of the first list below an object, depth first, in the order of the document; None without one."""
    for selection in selections.selections:
        if not isinstance(selection, FieldNode) or selection.name.value not in parent.fields:
            continue
        path = _first_below(parent.fields[selection.name.value].type, selection)
        if path is not None:
            return path
    return None


def _first_below(kind: GraphQLOutputType, selection: FieldNode) -> tuple[str, ...] | None:
    name = (selection.alias or selection.name).value
    if is_list_type(get_nullable_type(kind)):
        return (name,) if selection.selection_set else None
    named = get_named_type(kind)
    if selection.selection_set is None or not isinstance(named, GraphQLObjectType):
        return None
    below = first_list(named, selection.selection_set)
    if below is None:
        return None
    return (name, *below) if below[0] != CONNECTION_FIELD else (name,)


def value_at(data: Any, path: tuple[str, ...]) -> Any:
    """What lies at a path of nested objects; None where it does not reach."""
    return reduce(lambda held, name: held.get(name) if isinstance(held, dict) else None, path, data)

"""Whether an answer is one its document and the schema allow: keys in order, types, nulls. Knows no values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    is_abstract_type,
    is_input_object_type,
    value_from_ast_untyped,
)
from graphql.utilities import resolve_schema_coordinate

_CODE = re.compile(r"[A-Z][A-Z_]+")


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


SCALARS: Mapping[str, Callable[[Any], bool]] = {
    "Int": lambda value: type(value) is int and abs(value) < 2**31,
    "Float": _is_number,
    "String": lambda value: isinstance(value, str),
    "ID": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "DateTime": _is_moment,
    "JSON": lambda value: True,
}


def faults_of_answer(schema: GraphQLSchema, document: DocumentNode, variables: Any, answer: Any) -> list[str]:
    """What is wrong with an answer that was executed. A null where an error stands is as allowed as its type says."""
    return list(_Check(schema, document, variables, answer).faults())


def null_only_with_an_error(schema: GraphQLSchema) -> Mapping[str, frozenset[str]]:
    """The fields that carry @semanticNonNull, by type."""
    return {
        name: frozenset(
            field
            for field, definition in kind.fields.items()
            if definition.ast_node
            and any(one.name.value == "semanticNonNull" for one in definition.ast_node.directives or ())
        )
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType)
    }


def faults_of_coordinates(schema: GraphQLSchema, errors: Any) -> Iterator[str]:
    """Coordinates of errors that name nothing in the schema."""
    for error in errors:
        coordinate = error.get("extensions", {}).get("coordinate")
        if coordinate is not None and resolve_schema_coordinate(schema, coordinate) is None:
            yield f"an error with the coordinate {coordinate}"


def faults_of_errors(errors: Any) -> Iterator[str]:
    """What is wrong with a list of errors, whatever it is about."""
    if not isinstance(errors, list) or not errors:
        yield "errors is no list, or an empty one"
        return
    for error in errors:
        code = error.get("extensions", {}).get("code")
        if not isinstance(error.get("message"), str) or not error["message"]:
            yield f"an error without a message: {error}"
        if not isinstance(code, str) or not _CODE.fullmatch(code) or code == "INTERNAL_SERVER_ERROR":
            yield f"an error with the code {code}"


class _Check:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Any, answer: Any) -> None:
        self._schema, self._answer, self._variables = schema, answer, variables or {}
        nodes = document.definitions
        self._marked = null_only_with_an_error(schema)
        self._fragments = {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}
        self._operations = [node for node in nodes if isinstance(node, OperationDefinitionNode)]
        for definition in self._operations[0].variable_definitions or ():
            if definition.default_value is not None:
                default = value_from_ast_untyped(definition.default_value)
                self._variables = {definition.variable.name.value: default, **self._variables}
        self._errors = answer.get("errors", ())
        self._paths = {tuple(error.get("path", ())) for error in self._errors}

    def faults(self) -> Iterator[str]:
        if not set(self._answer) <= {"data", "errors", "extensions"} or "data" not in self._answer:
            yield f"the answer has the keys {sorted(self._answer)}"
            return
        if "errors" in self._answer:
            yield from faults_of_errors(self._answer["errors"])
            yield from faults_of_coordinates(self._schema, self._answer["errors"])
        root, data = self._schema.query_type, self._answer["data"]
        assert root is not None
        if data is None and self._paths:
            return
        yield from self._object(root, [self._operations[0].selection_set], data, ())

    def _object(self, kind: GraphQLObjectType, sets: Sequence[Any], value: Any, path: tuple[Any, ...]) -> Iterator[str]:
        grouped: dict[str, list[FieldNode]] = {}
        for selections in sets:
            for node in self._fields(kind, selections):
                grouped.setdefault((node.alias or node.name).value, []).append(node)
        if not isinstance(value, dict) or list(value) != list(grouped):
            yield f"{path}: keys {list(value) if isinstance(value, dict) else value} instead of {list(grouped)}"
            return
        for key, nodes in grouped.items():
            if value[key] is None and self._needs_an_error(kind, nodes[0], (*path, key)):
                yield f"{(*path, key)} is null without an error"
            yield from self._elsewhere(kind, nodes[0], (*path, key))
            yield from self._value(self._type(kind, nodes[0]), nodes, value[key], (*path, key))

    def _elsewhere(self, kind: GraphQLObjectType, node: FieldNode, path: tuple[Any, ...]) -> Iterator[str]:
        """Errors of a field whose coordinate is neither the field's nor that of an argument or input field it takes."""
        if path not in self._paths:
            return
        field = f"{kind.name}.{node.name.value}"
        arguments = kind.fields[node.name.value].args
        inputs = {name for name, known in self._schema.type_map.items() if is_input_object_type(known)}
        possible = {field, *(f"{field}({name}:)" for name in arguments)}
        for error in self._errors:
            coordinate = error["extensions"].get("coordinate")
            is_here = coordinate in possible or (arguments and (coordinate or "").partition(".")[0] in inputs)
            if tuple(error.get("path", ())) == path and not is_here:
                yield f"{path}: an error of {field} has the coordinate {coordinate}"

    def _needs_an_error(self, kind: GraphQLObjectType, node: FieldNode, path: tuple[Any, ...]) -> bool:
        """Whether the schema says that the field is null only with an error, at it or below it, and there is none."""
        marked = node.name.value in self._marked.get(kind.name, ())
        return marked and not any(error[: len(path)] == path for error in self._paths)

    def _type(self, kind: GraphQLObjectType, node: FieldNode) -> Any:
        if node.name.value == "__typename":
            return GraphQLEnumType("Typename", {kind.name: kind.name})
        return kind.fields[node.name.value].type

    def _fields(self, kind: GraphQLObjectType, selections: Any) -> Iterator[FieldNode]:
        for node in selections.selections:
            if not all(map(self._holds, node.directives or ())):
                continue
            if isinstance(node, FieldNode):
                yield node
                continue
            inner: Any = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = inner.type_condition
            wider = self._schema.type_map[condition.name.value] if condition else kind
            if wider is kind or (is_abstract_type(wider) and kind in self._schema.get_possible_types(wider)):
                yield from self._fields(kind, inner.selection_set)

    def _holds(self, directive: Any) -> bool:
        given = value_from_ast_untyped(directive.arguments[0].value, self._variables)
        return bool(given) == (directive.name.value == "include")

    def _value(self, kind: Any, nodes: list[FieldNode], value: Any, path: tuple[Any, ...]) -> Iterator[str]:
        if value is None:
            if isinstance(kind, GraphQLNonNull):
                yield f"{path} is null and must not be"
            return
        while isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if isinstance(kind, GraphQLList):
            if not isinstance(value, list):
                yield f"{path} is no list"
                return
            for place, one in enumerate(value):
                yield from self._value(kind.of_type, nodes, one, (*path, place))
        elif isinstance(kind, GraphQLEnumType):
            if not isinstance(value, str) or value not in kind.values:
                yield f"{path}: {value!r} is no {kind}"
        elif isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            yield from self._member(kind, nodes, value, path)
        elif isinstance(kind, GraphQLObjectType):
            yield from self._object(kind, [node.selection_set for node in nodes], value, path)
        elif not SCALARS[kind.name](value):
            yield f"{path}: {value!r} is no {kind}"

    def _member(
        self, kind: GraphQLUnionType | GraphQLInterfaceType, nodes: list[FieldNode], value: Any, path: tuple[Any, ...]
    ) -> Iterator[str]:
        """Of a union or an interface: one of its types accounts for the value."""
        sets = [node.selection_set for node in nodes]
        kinds = self._schema.get_possible_types(kind)
        named = [one for one in kinds if one.name == value.get("__typename")] if isinstance(value, dict) else []
        tried = [list(self._object(one, sets, value, path)) for one in named or kinds]
        yield from min(tried, key=len)

"""The GraphQL specification's execution by plain recursion: slow, without promises, over values of any kind.

Only the parser and the schema's shape are graphql-core's; nothing of its executor and nothing of the gateway is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    parse,
    value_from_ast_untyped,
)
from graphql.language import (
    BooleanValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

MISSING = object()


class Refused(Exception):
    """What a resolver raises, or returns in a slot, for a question that has a coded error for an answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Resolvers(Protocol):
    """What fields hold and which type a value of a union has."""

    def resolve(self, kind: str, name: str, parent: Any, arguments: Mapping[str, Any]) -> Any: ...

    def type_of(self, value: Any) -> str: ...


@dataclass
class Expected:
    """The answer a query should have: its data, and the codes of errors by dotted path."""

    data: Any
    codes: dict[str, str] = field(default_factory=dict)


class _Null(Exception):
    """A null where the type forbids it: the parent becomes null."""


class Interpreter:
    """Answers documents of one operation."""

    def __init__(self, schema: GraphQLSchema, resolvers: Resolvers) -> None:
        self._schema = schema
        self._resolvers = resolvers

    def answer(self, document: str, variables: Mapping[str, Any]) -> Expected:
        return _Run(self._schema, self._resolvers, parse(document), variables).answer()

    def arguments(
        self, document: DocumentNode, variables: Mapping[str, Any], coordinate: tuple[str, str], node: FieldNode
    ) -> Mapping[str, Any]:
        """What the field of a type is given where it stands in a document."""
        kind, name = coordinate
        run = _Run(self._schema, self._resolvers, document, variables)
        owner = self._schema.type_map[kind]
        assert isinstance(owner, GraphQLObjectType)
        return run.arguments(owner.fields[name].args, node)


class _Run:
    def __init__(
        self, schema: GraphQLSchema, resolvers: Resolvers, document: DocumentNode, given: Mapping[str, Any]
    ) -> None:
        self._schema, self._resolvers = schema, resolvers
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        (self._operation,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
        self._variables = dict(self._given(given))
        self._codes: dict[str, str] = {}

    def answer(self) -> Expected:
        root = self._schema.query_type
        assert root is not None
        try:
            data = self._object(root, [self._operation.selection_set], None, ())
        except _Null:
            data = None
        return Expected(data, self._codes)

    def _given(self, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for definition in self._operation.variable_definitions or ():
            name = definition.variable.name.value
            if name in given:
                yield name, given[name]
            elif definition.default_value is not None:
                yield name, self._literal(definition.default_value)

    def _object(
        self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode], value: Any, path: tuple[Any, ...]
    ) -> Any:
        grouped: dict[str, list[FieldNode]] = {}
        for selections in sets:
            for node in self._fields(kind, selections):
                grouped.setdefault((node.alias or node.name).value, []).append(node)
        return {key: self._field(kind, nodes, value, (*path, key)) for key, nodes in grouped.items()}

    def _fields(self, kind: GraphQLObjectType, selections: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selections.selections:
            if not self._wanted(node):
                continue
            if isinstance(node, FieldNode):
                yield node
                continue
            inner: Any = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            if self._applies(inner.type_condition, kind):
                yield from self._fields(kind, inner.selection_set)

    def _applies(self, condition: Any, kind: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == kind.name:
            return True
        wider = self._schema.type_map[condition.name.value]
        return isinstance(wider, GraphQLUnionType) and kind in wider.types

    def _wanted(self, node: Any) -> bool:
        for directive in node.directives or ():
            (condition,) = directive.arguments
            if self._literal(condition.value) is not (directive.name.value == "include"):
                return False
        return True

    def _field(self, kind: GraphQLObjectType, nodes: list[FieldNode], parent: Any, path: tuple[Any, ...]) -> Any:
        name = nodes[0].name.value
        if name == "__typename":
            return kind.name
        definition = kind.fields[name]
        try:
            value = self._resolvers.resolve(kind.name, name, parent, self.arguments(definition.args, nodes[0]))
        except Refused as refused:
            value = refused
        return self._complete(definition.type, [node.selection_set for node in nodes], value, path)

    def _complete(self, kind: Any, sets: list[Any], value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(kind, GraphQLNonNull):
            completed = self._complete(kind.of_type, sets, value, path)
            if completed is None:
                raise _Null
            return completed
        if isinstance(value, Refused):
            self._codes[".".join(map(str, path))] = value.code
            return None
        if value is None:
            return None
        if isinstance(kind, GraphQLUnionType):
            kind = self._schema.type_map[self._resolvers.type_of(value)]
        try:
            if isinstance(kind, GraphQLList):
                return [self._complete(kind.of_type, sets, one, (*path, place)) for place, one in enumerate(value)]
            return self._object(kind, sets, value, path) if isinstance(kind, GraphQLObjectType) else value
        except _Null:
            return None

    def arguments(self, definitions: Mapping[str, Any], node: FieldNode) -> dict[str, Any]:
        given = {argument.name.value: self._literal(argument.value) for argument in node.arguments or ()}
        return dict(_with_defaults(definitions, given))

    def _literal(self, node: ValueNode) -> Any:
        """A literal's value as JSON has it; MISSING for a variable that nobody gave."""
        if isinstance(node, VariableNode):
            return self._variables.get(node.name.value, MISSING)
        if isinstance(node, ListValueNode):
            return [self._literal(one) for one in node.values]
        if isinstance(node, ObjectValueNode):
            found = {one.name.value: self._literal(one.value) for one in node.fields}
            return {name: value for name, value in found.items() if value is not MISSING}
        return _SCALARS.get(type(node), value_from_ast_untyped)(node)


_SCALARS: dict[type, Callable[[Any], Any]] = {
    IntValueNode: lambda node: int(node.value),
    FloatValueNode: lambda node: float(node.value),
    BooleanValueNode: lambda node: node.value,
    NullValueNode: lambda node: None,
}


def _plain(node: Any) -> Any:
    """A default of the schema: a literal without variables."""
    return _SCALARS.get(type(node), value_from_ast_untyped)(node)


def _with_defaults(definitions: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, definition in definitions.items():
        value = given.get(name, MISSING)
        if value is MISSING:
            if definition.default is not None:
                yield name, _plain(definition.default.literal)
        else:
            yield name, _coerced(definition.type, value)


def _coerced(kind: Any, value: Any) -> Any:
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if value is None or isinstance(kind, GraphQLEnumType):
        return value
    if isinstance(kind, GraphQLList):
        return [_coerced(kind.of_type, one) for one in (value if isinstance(value, list) else [value])]
    if isinstance(kind, GraphQLInputObjectType):
        return dict(_with_defaults(kind.fields, value))
    return value

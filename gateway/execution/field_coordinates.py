"""What of the schema an operation asks for, as schema coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    Visitor,
    get_named_type,
    is_input_object_type,
    type_from_ast,
    visit,
)


def coordinates_of(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> frozenset[str]:
    """The coordinates that one operation of a valid document names: `Type.field`, `Type.field(argument:)`,
    `Input.field` and `Enum.VALUE`, and `Input` for each input type of a variable, whose fields only its values report.

    Introspection is left out. Takes about a microsecond a token; to be remembered per document.
    """
    reader = _Coordinates(schema)
    for definition in _reachable(document, operation_name):
        visit(definition, TypeInfoVisitor(reader.info, reader))
    return frozenset(reader.coordinates)


def _reachable(document: DocumentNode, operation_name: str | None) -> Iterator[Any]:
    """The operation, then each fragment that it spreads, once."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    waiting: list[Any] = [
        node for node in operations if operation_name is None or (node.name and node.name.value == operation_name)
    ][:1]
    while waiting:
        node = waiting.pop()
        yield node
        spreads = _Spreads()
        visit(node, spreads)
        waiting += [fragments.pop(name) for name in spreads.names if name in fragments]


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)


class _Coordinates(Visitor):
    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self._schema = schema
        self.info = TypeInfo(schema)
        self.coordinates: set[str] = set()

    def _field(self, name: str) -> str | None:
        parent = self.info.get_parent_type()
        is_own = isinstance(parent, GraphQLObjectType) or hasattr(parent, "fields")
        return f"{parent.name}.{name}" if parent and is_own and not parent.name.startswith("__") else None

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        coordinate = self._field(node.name.value)
        if coordinate and not node.name.value.startswith("__"):
            self.coordinates.add(coordinate)
            self.coordinates.update(f"{coordinate}({argument.name.value}:)" for argument in node.arguments or ())

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        parent = get_named_type(self.info.get_parent_input_type())
        if parent is not None and is_input_object_type(parent):
            self.coordinates.add(f"{parent.name}.{node.name.value}")

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        kind = get_named_type(self.info.get_input_type())
        if kind is not None:
            self.coordinates.add(f"{kind.name}.{node.value}")

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        kind = get_named_type(type_from_ast(self._schema, node.type))
        if kind is not None and is_input_object_type(kind):
            self.coordinates.add(kind.name)

"""What each field of a schema costs, read from the @cost and @listSize directives of its SDL.

The directives are those of the cost specification as Apollo Federation 2.9 has them, so a router in front of the
gateway, which reads the same SDL, comes to the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import (
    DirectiveNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    IntValueNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    OperationType,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    TypeNode,
    parse,
    value_from_ast_untyped,
)

from gateway.http.limits.introspection_cost import introspection_fields

# The specification has no directive for it: as many entities as there are references.
ENTITIES = "_entities"
REFERENCES = "representations"


@dataclass(frozen=True, slots=True)
class ListSize:
    """How long a list is thought to be: as its slicing arguments say, else `assumed`; None is not known at all.

    `sized_fields` are the lists within the field's object that it is about. `defaults` are those of the arguments.
    """

    assumed: int | None = None
    slicing: tuple[str, ...] = ()
    sized_fields: frozenset[str] = frozenset()
    defaults: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputCost:
    """An argument or input field: its weight, and the input object it takes, if it takes one."""

    weight: int
    kind: str | None


@dataclass(frozen=True, slots=True)
class FieldCost:
    """An output field: its weight (of each item, for a list), the type of what it holds, and its arguments."""

    weight: int
    kind: str
    is_list: bool
    size: ListSize
    arguments: Mapping[str, InputCost]


@dataclass(frozen=True, slots=True)
class CostModel:
    """The costs of a schema by type and field, and the names of its root types."""

    fields: Mapping[str, Mapping[str, FieldCost]]
    inputs: Mapping[str, Mapping[str, InputCost]]
    roots: Mapping[OperationType, str]


@lru_cache(maxsize=2)
def read_cost_model(sdl: str) -> CostModel:
    """The costs that an SDL declares. Scalars and enums are free, objects cost 1, unless a directive says otherwise."""
    definitions = parse(sdl).definitions
    leaves = (ScalarTypeDefinitionNode, EnumTypeDefinitionNode)
    named: list[Any] = [node for node in definitions if hasattr(node, "name") and hasattr(node, "directives")]
    weights = dict.fromkeys(("Int", "Float", "String", "Boolean", "ID"), 0)
    weights |= {node.name.value: _weight(node.directives, not isinstance(node, leaves)) for node in named}
    inputs = [node for node in definitions if isinstance(node, InputObjectTypeDefinitionNode)]
    objects = {node.name.value for node in inputs}
    roots = dict(_roots(definitions)) or {OperationType.QUERY: "Query", OperationType.MUTATION: "Mutation"}
    introspection = _introspection(definitions)
    own = {
        node.name.value: {member.name.value: _field(member, weights, objects) for member in node.fields or ()}
        for node in definitions
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode)
    }
    query = roots.get(OperationType.QUERY, "")
    own[query] = {**own.get(query, {}), **introspection.pop("")}
    return CostModel(
        fields={**own, **introspection},
        inputs={node.name.value: dict(_inputs(node.fields or (), weights, objects)) for node in inputs},
        roots=roots,
    )


def _introspection(definitions: Iterable[Any]) -> dict[str, dict[str, FieldCost]]:
    return {
        kind: {
            name: FieldCost(
                definition.weight, definition.kind, definition.items is not None, ListSize(definition.items), {}
            )
            for name, definition in fields.items()
        }
        for kind, fields in introspection_fields(definitions).items()
    }


def _roots(definitions: Iterable[Any]) -> Iterator[tuple[OperationType, str]]:
    for node in definitions:
        if isinstance(node, SchemaDefinitionNode):
            for root in node.operation_types:
                yield root.operation, root.type.name.value


def _field(node: FieldDefinitionNode, weights: Mapping[str, int], objects: set[str]) -> FieldCost:
    kind, is_list = _named(node.type)
    arguments = node.arguments or ()
    size = _list_size(node)
    if node.name.value == ENTITIES:
        size = ListSize(slicing=(REFERENCES,))
    weight = _weight(node.directives, weights[kind])
    return FieldCost(weight, kind, is_list, size, dict(_inputs(arguments, weights, objects)))


def _inputs(
    nodes: Iterable[InputValueDefinitionNode], weights: Mapping[str, int], objects: set[str]
) -> Iterator[tuple[str, InputCost]]:
    for node in nodes:
        kind, _ = _named(node.type)
        cost = InputCost(_weight(node.directives, weights[kind]), kind if kind in objects else None)
        if cost.weight or cost.kind:
            yield node.name.value, cost


def _named(kind: TypeNode, is_list: bool = False) -> tuple[str, bool]:
    """The name within lists and non-nulls, and whether there was a list."""
    if isinstance(kind, ListTypeNode | NonNullTypeNode):
        return _named(kind.type, is_list or isinstance(kind, ListTypeNode))
    return (kind.name.value if isinstance(kind, NamedTypeNode) else ""), is_list


def _weight(directives: Iterable[DirectiveNode] | None, usual: int) -> int:
    arguments = _arguments_of(directives, "cost")
    return int(usual) if arguments is None else int(arguments["weight"])


def _list_size(node: FieldDefinitionNode) -> ListSize:
    arguments = _arguments_of(node.directives, "listSize") or {}
    slicing = tuple(arguments.get("slicingArguments") or ())
    defaults = {
        argument.name.value: int(argument.default_value.value)
        for argument in node.arguments or ()
        if argument.name.value in slicing and isinstance(argument.default_value, IntValueNode)
    }
    return ListSize(arguments.get("assumedSize"), slicing, frozenset(arguments.get("sizedFields") or ()), defaults)


def _arguments_of(directives: Iterable[DirectiveNode] | None, name: str) -> dict[str, Any] | None:
    for directive in directives or ():
        if directive.name.value == name:
            return {
                argument.name.value: value_from_ast_untyped(argument.value) for argument in directive.arguments or ()
            }
    return None

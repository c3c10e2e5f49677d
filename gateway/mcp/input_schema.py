"""The JSON Schema of a tool's arguments, from the variables of its document."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeNode,
    Undefined,
    VariableDefinitionNode,
    type_from_ast,
    value_from_ast_untyped,
)

_SCALARS = {"Int": "integer", "Float": "number", "String": "string", "ID": "string", "Boolean": "boolean"}


def input_schema(schema: GraphQLSchema, operation: OperationDefinitionNode) -> dict[str, Any]:
    """An object with one property for each variable. A variable is required when it is non-null without a default."""
    properties, required = {}, []
    for variable in operation.variable_definitions or ():
        name = variable.variable.name.value
        properties[name] = _property(schema, variable)
        if variable.default_value is None and _is_required(variable.type):
            required.append(name)
    described: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return described | ({"required": required} if required else {})


def _is_required(node: TypeNode) -> bool:
    return node.kind == "non_null_type"


def _property(schema: GraphQLSchema, variable: VariableDefinitionNode) -> dict[str, Any]:
    described = _of_type(type_from_ast(schema, variable.type))
    if variable.description is not None:
        described["description"] = variable.description.value
    if variable.default_value is not None:
        described["default"] = value_from_ast_untyped(variable.default_value)
    return described


def _of_type(kind: GraphQLInputType | Any) -> dict[str, Any]:
    if isinstance(kind, GraphQLNonNull):
        return _of_type(kind.of_type)
    if isinstance(kind, GraphQLList):
        return {"type": "array", "items": _of_type(kind.of_type)}
    if isinstance(kind, GraphQLEnumType):
        return {"type": "string", "enum": list(kind.values)}
    if isinstance(kind, GraphQLInputObjectType):
        return _of_object(kind)
    if isinstance(kind, GraphQLScalarType) and kind.name == "DateTime":
        return {"type": "string", "format": "date-time"}
    return {"type": _SCALARS[kind.name]} if kind.name in _SCALARS else {}


def _of_object(kind: GraphQLInputObjectType) -> dict[str, Any]:
    properties, required = {}, []
    for name, field in kind.fields.items():
        properties[name] = _of_type(field.type) | ({"description": field.description} if field.description else {})
        if isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined and field.default is None:
            required.append(name)
    described: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return described | ({"required": required} if required else {})

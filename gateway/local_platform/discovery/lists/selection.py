"""Looks ahead in an operation: which fields it asks for, with which arguments, before they are resolved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_named_type,
)

from gateway.local_platform.discovery.fields.field_readers import Info

Found = tuple[GraphQLObjectType, FieldNode]


def selected_fields(info: Info, parent: GraphQLObjectType, selections: SelectionSetNode | None) -> Iterator[Found]:
    """The fields selected on an object type, fragments opened and `@skip` / `@include` obeyed."""
    for selection in selections.selections if selections else ():
        if not _included(info, selection):
            continue
        if isinstance(selection, FieldNode):
            yield parent, selection
        elif isinstance(selection, InlineFragmentNode):
            yield from selected_fields(info, parent, selection.selection_set)
        elif isinstance(selection, FragmentSpreadNode):
            yield from selected_fields(info, parent, info.fragments[selection.name.value].selection_set)


def selected_below(info: Info, selected_field: Found, name: str) -> Iterator[Found]:
    """The fields of one name selected below a field that returns an object."""
    for parent, node in selected_fields(info, field_type(selected_field), selected_field[1].selection_set):
        if node.name.value == name:
            yield parent, node


def field_type(selected_field: Found) -> GraphQLObjectType:
    """The object type a selected field returns."""
    parent, node = selected_field
    named = get_named_type(parent.fields[node.name.value].type)
    if not isinstance(named, GraphQLObjectType):
        raise TypeError(f"{parent.name}.{node.name.value} returns no object type.")
    return named


def arguments_of(info: Info, selected_field: Found) -> dict[str, Any]:
    """The coerced arguments of a selected field."""
    parent, node = selected_field
    return get_argument_values(parent.fields[node.name.value], node, info.variable_values)


def _included(info: Info, selection: SelectionNode) -> bool:
    skip = get_directive_values(GraphQLSkipDirective, selection, info.variable_values)
    include = get_directive_values(GraphQLIncludeDirective, selection, info.variable_values)
    return not (skip and skip["if"]) and (include is None or bool(include["if"]))


def count_fields(document: DocumentNode) -> int:
    """How many fields a document selects, each fragment counted where it is spread."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}

    def below(selections: SelectionSetNode | None) -> int:
        return sum(counted(selection) for selection in selections.selections) if selections else 0

    def counted(selection: SelectionNode) -> int:
        if isinstance(selection, FragmentSpreadNode):
            return below(fragments[selection.name.value].selection_set)
        if isinstance(selection, FieldNode):
            return 1 + below(selection.selection_set)
        return below(selection.selection_set) if isinstance(selection, InlineFragmentNode) else 0

    operations = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    return sum(below(operation.selection_set) for operation in operations)

"""A hint for whoever asks a connection, an edge or a ranked place for what the thing in it has."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FieldsOnCorrectTypeRule,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_required_argument,
)

from gateway.execution.graphql_internals import suggestion_list

_MOST = 3


class FieldsWithinReachRule(FieldsOnCorrectTypeRule):
    """The specification's rule. Where no field of the type has a similar name, but something one step further has just
    this one, the error proposes the step: `jobs { name }` wants `nodes { name }`."""

    def enter_field(self, node: FieldNode, *args: Any) -> None:
        """Called for every field of a document."""
        parent = self.context.get_parent_type()
        unknown = self.context.get_field_def() is None and not self.context.hide_suggestions
        steps = _steps(parent, node.name.value) if unknown and isinstance(parent, GraphQLObjectType) else []
        if not steps:
            super().enter_field(node, *args)
            return
        proposed = " or ".join(f"'{step} {{ {node.name.value} }}'" for step in steps)
        text = f"Cannot query field '{node.name.value}' on type '{parent}'. Did you mean {proposed}?"
        self.report_error(GraphQLError(text, node))


def _steps(parent: GraphQLObjectType, name: str) -> list[str]:
    """Fields of the type, `nodes` before others, whose own type has the wanted field; none where a typo explains it."""
    if suggestion_list(name, parent.fields):
        return []
    steps = [step for step, field in parent.fields.items() if _reaches(field, name)]
    return sorted(steps, key=lambda step: step != "nodes")[:_MOST]


def _reaches(field: GraphQLField, name: str) -> bool:
    reached = get_named_type(field.type)
    is_free = not any(is_required_argument(argument) for argument in field.args.values())
    return is_free and isinstance(reached, GraphQLObjectType) and name in reached.fields

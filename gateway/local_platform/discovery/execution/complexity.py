"""What a document costs at most, estimated before it is validated and executed, in one linear pass.

dbt refuses documents that are too complex with COMPLEXITY_EXCEEDED; its numbers are not published. These are counted in
values: a list counts as many rows as are asked for, whatever the archive holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionNode,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from gateway.local_platform.discovery.lists.paging import ENVIRONMENT_PAGE

MOST_VALUES = 2_000_000
"""Values of one operation: job lists of 20 runs fit. So many take a dozen seconds of CPU."""

DEEPEST = 40
"""Selections within one another, fragments among them."""

# What takes as long as so many values: what an argument has looked up, by SQL; a row; what looks at every node.
_LOOKUP, _ROW, _GRAPH = 100, 10, 20_000
_FROM_ALL = frozenset({"LineageNode", "Tag"})
_NESTED = 10  # rows of a list that belongs to one row: parents, columns, tests
_OF_TYPES = 5  # fields, arguments and values of a type in this schema, on average
_PAGED = frozenset({"first", "lastRunCount"})
_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


class TooComplex(Exception):
    """A document asks for more than one operation may."""


@dataclass
class _Pricing:
    schema: GraphQLSchema
    variables: Mapping[str, Any]
    fragments: Mapping[str, FragmentDefinitionNode]
    priced: dict[str, float] = field(default_factory=dict)

    def selections(self, parent: GraphQLNamedType | None, selected: SelectionSetNode | None, level: int) -> float:
        """Values below a selection set. Raises TooComplex where selections lie too deep in one another."""
        if level > DEEPEST:
            raise TooComplex
        below = selected.selections if selected else ()
        return sum(self._selection(parent, selection, level + 1) for selection in below)

    def _selection(self, parent: GraphQLNamedType | None, node: SelectionNode, level: int) -> float:
        if isinstance(node, FieldNode):
            return self._field(parent, node, level)
        if isinstance(node, FragmentSpreadNode):
            return 1 + self._spread(node.name.value, level)
        if not isinstance(node, InlineFragmentNode):
            return 1
        condition = node.type_condition
        kind = self.schema.type_map.get(condition.name.value) if condition else parent
        return 1 + self.selections(kind, node.selection_set, level)

    def _spread(self, name: str, level: int) -> float:
        """Values of a fragment, looked at once. Unknown ones and those that spread themselves are validation's."""
        fragment = self.fragments.get(name)
        if fragment is None:
            return 0
        if name not in self.priced:
            self.priced[name] = 0
            kind = self.schema.type_map.get(fragment.type_condition.name.value)
            self.priced[name] = self.selections(kind, fragment.selection_set, level)
        return self.priced[name]

    def _field(self, parent: GraphQLNamedType | None, node: FieldNode, level: int) -> float:
        name = node.name.value
        fields = parent.fields if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else {}
        definition = fields.get(name) or _META.get(name)
        if definition is None:
            return 1 + self.selections(None, node.selection_set, level)
        kind = get_named_type(definition.type)
        own = _GRAPH if kind.name in _FROM_ALL else _LOOKUP if definition.args else 1
        if node.selection_set is None:
            return own
        below = self.selections(kind, node.selection_set, level)
        rows = self._rows(name, definition, node)
        return own + (below if rows == 1 else rows * (_ROW + below))

    def _rows(self, name: str, definition: GraphQLField, node: FieldNode) -> float:
        """Rows of a list or connection at most; 1 for an object, and for edges, which their connection has counted."""
        paged = _PAGED.intersection(definition.args)
        for argument in node.arguments or ():
            if argument.name.value in paged:
                rows = self._count(argument.value)
                return min(rows, ENVIRONMENT_PAGE) if "first" in paged else rows
        if "first" in paged:
            return ENVIRONMENT_PAGE
        if paged or name == "edges" or not is_list_type(get_nullable_type(definition.type)):
            return 1
        if get_named_type(definition.type).name.startswith("__"):
            return len(self.schema.type_map) if name == "types" else _OF_TYPES
        return ENVIRONMENT_PAGE if definition.args and name != "ancestors" else _NESTED

    def _count(self, value: Any) -> float:
        """A number of rows that is written out or in a variable; a whole page where it is neither."""
        if isinstance(value, IntValueNode):
            return abs(float(value.value))
        variable = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return abs(variable) if isinstance(variable, int | float) else ENVIRONMENT_PAGE


def check_complexity(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> float:
    """Values that the dearest operation of a document asks for. Raises TooComplex beyond what one may ask for."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    pricing = _Pricing(schema, {**_defaults(operations), **variables}, fragments)
    dearest = max((pricing.selections(schema.query_type, each.selection_set, 0) for each in operations), default=0)
    if dearest > MOST_VALUES:
        raise TooComplex
    return dearest


def _defaults(operations: Sequence[OperationDefinitionNode]) -> Mapping[str, float]:
    """Numbers that variables have where a request gives none; of several operations the largest."""
    costs: dict[str, float] = {}
    for variable in (definition for each in operations for definition in each.variable_definitions or ()):
        if isinstance(variable.default_value, IntValueNode):
            name = variable.variable.name.value
            costs[name] = max(costs.get(name, 0), float(variable.default_value.value))
    return costs

"""graphql-core's executor with one shortcut: lists of plain objects are completed column by column."""

from __future__ import annotations

from typing import Any

from graphql import (
    Executor,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from gateway.local_platform.discovery.execution.columns import (
    Column,
    item_column,
    joined,
    leaf_column,
    list_column,
    nullable,
    object_column,
    read_column,
    required,
)
from gateway.local_platform.discovery.fields.field_readers import PlainField

_Details = list[Any]
"""graphql-core's account of a field: each place in the document that selects it."""

_Selected = tuple[int, tuple[int | str, ...]]
"""What is selected of a type: the ids of nodes of the document, and names of fragments."""

# To compile a selection takes as long as a few objects by graphql-core.
_FEW = 8

MOST_ANSWERED = 5_000_000
"""Fields of rows in one answer; what the archive holds may be more than was estimated. 100,000 models of 40 fit."""


class ColumnExecutor(Executor[Any]):
    """Executes one operation. Values, errors and their places are graphql-core's."""

    def __init__(self, *parts: Any, **named_parts: Any) -> None:
        super().__init__(*parts, **named_parts)
        self._columns: dict[_Selected, Column | None] = {}
        self._sizes: dict[int, int] = {}
        self._left = MOST_ANSWERED

    def complete_list_value(
        self, return_type: GraphQLList[GraphQLOutputType], field_details_list: _Details, *where_and_what: Any
    ) -> Any:
        """A long list of plain objects in one go. Whatever goes wrong there, graphql-core does over.

        Raises where all lists together have more than an answer may.
        """
        result = where_and_what[2]
        key = _selected(return_type.of_type, field_details_list)
        if type(result) in (list, tuple) and (len(result) >= _FEW or key in self._columns):
            self._spend(len(result), field_details_list)
            column = self._items(key, return_type.of_type, field_details_list)
            if column is not None:
                try:
                    return list(column(result))
                except Exception:  # noqa: S110  # graphql-core meets it again, and knows what error belongs where
                    pass
        return super().complete_list_value(return_type, field_details_list, *where_and_what)

    def _spend(self, rows: int, details: _Details) -> None:
        """Counts the fields of rows that are about to be answered."""
        self._left -= rows * sum(self._size(each.node.selection_set) for each in details)
        if self._left < 0:
            message = f"The answer has more than {MOST_ANSWERED:,} values. Ask for fewer fields, runs or rows at once."
            raise GraphQLError(message, extensions={"code": "COMPLEXITY_EXCEEDED"})

    def _size(self, selections: SelectionSetNode | None) -> int:
        """How many fields a selection set has, those within them included. Looked at once."""
        if selections is None:
            return 0
        key = id(selections)
        if key not in self._sizes:
            self._sizes[key] = sum(map(self._size_of, selections.selections))
        return self._sizes[key]

    def _size_of(self, selection: SelectionNode) -> int:
        if isinstance(selection, FragmentSpreadNode):
            return self._size(self.fragment_definitions[selection.name.value].selection_set)
        own = isinstance(selection, FieldNode)
        return own + self._size(selection.selection_set) if isinstance(selection, FieldNode | InlineFragmentNode) else 0

    def _items(self, key: _Selected, type_: GraphQLOutputType, details: _Details) -> Column | None:
        """From a list's items to what is encoded as them. Fields of other objects that select the same share it."""
        if key not in self._columns:
            self._columns[key] = self._column(type_, details)
        return self._columns[key]

    def _column(self, type_: GraphQLOutputType, details: _Details) -> Column | None:
        """The column of a type's values; None for one that takes more than reading."""
        if is_non_null_type(type_):
            column = self._bare_column(type_.of_type, details)
            return required(column) if column else None
        column = self._bare_column(type_, details)
        # Leaves take nulls as they are.
        return column if column is None or is_leaf_type(type_) or is_list_type(type_) else nullable(column)

    def _bare_column(self, type_: GraphQLOutputType, details: _Details) -> Column | None:
        if is_leaf_type(type_):
            return leaf_column(type_)
        if is_list_type(type_):
            items = self._column(type_.of_type, details)
            return list_column(items) if items else None
        return self._object_column(type_, details) if is_object_type(type_) else None

    def _object_column(self, type_: GraphQLObjectType, details: _Details) -> Column | None:
        fields = self.collect_subfields(type_, details).grouped_field_set
        columns = {name: self._field_column(type_, details) for name, details in fields.items()}
        plain = {name: column for name, column in columns.items() if column is not None}
        return object_column(plain) if len(plain) == len(columns) else None

    def _field_column(self, type_: GraphQLObjectType, details: _Details) -> Column | None:
        name = details[0].node.name.value
        if name == "__typename":
            return lambda sources: [type_.name] * len(sources)
        definition = type_.fields.get(name)
        read = _reading(name, definition) if definition and not definition.args else None
        column = self._column(definition.type, details) if definition and read else None
        return joined(read, column) if read and column else None


def _selected(type_: GraphQLOutputType, details: _Details) -> _Selected:
    return id(type_), tuple(_fragment_alone(each.node) or id(each.node) for each in details)


def _fragment_alone(node: FieldNode) -> str | None:
    """The fragment that is all that a field selects; None where there is more, or less."""
    selections = node.selection_set.selections if node.selection_set else ()
    if len(selections) != 1 or not isinstance(selections[0], FragmentSpreadNode) or selections[0].directives:
        return None
    return selections[0].name.value


def _reading(name: str, definition: GraphQLField) -> Column | None:
    """How a field is read; None where a resolver looks at more than its object."""
    if definition.resolve is None:
        return item_column(name)
    return read_column(definition.resolve.reader) if isinstance(definition.resolve, PlainField) else None

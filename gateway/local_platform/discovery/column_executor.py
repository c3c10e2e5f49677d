"""graphql-core's executor with one shortcut: lists of plain objects are completed column by column."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList

from gateway.local_platform.discovery.columns import (
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
from gateway.local_platform.discovery.fields import PlainField

# To compile a selection takes as long as a few objects by graphql-core.
_FEW = 8


class ColumnExecutor(Executor[Any]):
    """Executes one operation. Values, errors and their places are graphql-core's."""

    def __init__(self, *parts: Any, **named_parts: Any) -> None:
        super().__init__(*parts, **named_parts)
        self._columns: dict[tuple[int, tuple[int, ...]], Column | None] = {}

    def complete_list_value(
        self, return_type: GraphQLList[GraphQLOutputType], field_details_list: FieldDetailsList, *where_and_what: Any
    ) -> Any:
        """A long list of plain objects in one go. Whatever goes wrong there, graphql-core does over."""
        result = where_and_what[2]
        if type(result) in (list, tuple) and len(result) >= _FEW:
            column = self._items(return_type.of_type, field_details_list)
            if column is not None:
                try:
                    return list(column(result))
                except Exception:  # noqa: S110  # graphql-core meets it again, and knows what error belongs where
                    pass
        return super().complete_list_value(return_type, field_details_list, *where_and_what)

    def _items(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Column | None:
        """From a list's items to what is encoded as them. The same field of other objects has the same column."""
        key = (id(type_), tuple(id(each.node) for each in details))
        if key not in self._columns:
            self._columns[key] = self._column(type_, details)
        return self._columns[key]

    def _column(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Column | None:
        """The column of a type's values; None for one that takes more than reading."""
        if is_non_null_type(type_):
            column = self._bare_column(type_.of_type, details)
            return required(column) if column else None
        column = self._bare_column(type_, details)
        # Leaves take nulls as they are.
        return column if column is None or is_leaf_type(type_) or is_list_type(type_) else nullable(column)

    def _bare_column(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Column | None:
        if is_leaf_type(type_):
            return leaf_column(type_)
        if is_list_type(type_):
            items = self._column(type_.of_type, details)
            return list_column(items) if items else None
        return self._object_column(type_, details) if is_object_type(type_) else None

    def _object_column(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Column | None:
        fields = self.collect_subfields(type_, details).grouped_field_set
        columns = {name: self._field_column(type_, found) for name, found in fields.items()}
        plain = {name: column for name, column in columns.items() if column is not None}
        return object_column(plain) if len(plain) == len(columns) else None

    def _field_column(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Column | None:
        name = details[0].node.name.value
        if name == "__typename":
            return lambda sources: [type_.name] * len(sources)
        definition = type_.fields.get(name)
        read = _reading(name, definition) if definition and not definition.args else None
        column = self._column(definition.type, details) if definition and read else None
        return joined(read, column) if read and column else None


def _reading(name: str, definition: GraphQLField) -> Column | None:
    """How a field is read; None where a resolver looks at more than its object."""
    if definition.resolve is None:
        return item_column(name)
    return read_column(definition.resolve.reader) if isinstance(definition.resolve, PlainField) else None

"""One operation compiled: which fields it has on which type, and for those that need no questions a column each.

A plan holds for the operation with its `@skip` and `@include` decided one way. Fields are collected by graphql-core
itself, once; what is collected keeps its identity for as long as the plan lives, so everything is found again by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    VariableValues,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry import Schema

from gateway.execution.fast_path.columns import Column, Unsupported, Values, WholeList, leaf_column, list_column, sparse
from gateway.execution.fast_path.resolvers import AsyncResolver, Read, async_resolver, names_variables, plain_reader
from gateway.execution.fast_path.row_cache import Room, RowCache
from gateway.execution.fast_path.row_classes import Row, RowClasses
from gateway.execution.graphql_internals import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from gateway.schema.core_schema import core_schema


@dataclass(frozen=True, slots=True)
class SelectionPlan:
    """The fields of one object type: a column for each plain one, and the `rest`, which resolvers answer.

    `row` makes what is encoded as the object from the values of `names`, in that order.
    """

    names: tuple[str, ...]
    columns: Mapping[str, Column]
    rest: GroupedFieldSet
    row: Row
    type: GraphQLObjectType

    def rows(self, sources: Values) -> Values:
        """Every object as it is encoded; only for a selection without a rest. Raises for whatever is not plain.

        Columns walk over all objects once each, so long lists are taken in parts that stay in the processor's cache.
        """
        rows: list[Any] = []
        for start in range(0, len(sources), _PART):
            part = sources[start : start + _PART]
            self.check(part)
            rows += map(self.row, *[column(part) for column in self.columns.values()])
        return rows

    def check(self, sources: Values) -> None:
        """Raises Unlike unless the objects are of the selection's type. One of each class is looked at: a type's
        `is_type_of` asks for the class of an object only (a test holds that)."""
        for source in {type(source): source for source in sources}.values():
            ensure_object(self.type, source)


@dataclass(frozen=True, slots=True)
class ResolvedField:
    """A field behind a coroutine function. `constant` are its arguments where no variable is among them."""

    definition: GraphQLField
    nodes: list[FieldNode]
    resolver: AsyncResolver
    constant: Mapping[str, Any] | None

    def arguments(self, variables: VariableValues) -> Mapping[str, Any]:
        """The arguments of this request. Raises what graphql-core and Strawberry raise for them."""
        if self.constant is not None:
            return self.constant
        return self.resolver.arguments(self.definition, self.nodes[0], variables)


def ensure_object(type_: GraphQLObjectType, source: object) -> None:
    """Raises Unlike unless an object is surely of a type."""
    kind = type(source)
    if kind in _NEVER_OBJECTS or issubclass(kind, BaseException) or hasattr(kind, "__await__"):
        raise Unsupported
    if type_.is_type_of is not None and type_.is_type_of(source, _NO_INFO) is not True:
        raise Unsupported


@dataclass(frozen=True, slots=True)
class ReadField:
    """A field that is read off its object, and its type."""

    type: GraphQLOutputType
    of: Read


class Attempts:
    """Whether a synchronous attempt is worth its time: less and less often where attempts keep failing."""

    def __init__(self) -> None:
        self._failures = 0
        self._left_out = 0

    def is_due(self) -> bool:
        """Whether to try now."""
        if self._left_out:
            self._left_out -= 1
            return False
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures = min(self._failures + 1, _MOST_FAILURES)
        self._left_out = 2 ** (self._failures - 1) - 1


class Plan:
    """One operation, compiled bit by bit as it is run for the first time."""

    def __init__(
        self,
        schema: Schema,
        operation: OperationDefinitionNode,
        definitions: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        room: Room,
        row_classes: RowClasses,
    ) -> None:
        self._room = room
        self._row_classes = row_classes
        self.schema = core_schema(schema)
        self.operation = operation
        self.definitions = dict(definitions)
        self.fragments = {name: FragmentDetails(node) for name, node in definitions.items()}
        self._strawberry = schema
        self._variables = variables
        self._collected: dict[tuple[GraphQLObjectType, int], CollectedFields] = {}
        self._selections: dict[tuple[GraphQLObjectType, int], SelectionPlan | None] = {}
        self._lists: dict[int, WholeList | None] = {}
        self._read: dict[tuple[GraphQLObjectType, int], ReadField | None] = {}
        self._leaves: dict[GraphQLLeafType, Column] = {}
        self.attempts = Attempts()
        self._resolved: dict[tuple[GraphQLObjectType, int], ResolvedField | None] = {}
        self.root_type = cast(GraphQLObjectType, self.schema.query_type)  # a schema without queries is not built
        collected = collect_fields(self.schema, self.fragments, variables, self.root_type, operation)
        self.root_fields = collected.grouped_field_set

    def collected(self, type_: GraphQLObjectType, details: FieldDetailsList) -> CollectedFields:
        """The fields that are asked of an object of this type, as graphql-core collects them."""
        key = (type_, id(details))
        fields = self._collected.get(key)
        if fields is None:
            fields = self._collected[key] = collect_subfields(
                self.schema, self.fragments, self._variables, self.operation, type_, details
            )
        return fields

    def selection(self, type_: GraphQLObjectType, details: FieldDetailsList) -> SelectionPlan | None:
        """The same, compiled; None when none of the fields is plain."""
        fields = self.collected(type_, details).grouped_field_set
        return self.selection_of(type_, fields)

    def selection_of(self, type_: GraphQLObjectType, fields: GroupedFieldSet) -> SelectionPlan | None:
        """Fields that were collected by this plan, compiled; None when none of them is plain."""
        key = (type_, id(fields))
        if key not in self._selections:
            self._selections[key] = self._compile(type_, fields)
        return self._selections[key]

    def list_of(self, item_type: GraphQLOutputType, details: FieldDetailsList) -> WholeList | None:
        """What a list field's items become, as their list; None when that takes questions."""
        key = id(details)
        if key not in self._lists:
            items = self._column(item_type, details, nullable=True)
            self._lists[key] = self._whole(item_type, details, items) if items else None
        return self._lists[key]

    def _whole(self, item_type: GraphQLOutputType, details: FieldDetailsList, items: Column) -> WholeList:
        """Lists of objects are taken as they were encoded before, if they were."""
        named = get_named_type(item_type)
        inner = item_type.of_type if is_non_null_type(item_type) else item_type
        selection = self.selection(named, details) if is_object_type(named) and inner is named else None
        if selection is None:
            return items
        kept = RowCache(self._room, selection.rows)

        def whole(values: Values) -> Any:
            return (kept.encode(values) if values else None) or items(values)

        return whole

    def read(self, type_: GraphQLObjectType, details: FieldDetailsList) -> ReadField | None:
        """How to read a field that asks nobody, though what it holds has fields that do; None for other fields."""
        key = (type_, id(details))
        if key not in self._read:
            definition = type_.fields.get(details[0].node.name.value)
            of = plain_reader(definition) if definition else None
            self._read[key] = ReadField(definition.type, of) if definition and of else None
        return self._read[key]

    def leaf(self, type_: GraphQLLeafType) -> Column:
        """What values of a scalar or an enum become; none of them may be null."""
        column = self._leaves.get(type_)
        if column is None:
            column = self._leaves[type_] = leaf_column(type_, nullable=False)
        return column

    def resolved(self, type_: GraphQLObjectType, details: FieldDetailsList) -> ResolvedField | None:
        """The coroutine function behind a field of this type; None for fields that are answered otherwise."""
        key = (type_, id(details))
        if key not in self._resolved:
            self._resolved[key] = self._find_resolver(type_, details)
        return self._resolved[key]

    def _compile(self, type_: GraphQLObjectType, fields: GroupedFieldSet) -> SelectionPlan | None:
        compiled = {name: self._field_column(type_, details) for name, details in fields.items()}
        columns = {name: column for name, column in compiled.items() if column is not None}
        if not columns:
            return None
        rest = {name: details for name, details in fields.items() if name not in columns}
        return SelectionPlan(tuple(fields), columns, rest, self._row_classes.of(tuple(fields)), type_)

    def _field_column(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Column | None:
        """From objects of a type to what is encoded as one of their fields."""
        name = details[0].node.name.value
        if name == "__typename":
            return lambda sources: [type_.name] * len(sources)
        definition = type_.fields.get(name)
        read = plain_reader(definition) if definition else None
        column = self._column(definition.type, details, nullable=True) if definition and read else None
        if read is None or column is None:
            return None
        return lambda sources: column(list(map(read, sources)))

    def _column(self, type_: GraphQLOutputType, details: FieldDetailsList, nullable: bool) -> Column | None:
        """From values of a type to what is encoded in their place."""
        if is_non_null_type(type_):
            return self._column(type_.of_type, details, nullable=False)
        if is_leaf_type(type_):
            return leaf_column(type_, nullable)
        if is_list_type(type_):
            items = self._column(type_.of_type, details, nullable=True)
            return list_column(items, nullable, self._whole(type_.of_type, details, items)) if items else None
        if not is_object_type(type_):
            return None
        selection = self.selection(type_, details)
        return sparse(selection.rows, nullable) if selection and not selection.rest else None

    def _find_resolver(self, type_: GraphQLObjectType, details: FieldDetailsList) -> ResolvedField | None:
        nodes = [detail.node for detail in details]
        definition = type_.fields.get(nodes[0].name.value)
        resolver = async_resolver(self._strawberry, definition) if definition else None
        if definition is None or resolver is None:
            return None
        if names_variables(nodes[0]):
            return ResolvedField(definition, nodes, resolver, None)
        try:
            return ResolvedField(definition, nodes, resolver, resolver.arguments(definition, nodes[0], None))
        except Exception:
            # Arguments that are refused are refused by graphql-core, with its own words, whenever the field is run.
            return None


# What the default resolver reads otherwise, or what a list of objects can only hold by mistake.
_NEVER_OBJECTS = frozenset({str, int, float, bool, dict, list, tuple})
_NO_INFO: Any = None
_PART = 256
# One of 32 requests is attempted where all before failed.
_MOST_FAILURES = 6

"""The synchronous attempt: resolvers run one after the other, without an event loop, while all facts are in memory.

It gives complete answers only. An error, a null where none may be, a fact that is not cached, a resolver that waits:
each raises. Nothing has been sent or changed by then, and the operation is run by the compiled executor instead.

What has to be done is decided once per plan: a function for each field and each type of value, which call each other.
To be run within `only_if_cached`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLObjectType,
    GraphQLOutputType,
    ResponsePath,
    VariableValues,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from msgspec import Struct

from gateway.concurrency.only_if_cached import run_sync, spend
from gateway.execution.fast_path.columns import Unsupported
from gateway.execution.fast_path.plans import Plan, ensure_object
from gateway.execution.graphql_internals import FieldDetailsList, GroupedFieldSet


class ResolveInfo(Struct, frozen=True):
    """What a resolver gets to know of its field: the request's context, its name and where in the answer it stands."""

    context: object
    field_name: str
    path: ResponsePath | None


class _RequestValues(Struct, frozen=True):
    """What differs from request to request."""

    variables: VariableValues
    context: object


_STEPS_OF_AN_ITEM = 20
"""What an item of a list takes whose fields are resolved one by one, in microseconds at least."""

_Make = Callable[[_RequestValues, Any, ResponsePath | None], Any]
"""From a request, an object or a value, and its place to what stands in the answer."""


class SynchronousExecution:
    """Runs one plan, for any number of requests."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._whole: _Make | None = None

    def data(self, variables: VariableValues, context: object) -> Mapping[str, Any]:
        """The answer's data. Raises where the compiled executor has to run the operation."""
        if self._whole is None:
            self._whole = _object(self._plan, self._plan.root_type, self._plan.root_fields)
        data: Mapping[str, Any] = self._whole(_RequestValues(variables, context), None, None)
        return data


def _object(plan: Plan, type_: GraphQLObjectType, fields: GroupedFieldSet) -> _Make:
    """Makes an object of its source."""
    selection = plan.selection_of(type_, fields)
    rest = selection.rest if selection else fields
    makes = [(name, _field(plan, type_, details)) for name, details in rest.items()]
    columns = list(selection.columns.items()) if selection else []
    order, type_name = tuple(fields), type_.name

    def make(asked: _RequestValues, source: Any, path: ResponsePath | None) -> dict[str, Any]:
        sources = (source,)
        values = {name: column(sources)[0] for name, column in columns} if columns else {}
        for name, field in makes:
            values[name] = field(asked, source, ResponsePath(path, name, type_name))
        return {name: values[name] for name in order} if columns and makes else values

    return make


def _field(plan: Plan, type_: GraphQLObjectType, details: FieldDetailsList) -> _Make:
    """Makes a field's value of the object it belongs to."""
    resolved = plan.resolved(type_, details)
    if resolved is None:
        return _read_field(plan, type_, details)
    complete = _completed(plan, resolved.definition.type, details)
    resolver, constant, arguments_of = resolved.resolver, resolved.constant, resolved.arguments
    name = details[0].node.name.value

    def make(asked: _RequestValues, source: Any, path: ResponsePath | None) -> Any:
        arguments = arguments_of(asked.variables) if constant is None else constant
        return complete(asked, run_sync(resolver(source, ResolveInfo(asked.context, name, path), arguments)), path)

    return make


def _read_field(plan: Plan, type_: GraphQLObjectType, details: FieldDetailsList) -> _Make:
    read = plan.read(type_, details)
    if read is None:
        return _unlike
    complete, of = _completed(plan, read.type, details), read.of
    return lambda asked, source, path: complete(asked, of(source), path)


def _completed(plan: Plan, type_: GraphQLOutputType, details: FieldDetailsList) -> _Make:
    """Makes what stands in the answer of a field's value."""
    if is_non_null_type(type_):
        present = _present(plan, type_.of_type, details)

        def make(asked: _RequestValues, value: Any, path: ResponsePath | None) -> Any:
            if value is None:
                raise Unsupported
            return present(asked, value, path)

        return make
    nullable = _present(plan, type_, details)
    return lambda asked, value, path: None if value is None else nullable(asked, value, path)


def _present(plan: Plan, type_: GraphQLOutputType, details: FieldDetailsList) -> _Make:
    """The same of values that are not null."""
    if is_object_type(type_):
        return _checked_object(plan, type_, details)
    if is_leaf_type(type_):
        leaf = plan.leaf(type_)
        return lambda _asked, value, _path: leaf((value,))[0]
    return _list(plan, type_.of_type, details) if is_list_type(type_) else _unlike


def _checked_object(plan: Plan, type_: GraphQLObjectType, details: FieldDetailsList) -> _Make:
    make = _object(plan, type_, plan.collected(type_, details).grouped_field_set)
    # One of each class is looked at, as in Selection.check.
    known: set[type] = set()

    def checked(asked: _RequestValues, value: Any, path: ResponsePath | None) -> Any:
        if type(value) not in known:
            ensure_object(type_, value)
            known.add(type(value))
        return make(asked, value, path)

    return checked


def _list(plan: Plan, item_type: GraphQLOutputType, details: FieldDetailsList) -> _Make:
    column = plan.list_of(item_type, details)
    complete = _completed(plan, item_type, details) if column is None else _unlike

    def make(asked: _RequestValues, values: Any, path: ResponsePath | None) -> Any:
        if type(values) not in (list, tuple):
            raise Unsupported
        if column is not None:
            spend(len(values))
            return column(values)
        spend(_STEPS_OF_AN_ITEM * len(values))
        return [complete(asked, value, ResponsePath(path, place, None)) for place, value in enumerate(values)]

    return make


def _unlike(_asked: _RequestValues, _value: Any, _path: ResponsePath | None) -> Any:
    """A field or a value that is left to the compiled executor."""
    raise Unsupported

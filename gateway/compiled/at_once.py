"""One operation answered at once: resolvers run one after the other, without an event loop, while nothing has to wait.

It knows right answers only. Whatever is out of the ordinary, an error, a null where none may be, a resolver that waits,
raises; nothing has happened by then, and the operation is run again in the usual way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from gateway.at_hand import outcome
from gateway.compiled.columns import Unlike
from gateway.compiled.plans import Plan, ensure_object


@dataclass(frozen=True, slots=True)
class Here:
    """What a resolver is told of its field: the request's context and where in the answer it stands."""

    context: object
    path: Path


class AtOnce:
    """Runs a plan once."""

    def __init__(self, plan: Plan, variables: VariableValues, context: object) -> None:
        self._plan = plan
        self._variables = variables
        self._context = context

    def data(self) -> Mapping[str, Any]:
        """The answer's data. Raises for an operation that has to be run in the usual way."""
        return self._object(self._plan.root_type, None, self._plan.root_fields, None)

    def _object(
        self, type_: GraphQLObjectType, source: Any, fields: GroupedFieldSet, path: Path | None
    ) -> dict[str, Any]:
        selection = self._plan.selection_of(type_, fields)
        found: dict[str, Any] = {}
        if selection is not None:
            one = (source,)
            for name, column in selection.columns.items():
                found[name] = column(one)[0]
            if not selection.rest:
                return found
        for name, details in (selection.rest if selection else fields).items():
            found[name] = self._field(type_, source, details, Path(path, name, type_.name))
        return {name: found[name] for name in fields} if selection else found

    def _field(self, type_: GraphQLObjectType, source: Any, details: FieldDetailsList, path: Path) -> Any:
        field = self._plan.resolved(type_, details)
        if field is None:
            read = self._plan.read(type_, details)
            if read is None:
                raise Unlike
            return self._completed(read.type, details, read.of(source), path)
        arguments = field.arguments(self._variables)
        value: Any = outcome(field.resolver(source, Here(self._context, path), arguments))
        return self._completed(field.definition.type, details, value, path)

    def _completed(self, type_: GraphQLOutputType, details: FieldDetailsList, value: Any, path: Path) -> Any:
        if is_non_null_type(type_):
            if value is None:
                raise Unlike
            type_ = type_.of_type
        elif value is None:
            return None
        if is_object_type(type_):
            ensure_object(type_, value)
            return self._object(type_, value, self._plan.collected(type_, details).grouped_field_set, path)
        if is_leaf_type(type_):
            return self._plan.leaf(type_)((value,))[0]
        if not is_list_type(type_) or type(value) not in (list, tuple):
            raise Unlike
        column = self._plan.list_of(type_.of_type, details)
        if column is not None:
            return column(value)
        return [
            self._completed(type_.of_type, details, item, Path(path, place, None)) for place, item in enumerate(value)
        ]

"""graphql-core's executor with shortcuts: plain objects are completed by columns, coroutine functions called directly.

Everything else is graphql-core's: the order in which fields are resolved and awaited, the errors and where they belong,
what becomes of a null. Whenever values are not what a column takes, nothing has been asked yet, and graphql-core does
that part over. A shortcut never answers anything that it does not know to be right.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    ResponsePath,
    VariableValues,
    default_field_resolver,
    default_type_resolver,
)

from gateway.concurrency.checkpoints import checkpoint
from gateway.execution.fast_path.columns import WholeList
from gateway.execution.fast_path.plans import Plan, SelectionPlan
from gateway.execution.graphql_internals import CollectedFields, FieldDetailsList, GroupedFieldSet
from gateway.execution.piecewise_executor import PiecewiseExecutor

# Plain objects in a list that are completed at once, and microseconds for each of more.
_LONG = 250
_STEPS_OF_A_ROW = 3


class Compiled(ExecutionResult):
    """The outcome of a compiled operation. `fell_back`: graphql-core had to complete some of it."""

    fell_back = False


class CompiledExecutor(PiecewiseExecutor):
    """Runs one operation once, by its plan. `fallbacks` counts what turned out not to be plain."""

    def __init__(self, plan: Plan, variables: VariableValues, context: object) -> None:
        super().__init__(
            schema=plan.schema,
            fragment_definitions=plan.definitions,
            fragments=plan.fragments,
            root_value=None,
            context_value=context,
            operation=plan.operation,
            variable_values=variables,
            field_resolver=default_field_resolver,
            type_resolver=default_type_resolver,
            subscribe_field_resolver=default_field_resolver,
        )
        self._plan = plan
        self.fallbacks = 0

    async def run(self) -> Compiled:
        """The outcome of the operation, as graphql-core's `execute` gives it."""
        plan = self._plan
        data: Any
        try:
            data = self.execute_fields(plan.root_type, None, None, plan.root_fields, None)
            if self.is_awaitable(data):
                data = await data
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        result = Compiled(data, self.collected_errors.errors or None)
        result.fell_back = bool(self.fallbacks)
        return result

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        """Once per plan, not once per request."""
        return self._plan.collected(return_type, field_details_list)

    def complete_list_value(
        self, return_type: GraphQLList[GraphQLOutputType], field_details_list: FieldDetailsList, *where_and_what: Any
    ) -> Any:
        """A list of plain objects or of scalars in one go."""
        _info, _path, result, _position = where_and_what
        item_type, is_list = return_type.of_type, type(result) in (list, tuple)
        column = self._plan.list_of(item_type, field_details_list)
        if column is not None and is_list:
            if len(result) > _LONG:
                return self._complete_in_turn(column, return_type, field_details_list, where_and_what)
            try:
                return column(result)
            except Exception:
                self.fallbacks += 1
        return super().complete_list_value(return_type, field_details_list, *where_and_what)

    async def _complete_in_turn(
        self,
        column: WholeList,
        return_type: GraphQLList[GraphQLOutputType],
        details: FieldDetailsList,
        where_and_what: tuple[Any, ...],
    ) -> Any:
        """The same of a long list, when it is its turn."""
        result = where_and_what[2]
        await checkpoint(len(result) * _STEPS_OF_A_ROW)
        try:
            return column(result)
        except Exception:
            self.fallbacks += 1
        completed = super().complete_list_value(return_type, details, *where_and_what)
        return await completed if self.is_awaitable(completed) else completed

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: ResponsePath | None,
        grouped_field_set: GroupedFieldSet,
        position_context: None,
    ) -> Any:
        """The plain fields of an object first: they ask nobody. Then graphql-core has the rest resolved."""
        selection = self._plan.selection_of(parent_type, grouped_field_set)
        if selection is not None:
            try:
                plain = {name: column((source_value,))[0] for name, column in selection.columns.items()}
            except Exception:
                self.fallbacks += 1
            else:
                if not selection.rest:
                    return plain
                rest = super().execute_fields(parent_type, source_value, path, selection.rest, None)
                return (
                    _joined(selection, plain, rest) if isinstance(rest, dict) else _joined_later(selection, plain, rest)
                )
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: ResponsePath,
        position_context: None,
    ) -> Any:
        """A coroutine function is called as it is; what it gives, raises or waits for is graphql-core's again."""
        field = self._plan.resolved(parent_type, field_details_list)
        if field is None:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        try:
            arguments = field.arguments(self.variable_values)
        except Exception:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        info = self.build_resolve_info(field.definition, field.nodes, parent_type, path)
        waiting = field.resolver(source, info, arguments)
        return self.complete_awaitable_value(
            field.definition.type, field_details_list, info, path, waiting, position_context
        )


def _joined(selection: SelectionPlan, plain: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """All fields in the order in which they were asked for."""
    values = plain | rest
    return {name: values[name] for name in selection.names}


async def _joined_later(
    selection: SelectionPlan, plain: dict[str, Any], rest: Awaitable[dict[str, Any]]
) -> dict[str, Any]:
    return _joined(selection, plain, await rest)

"""Executors that honour `onError`: where it is NULL, a field error stays with its field. Their errors say where in the
schema they belong."""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    Executor,
    GraphQLError,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    ResponsePath,
    located_error,
)

from gateway.errors import ErrorBehavior
from gateway.execution.error_coordinates import note_field, note_variables
from gateway.execution.graphql_internals import FieldDetailsList, IncrementalExecutor


class ErrorBehaviorExecutor(Executor[Any]):
    """graphql-core's executor; the context says what an error does to the data around it."""

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        *others: Any,
        **named: Any,
    ) -> list[GraphQLError] | Executor[Any]:
        """An executor, or why there is none: values of variables that do not fit."""
        built = super().build(schema, document, root_value, context_value, raw_variable_values, *others, **named)
        if isinstance(built, list):
            note_variables(schema, document, raw_variable_values or {}, built)
        return built

    def handle_field_error(
        self,
        raw_error: Exception,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        path: ResponsePath,
    ) -> None:
        """Notes an error, or raises it on to the parent field."""
        nodes = [details.node for details in field_details_list]
        error = located_error(raw_error, nodes, path.as_list())
        note_field(self.schema, error, nodes[0], path)
        stays = getattr(self.context_value, "on_error", None) is ErrorBehavior.NULL
        if stays and isinstance(return_type, GraphQLNonNull):
            return_type = return_type.of_type
        super().handle_field_error(error, return_type, field_details_list, path)


class DeferringExecutor(ErrorBehaviorExecutor, IncrementalExecutor):
    """The same for operations that are answered in parts."""

"""Executors that honour `onError`: where it is NULL, a field error stays with its field."""

from __future__ import annotations

from typing import Any

from graphql import Executor, GraphQLNonNull, GraphQLOutputType

from gateway.errors import ErrorBehavior
from gateway.execution.graphql_internals import IncrementalExecutor


class ErrorBehaviorExecutor(Executor[Any]):
    """graphql-core's executor; the context says what an error does to the data around it."""

    def handle_field_error(self, raw_error: Exception, return_type: GraphQLOutputType, *where: Any) -> None:
        """Notes an error, or raises it on to the parent field."""
        stays = getattr(self.context_value, "on_error", None) is ErrorBehavior.NULL
        if stays and isinstance(return_type, GraphQLNonNull):
            return_type = return_type.of_type
        super().handle_field_error(raw_error, return_type, *where)


class DeferringExecutor(ErrorBehaviorExecutor, IncrementalExecutor):
    """The same for operations that are answered in parts."""

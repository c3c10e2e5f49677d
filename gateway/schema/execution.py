"""Running one operation: validation remembered per document, graphql-core's executor, errors in their public form."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import DocumentNode, ExecutionResult, FieldNode, GraphQLError, GraphQLSchema, execute, validate

from gateway.compiled.documents import PerDocument
from gateway.compiled.operations import Operations
from gateway.errors import GatewayError
from gateway.loading.asking import PartialFailure
from gateway.loading.projection import Projection, projection_of
from gateway.schema.context import GatewayContext

log = logging.getLogger(__name__)

_MOST_VALIDATION_ERRORS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation. `executed` is False when it was invalid or its variables could not be coerced."""

    data: Mapping[str, Any] | None
    errors: Sequence[Mapping[str, Any]]
    executed: bool


class OperationRunner:
    """Validates and executes parsed documents against the schema. Safe for concurrent use on one event loop."""

    def __init__(self, schema: strawberry.Schema, fast_path: bool = True) -> None:
        # Strawberry keeps the graphql-core schema it built in `_schema`; executing on it directly leaves out its
        # parsing and extension machinery, which the edge has done already. A test pins this seam.
        self._schema: GraphQLSchema = schema._schema
        self._compiled = Operations(schema) if fast_path else None
        self._validated = PerDocument(self._validate)
        self._projected = PerDocument(projection_of)

    def projection(self, document: DocumentNode, operation_name: str | None) -> Projection:
        """What the operation needs of models."""
        return self._projected.of(document, operation_name)

    async def run(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
        context: GatewayContext,
    ) -> Outcome:
        """The outcome of one operation; never raises for anything a caller can send."""
        invalid = self._validated.of(document)
        if invalid:
            return Outcome(None, [_with_code(error, "GRAPHQL_VALIDATION_FAILED") for error in invalid], executed=False)
        finished = await self._execute(document, operation_name, variables, context)
        return _outcome(finished, context.failures)

    async def _execute(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
        context: GatewayContext,
    ) -> ExecutionResult:
        if self._compiled is not None:
            compiled = await self._compiled.run(document, operation_name, variables, context)
            if compiled is not None:
                return compiled
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
        )
        return result if isinstance(result, ExecutionResult) else await result

    def _validate(self, document: DocumentNode, _name: str | None) -> tuple[GraphQLError, ...]:
        return tuple(validate(self._schema, document, max_errors=_MOST_VALIDATION_ERRORS)[:_MOST_VALIDATION_ERRORS])


def _outcome(result: ExecutionResult, failures: Sequence[PartialFailure]) -> Outcome:
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        return Outcome(None, [_with_code(error, "BAD_USER_INPUT") for error in errors], executed=False)
    formatted = [*map(format_error, errors), *map(_format_partial, failures)]
    return Outcome(result.data, formatted, executed=True)


def format_error(error: GraphQLError) -> dict[str, Any]:
    """An error in its public form: our own with their code, everything else masked under an id that the log holds."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    formatted: dict[str, Any] = dict(error.formatted)
    if isinstance(original, GatewayError):
        formatted["message"] = original.message
        formatted["extensions"] = original.extensions
    elif original is None or _is_about_a_value(original):
        formatted["extensions"] = {"code": "BAD_USER_INPUT", **(error.extensions or {})}
    else:
        error_id = uuid.uuid4().hex
        log.error("unexpected error %s at %s", error_id, error.path, exc_info=original)
        formatted["message"] = (
            f"Something went wrong inside the gateway. The operator finds it in the log as {error_id}."
        )
        formatted["extensions"] = {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id}
    return formatted


def _is_about_a_value(original: Exception) -> bool:
    """Whether an argument could not be coerced while its field was executed: a variable is null where only a missing
    one would have been replaced by the default. Errors about a field's result have no nodes, or that field's."""
    nodes = original.nodes if isinstance(original, GraphQLError) else None
    return bool(nodes) and not any(isinstance(node, FieldNode) for node in nodes or ())


def _format_partial(failure: PartialFailure) -> dict[str, Any]:
    extensions = {**failure.error.extensions, "project": failure.project_id, "partial": True}
    message = f"Project {failure.project_id} is missing from this answer: {failure.error.message}"
    return {"message": message, "path": list(failure.path), "extensions": extensions}


def _with_code(error: GraphQLError, code: str) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    formatted["extensions"] = {"code": code, **(error.extensions or {})}
    return formatted

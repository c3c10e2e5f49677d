"""Running one operation: validation remembered per document, graphql-core's executor, errors in their public form."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    experimental_execute_incrementally,
)
from msgspec import Struct

from gateway.concurrency.checkpoints import pieces
from gateway.errors import ErrorBehavior, GatewayError
from gateway.execution.disclosure import Disclosure
from gateway.execution.error_coordinates import COORDINATE, note_document
from gateway.execution.fast_path.compiled_executor import Compiled
from gateway.execution.fast_path.operations import Operations
from gateway.execution.field_coordinates import coordinates_of
from gateway.execution.per_document import PerDocument
from gateway.execution.piecewise_executor import PiecewiseExecutor
from gateway.execution.validation import Validator, explained
from gateway.loading.field_context import PartialFailure
from gateway.loading.projection import Projection, projection_of
from gateway.schema.context import GatewayContext
from gateway.schema.core_schema import core_schema

log = logging.getLogger(__name__)

_MOST_VALIDATION_ERRORS = 5
_MOST_ERRORS_AT_ONCE = 100
_STEPS_OF_AN_ERROR = 15
_NO_SUCH_DOCUMENT = "The document does not fit the schema."
_NO_SUCH_VALUE = "A value does not fit its type."


class ExecutionMode(StrEnum):
    """How an operation was run: synchronously from memory; by a plan; by a plan and, where values were not what it
    takes, by graphql-core; by graphql-core alone. The values are public: metrics name them."""

    SYNCHRONOUS = "at_once"
    COMPILED = "compiled"
    FALLBACK = "stepped_back"
    SLOW = "slow"


class Outcome(Struct, frozen=True):
    """What came of an operation, and how. `executed` is False when it was invalid or its variables could not be
    coerced."""

    data: Mapping[str, Any] | None
    errors: Sequence[Mapping[str, Any]]
    executed: bool
    way: ExecutionMode = ExecutionMode.SLOW


class OperationRunner:
    """Validates and executes parsed documents against the schema. Safe for concurrent use on one event loop."""

    def __init__(self, schema: strawberry.Schema, fast_path: bool = True, disclosure: Disclosure | None = None) -> None:
        self._disclosure = disclosure or Disclosure()
        # Strawberry keeps the graphql-core schema it built in `_schema`; executing on it directly leaves out its
        # parsing and extension machinery, which the edge has done already. A test pins this seam.
        self._schema = core_schema(schema)
        self._validator = Validator(self._schema, self._disclosure.rules)
        self._compiled = Operations(schema) if fast_path else None
        self._validated = PerDocument(self._validate)
        self._projected = PerDocument(projection_of)
        self._coordinates = PerDocument(partial(coordinates_of, self._schema))

    def projection(self, document: DocumentNode, operation_name: str | None) -> Projection:
        """What the operation needs of models."""
        return self._projected.of(document, operation_name)

    def coordinates(self, document: DocumentNode, operation_name: str | None) -> frozenset[str]:
        """The schema coordinates that the operation asks for (see field_coordinates)."""
        return self._coordinates.of(document, operation_name)

    async def run(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
        context: GatewayContext,
    ) -> Outcome:
        """The outcome of one operation, whole: what it defers is in it. Never raises for anything a caller can send."""
        invalid = self.invalid(document)
        if invalid is not None:
            return invalid
        finished = await self._execute(document, operation_name, variables, context)
        errors = finished.errors or []
        if len(errors) <= _MOST_ERRORS_AT_ONCE:
            return self.outcome(finished, context)
        formatted: list[Mapping[str, Any]] = []
        async for piece in pieces(errors, _STEPS_OF_AN_ERROR):
            formatted += map(self.formatted, piece)
        formatted += map(self.formatted_partial, context.failures)
        return Outcome(_data(finished, context, formatted), formatted, True, _way(finished))

    def run_sync(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
        context: GatewayContext,
    ) -> Outcome | None:
        """The outcome of an operation whose facts are all in memory, and which meets no error; None for any other:
        `run` has to run it. To be called within `only_if_cached`."""
        if self._compiled is None or self._validated.of(document):
            return None
        data = self._compiled.run_sync(document, operation_name, variables, context)
        if data is None or context.failures:
            return None
        return Outcome(data, (), executed=True, way=ExecutionMode.SYNCHRONOUS)

    def facts_changed(self) -> None:
        """Lets go of what was made of facts that are no more."""
        if self._compiled is not None:
            self._compiled.rows.clear()

    def invalid(self, document: DocumentNode) -> Outcome | None:
        """What comes of a document that does not fit the schema; None of one that does."""
        invalid = self._validated.of(document)
        if not invalid:
            return None
        errors = [_with_code(explained(error), "GRAPHQL_VALIDATION_FAILED") for error in invalid]
        return Outcome(None, self._disclosure.disclosed(errors, _NO_SUCH_DOCUMENT), executed=False)

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
        # `execute` refuses every schema that knows @defer; the plain executor answers deferred fragments in place.
        result = experimental_execute_incrementally(
            self._schema,
            document,
            context_value=context,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            hide_suggestions=not self._disclosure.suggestions,
            executor_class=PiecewiseExecutor,
        )
        finished = await result if isawaitable(result) else result
        return cast("ExecutionResult", finished)

    def _validate(self, document: DocumentNode, _name: str | None) -> tuple[GraphQLError, ...]:
        hidden = not self._disclosure.suggestions
        errors = self._validator.errors(document, _MOST_VALIDATION_ERRORS, hide_suggestions=hidden)
        errors = errors[:_MOST_VALIDATION_ERRORS]
        note_document(self._schema, document, errors)
        return tuple(errors)

    def outcome(self, result: ExecutionResult, context: GatewayContext) -> Outcome:
        """A result in its public form, with the parts that are missing from it among its errors."""
        errors = result.errors or []
        if result.data is None and errors and all(error.path is None for error in errors):
            refused = [_with_code(error, "BAD_USER_INPUT") for error in errors]
            return Outcome(None, self._disclosure.disclosed(refused, _NO_SUCH_VALUE), executed=False)
        formatted = [*map(self.formatted, errors), *map(self.formatted_partial, context.failures)]
        return Outcome(_data(result, context, formatted), formatted, executed=True, way=_way(result))

    def formatted(self, error: GraphQLError) -> dict[str, Any]:
        """An error of an executed operation in its public form."""
        return format_error(error, self._disclosure.is_silent)

    def formatted_partial(self, failure: PartialFailure) -> dict[str, Any]:
        """A missing part in its public form."""
        return format_partial(failure, self._disclosure.is_silent)

    @property
    def hides_suggestions(self) -> bool:
        """Whether errors must hide names that a caller did not ask for."""
        return not self._disclosure.suggestions


def _data(result: ExecutionResult, context: GatewayContext, errors: Sequence[object]) -> dict[str, Any] | None:
    return None if errors and context.on_error is ErrorBehavior.HALT else result.data


def _way(result: ExecutionResult) -> ExecutionMode:
    if not isinstance(result, Compiled):
        return ExecutionMode.SLOW
    return ExecutionMode.FALLBACK if result.fell_back else ExecutionMode.COMPILED


def format_error(error: GraphQLError, is_silent: bool = False) -> dict[str, Any]:
    """An error in its public form: our own with their code, everything else masked under an id that the log holds.

    `is_silent` keeps types and coordinates out of it.
    """
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    formatted: dict[str, Any] = dict(error.formatted)
    added = dict(error.extensions or {})
    coordinate = added.pop(COORDINATE, None)
    if isinstance(original, GatewayError):
        formatted["message"] = original.message
        extensions = original.extensions
    elif original is None or _is_about_a_value(original):
        formatted["message"] = _NO_SUCH_VALUE if is_silent else error.message
        extensions = {"code": "BAD_USER_INPUT", **added}
    else:
        error_id = uuid.uuid4().hex
        log.error("unexpected error %s at %s", error_id, error.path, exc_info=original)
        formatted["message"] = (
            f"Something went wrong inside the gateway. The operator finds it in the log as {error_id}."
        )
        extensions = {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id}
    formatted["extensions"] = _with_coordinate(extensions, coordinate, is_silent)
    return formatted


def _with_coordinate(extensions: dict[str, Any], coordinate: str | None, is_silent: bool) -> dict[str, Any]:
    return extensions if coordinate is None or is_silent else {**extensions, COORDINATE: coordinate}


def _is_about_a_value(original: Exception) -> bool:
    """Whether an argument could not be coerced while its field was executed: a variable is null where only a missing
    one would have been replaced by the default. Errors about a field's result have no nodes, or that field's."""
    nodes = original.nodes if isinstance(original, GraphQLError) else None
    return bool(nodes) and not any(isinstance(node, FieldNode) for node in nodes or ())


def format_partial(failure: PartialFailure, is_silent: bool = False) -> dict[str, Any]:
    """A missing part in its public form; `is_silent` keeps the coordinate out of it."""
    extensions = {**failure.error.extensions, "project": failure.project_id, "partial": True}
    message = f"{failure.subject} is missing from this answer: {failure.error.message}"
    place = failure.place
    extensions = _with_coordinate(extensions, place.coordinate, is_silent)
    return {"message": message, "path": list(place.path), "extensions": extensions}


def _with_code(error: GraphQLError, code: str) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    formatted["extensions"] = {"code": code, **(error.extensions or {})}
    return formatted

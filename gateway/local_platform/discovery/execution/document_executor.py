"""Executes documents: parsed and validated once each, run over one consistent view of the archive."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    execute_sync,
    parse,
    validate,
)
from sqlalchemy.exc import DataError

from gateway.archive.archive import Archive
from gateway.archive.retention import forget_newest_runs
from gateway.concurrency.bounded_map import ComputedMap
from gateway.errors import ConfigurationError
from gateway.local_platform.discovery.execution.column_executor import ColumnExecutor
from gateway.local_platform.discovery.execution.complexity import TooComplex, check_complexity
from gateway.local_platform.discovery.lists.selection import count_fields
from gateway.local_platform.discovery.nodes.session import DerivedCaches, Session
from gateway.local_platform.discovery.schema import create_schema
from gateway.local_platform.failures import log_failures
from gateway.local_platform.faults.switches import Faults

_log = logging.getLogger(__name__)

_KEPT_DOCUMENTS = 256
_LONGEST_KEPT = 200_000
# Parsing and checking takes some 30 microseconds a token.
_MAX_TOKENS = 20_000
_NO_FAULTS = Faults()
_TOO_COMPLEX = {
    "message": "Error: This query exceeds the complexity limit. Ask for fewer fields or fewer nodes at once.",
    "extensions": {"code": "COMPLEXITY_EXCEEDED"},
}
_ABORTED = (
    "Checking the document was given up here: it has more errors than are listed, or selects fields of one name too"
    " often. Correct what is listed, select each field once, or split the document."
)
_UNREADABLE = {
    "message": "The archive cannot be read; the platform's log says why.",
    "extensions": {"code": "INTERNAL_SERVER_ERROR"},
}


@dataclass(frozen=True)
class ReadDocument:
    """A document that was parsed, or validated as well, or the errors that forbid its execution."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]


@dataclass(frozen=True)
class DiscoveryAnswer:
    """The HTTP status and the response body of one operation."""

    status: int
    body: dict[str, Any]


class DiscoveryApi:
    """The Discovery API over one archive. Thread-safe; every call works synchronously."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._schema = create_schema()
        self._parses: ComputedMap[ReadDocument] = ComputedMap(_KEPT_DOCUMENTS)
        self._documents: ComputedMap[ReadDocument] = ComputedMap(_KEPT_DOCUMENTS)
        self._memory = DerivedCaches()

    def answer(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation: str | None = None,
        faults: Faults = _NO_FAULTS,
    ) -> DiscoveryAnswer:
        """Executes one operation. A request that cannot be executed is 400, an executed one 200."""
        try:
            checked = self._checked(query, variables or {})
        except TooComplex:
            return DiscoveryAnswer(400, {"errors": [_TOO_COMPLEX]})
        if checked.document is None:
            return DiscoveryAnswer(400, {"errors": [_formatted(error) for error in checked.errors]})
        budget = faults.value("complexity")
        if budget is not None and count_fields(checked.document) > budget:
            return DiscoveryAnswer(400, {"errors": [_TOO_COMPLEX]})
        schema = create_schema(big_ints_as_text=True) if "big-int-text" in faults else self._schema
        try:
            with self._session(faults) as session:
                result = execute_sync(
                    schema,
                    checked.document,
                    context_value=session,
                    variable_values=dict(variables or {}),
                    operation_name=operation,
                    executor_class=ColumnExecutor,
                )
        except ConfigurationError as unreadable:
            _log.error(unreadable.message)
            return DiscoveryAnswer(500, {"errors": [_UNREADABLE]})
        return _answer(result)

    @contextmanager
    def _session(self, faults: Faults) -> Iterator[Session]:
        """The archive as this operation sees it: as it is, or as it was some runs ago."""
        capped, behind = "capped-job-lists" in faults, int(faults.value("metadata-lag") or 0)
        if behind:
            with self._archive.supposing() as connection:
                forget_newest_runs(connection, behind)
                yield Session(connection, DerivedCaches(), capped=capped)
        else:
            with self._archive.reading() as connection:
                yield Session(connection, self._memory, capped=capped)

    def operation_name(self, query: str) -> str | None:
        """The name of the document's first named operation."""
        named = (operation.name for operation in _operations(self._parsed(query)) if operation.name)
        return next((name.value for name in named), None)

    def _parsed(self, query: str) -> ReadDocument:
        if len(query) > _LONGEST_KEPT:
            return _parse(query)
        return self._parses.get(query, lambda: _parse(query))

    def _checked(self, query: str, variables: Mapping[str, Any]) -> ReadDocument:
        """The document as it may be executed, or why not. Raises TooComplex, before it is validated."""
        parsed = self._parsed(query)
        if parsed.document is None:
            return parsed
        check_complexity(self._schema, parsed.document, variables)
        document = parsed.document
        if len(query) > _LONGEST_KEPT:
            return self._validate(document)
        return self._documents.get(query, lambda: self._validate(document))

    def _validate(self, document: DocumentNode) -> ReadDocument:
        errors = validate(self._schema, document)
        coded = tuple(_coded(_explained(error), "GRAPHQL_VALIDATION_FAILED") for error in errors)
        return ReadDocument(None if coded else document, coded)


def _explained(error: GraphQLError) -> GraphQLError:
    """A validation error, with what to do where graphql-core gave up."""
    return GraphQLError(_ABORTED) if error.message.endswith("Validation aborted.") else error


def _parse(query: str) -> ReadDocument:
    try:
        return ReadDocument(parse(query, no_location=False, max_tokens=_MAX_TOKENS), ())
    except GraphQLSyntaxError as error:
        return ReadDocument(None, (_coded(error, "GRAPHQL_PARSE_FAILED"),))
    except RecursionError:
        nested = GraphQLError("The document is nested too deeply.")
        return ReadDocument(None, (_coded(nested, "GRAPHQL_PARSE_FAILED"),))


def _operations(checked: ReadDocument) -> list[OperationDefinitionNode]:
    definitions = checked.document.definitions if checked.document else ()
    return [definition for definition in definitions if isinstance(definition, OperationDefinitionNode)]


def _answer(result: ExecutionResult) -> DiscoveryAnswer:
    log_failures("A resolver", [error.original_error or error for error in result.errors or () if _is_fault(error)])
    errors = [_formatted(_with_code(error)) for error in result.errors or ()]
    unexecuted = result.data is None and errors and not any("path" in error for error in errors)
    body: dict[str, Any] = {"errors": errors} if errors else {}
    return DiscoveryAnswer(400, body) if unexecuted else DiscoveryAnswer(200, {**body, "data": result.data})


def _is_fault(error: GraphQLError) -> bool:
    """Whether a resolver raised something that nobody asked for."""
    cause = error.original_error
    is_told = bool(error.extensions and "code" in error.extensions) or isinstance(cause, DataError | GraphQLError)
    return cause is not None and not is_told


def _with_code(error: GraphQLError) -> GraphQLError:
    if error.extensions and "code" in error.extensions:
        return error
    if isinstance(error.original_error, DataError):
        refused = GraphQLError("A value that no archive can hold.", error.nodes, path=error.path)
        return _coded(refused, "BAD_USER_INPUT")
    if _is_fault(error):
        hidden = GraphQLError(
            "Internal server error.", error.nodes, path=error.path, original_error=error.original_error
        )
        return _coded(hidden, "INTERNAL_SERVER_ERROR")
    return _coded(error, "BAD_USER_INPUT")


def _coded(error: GraphQLError, code: str) -> GraphQLError:
    error.extensions = {**(error.extensions or {}), "code": code}
    return error


def _formatted(error: GraphQLError) -> dict[str, Any]:
    return dict(error.formatted)

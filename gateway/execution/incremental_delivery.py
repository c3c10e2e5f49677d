"""Answers that come in parts: the events of a subscription, and what an operation defers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    IncrementalDeferResult,
    InitialIncrementalExecutionResult,
    ResponsePath,
    SubsequentIncrementalExecutionResult,
    create_source_event_stream,
    experimental_execute_incrementally,
)

from gateway.execution.error_behavior import DeferringExecutor, ErrorBehaviorExecutor
from gateway.execution.error_coordinates import note_field
from gateway.execution.graphql_internals import collect_fields
from gateway.execution.operation_runner import OperationRunner, Outcome
from gateway.schema.context import GatewayContext
from gateway.schema.core_schema import core_schema


@dataclass(frozen=True, slots=True)
class OperationArguments:
    """One operation of a document with its variables."""

    document: DocumentNode
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


Part = dict[str, Any]
"""A part of an answer as incremental delivery has it: `pending`, `incremental`, `completed`, `hasNext`."""


class StreamRunner:
    """Validates and executes what is answered more than once, against the schema. Never raises for a caller's sake."""

    def __init__(self, schema: strawberry.Schema, runner: OperationRunner) -> None:
        self._schema = core_schema(schema)
        self._runner = runner

    async def events(self, asked: OperationArguments, context: GatewayContext) -> Outcome | AsyncIterable[Any]:
        """What a subscription listens to, or why it cannot."""
        refused = self._runner.invalid(asked.document)
        if refused is not None:
            return refused
        executor = ErrorBehaviorExecutor.build(
            self._schema,
            asked.document,
            context_value=context,
            raw_variable_values=dict(asked.variables),
            operation_name=asked.operation_name,
            hide_suggestions=self._runner.hides_suggestions,
        )
        if isinstance(executor, list):
            return self._runner.outcome(ExecutionResult(None, executor), context)
        stream = create_source_event_stream(executor)
        events = await stream if isawaitable(stream) else stream
        if not isinstance(events, ExecutionResult):
            return events
        _note_root_field(executor, events.errors or ())
        return self._runner.outcome(events, context)

    async def on_event(self, asked: OperationArguments, event: Any, context: GatewayContext) -> Outcome:
        """The answer to a subscription for one event of its stream."""
        running = experimental_execute_incrementally(
            self._schema,
            asked.document,
            root_value=event,
            context_value=context,
            variable_values=dict(asked.variables),
            operation_name=asked.operation_name,
            hide_suggestions=self._runner.hides_suggestions,
            executor_class=ErrorBehaviorExecutor,
        )
        result = await running if isawaitable(running) else running
        return self._runner.outcome(cast("ExecutionResult", result), context)

    async def parts(self, asked: OperationArguments, context: GatewayContext) -> Outcome | AsyncGenerator[Part, None]:
        """The parts of an operation that defers something, the first of them ready; a whole outcome of one that
        does not."""
        refused = self._runner.invalid(asked.document)
        if refused is not None:
            return refused
        running = experimental_execute_incrementally(
            self._schema,
            asked.document,
            context_value=context,
            variable_values=dict(asked.variables),
            operation_name=asked.operation_name,
            hide_suggestions=self._runner.hides_suggestions,
            executor_class=DeferringExecutor,
        )
        result = await running if isawaitable(running) else running
        if isinstance(result, ExecutionResult):
            return self._runner.outcome(result, context)
        return _Parts(context, self._runner).of(result)


class _Parts:
    """One answer in parts; `runner` gives errors their public form."""

    def __init__(self, context: GatewayContext, runner: OperationRunner) -> None:
        self._failures = context.failures
        self._formatted = runner.formatted
        self._formatted_partial = runner.formatted_partial
        self._told = len(context.failures)
        self._paths: dict[str, list[str | int]] = {}

    async def of(self, result: ExperimentalIncrementalExecutionResults) -> AsyncGenerator[Part, None]:
        """The parts as they come; to be closed by whoever stops reading them."""
        try:
            yield self._first(result.initial_result)
            async for later in result.subsequent_results:
                yield self._later(later)
        finally:
            await result.subsequent_results.aclose()

    def _first(self, first: InitialIncrementalExecutionResult) -> Part:
        part: Part = {"data": first.data}
        errors = [
            *map(self._formatted, first.errors or ()),
            *map(self._formatted_partial, self._failures[: self._told]),
        ]
        if errors:
            part["errors"] = errors
        self._paths = {pending.id: pending.path for pending in first.pending}
        return {**part, "pending": [pending.formatted for pending in first.pending], "hasNext": first.has_next}

    def _later(self, later: SubsequentIncrementalExecutionResult) -> Part:
        part: Part = {"hasNext": later.has_next}
        if later.pending:
            self._paths |= {record.id: record.path for record in later.pending}
            part["pending"] = [record.formatted for record in later.pending]
        deferred = [record for record in later.incremental or () if isinstance(record, IncrementalDeferResult)]
        if deferred:
            part["incremental"] = self._delivered(deferred)
        if later.completed:
            part["completed"] = [{"id": record.id, **self._errors(record.errors)} for record in later.completed]
        return part

    def _delivered(self, deferred: list[IncrementalDeferResult]) -> list[dict[str, Any]]:
        incremental = [
            {"id": record.id, "data": record.data, **({"subPath": record.sub_path} if record.sub_path else {})}
            | self._errors(record.errors)
            for record in deferred
        ]
        prefixes = [[*self._paths[record.id], *(record.sub_path or ())] for record in deferred]
        for failure in map(self._formatted_partial, self._failures[self._told :]):
            incremental[_home(failure["path"], prefixes)].setdefault("errors", []).append(failure)
        self._told = len(self._failures)
        return incremental

    def _errors(self, errors: list[GraphQLError] | None) -> dict[str, Any]:
        return {"errors": list(map(self._formatted, errors))} if errors else {}


def _note_root_field(executor: Executor[Any], errors: Sequence[GraphQLError]) -> None:
    """Adds the coordinate of the one field of a subscription to what kept it from beginning."""
    schema, operation = executor.schema, executor.operation
    root = schema.get_root_type(operation.operation)
    if root is None:
        return
    fields = collect_fields(schema, executor.fragments, executor.variable_values, root, operation).grouped_field_set
    for key, details in fields.items():
        for error in errors:
            note_field(schema, error, details[0].node, ResponsePath(None, key, root.name))


def _home(path: list[str | int], prefixes: list[list[str | int]]) -> int:
    """The place of the longest path that leads to another; the first where none does."""
    fitting = [place for place, prefix in enumerate(prefixes) if path[: len(prefix)] == prefix]
    return max(fitting, key=lambda place: len(prefixes[place]), default=0)

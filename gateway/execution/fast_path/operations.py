"""Operations by their documents: compiled when first run, kept within a bound, run with the variables of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    VariableValues,
    Visitor,
    get_variable_values,
    visit,
)
from strawberry import Schema

from gateway.concurrency.bounded_map import BoundedMap
from gateway.execution.fast_path.compiled_executor import Compiled, CompiledExecutor
from gateway.execution.fast_path.plans import Plan
from gateway.execution.fast_path.row_cache import Room
from gateway.execution.fast_path.row_classes import RowClasses
from gateway.execution.fast_path.synchronous import SynchronousExecution
from gateway.execution.per_document import PerDocument
from gateway.schema.core_schema import core_schema

_NO_VARIABLES = VariableValues({}, {})
_DECIDING = ("skip", "include")
# These change how an answer is delivered, or what a null does to it.
_BEYOND = ("defer", "stream", "experimental_disableErrorPropagation")
_MOST_PLANS_OF_AN_OPERATION = 8


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A plan, and what runs it synchronously."""

    plan: Plan
    synchronous: SynchronousExecution


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation that can be compiled. `deciding` are its variables on which its fields depend."""

    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    deciding: tuple[str, ...]
    compiled: BoundedMap[tuple[Any, ...], _Compiled] = field(
        default_factory=lambda: BoundedMap(_MOST_PLANS_OF_AN_OPERATION)
    )


class Operations:
    """Runs queries by compiled plans. A document is known by its identity; its plans go with it."""

    def __init__(self, schema: Schema, most: int = 1_024) -> None:
        self._schema = schema
        self._known = PerDocument(_operation_of, most)
        self.rows = Room()
        self._row_classes = RowClasses()

    def __len__(self) -> int:
        return len(self._known)

    async def run(
        self, document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any] | None, context: object
    ) -> Compiled | None:
        """The outcome of a validated document's operation; None, and nothing done, when graphql-core has to run it:
        what is no query, answers in parts, or has variables that cannot be coerced or do not decide a directive."""
        operation = self._known.of(document, operation_name)
        values = self._variables(operation, variables) if operation else None
        if operation is None or values is None:
            return None
        return await CompiledExecutor(self._compiled(operation, values).plan, values, context).run()

    def run_sync(
        self, document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any] | None, context: object
    ) -> Mapping[str, Any] | None:
        """The data of a validated document's operation that is whole, without errors and of facts in memory; None, and
        nothing done, for any other."""
        operation = self._known.of(document, operation_name)
        values = self._variables(operation, variables) if operation else None
        if operation is None or values is None:
            return None
        compiled = self._compiled(operation, values)
        plan = compiled.plan
        if not plan.attempts.is_due():
            return None
        try:
            data = compiled.synchronous.data(values, context)
        except Exception:
            # What it was comes to light when the operation is run in the usual way.
            plan.attempts.failed()
            return None
        plan.attempts.succeeded()
        return data

    def _variables(self, operation: _Operation, variables: Mapping[str, Any] | None) -> VariableValues | None:
        definitions = operation.definition.variable_definitions
        if not definitions:
            return _NO_VARIABLES
        values = get_variable_values(core_schema(self._schema), definitions, dict(variables or {}), max_errors=1)
        if not isinstance(values, VariableValues):
            return None
        # A null where a default would have stood: an error that belongs to wherever the directive is come upon.
        is_decided = all(values.coerced.get(name) is not None for name in operation.deciding)
        return values if is_decided else None

    def _compiled(self, operation: _Operation, variables: VariableValues) -> _Compiled:
        decided = tuple(variables.coerced[name] for name in operation.deciding)
        compiled = operation.compiled.get(decided)
        if compiled is None:
            plan = Plan(
                self._schema,
                operation.definition,
                operation.fragments,
                variables,
                room=self.rows,
                row_classes=self._row_classes,
            )
            compiled = _Compiled(plan, SynchronousExecution(plan))
            operation.compiled.put(decided, compiled)
        return compiled


def _operation_of(document: DocumentNode, name: str | None) -> _Operation | None:
    """The one operation that is meant, if it can be compiled."""
    meant = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode) and (name is None or (node.name and node.name.value == name))
    ]
    if len(meant) != 1 or meant[0].operation is not OperationType.QUERY:
        return None
    directives = _Directives()
    visit(document, directives)
    if directives.beyond:
        return None
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    # A document's other operations have variables of their own.
    own = {variable.variable.name.value for variable in meant[0].variable_definitions or ()}
    return _Operation(meant[0], fragments, tuple(sorted(directives.deciding & own)))


class _Directives(Visitor):
    """The variables that directives name, and whether there is a directive that changes more than which fields are."""

    def __init__(self) -> None:
        super().__init__()
        self.deciding: set[str] = set()
        self.beyond = False

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self.beyond = self.beyond or node.name.value in _BEYOND
        if node.name.value in _DECIDING:
            values = (argument.value for argument in node.arguments or ())
            self.deciding.update(value.name.value for value in values if isinstance(value, VariableNode))

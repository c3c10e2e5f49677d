"""What an operation is estimated to cost before it runs: objects times the lengths of the lists they stand in.

The formula is that of the routers that read @cost and @listSize (docs/edge.md): a field costs its weight and what is
selected below it, times the items of its list, and what its arguments weigh. Every definition of a document is walked
once; a fragment's sum is taken as often as it is spread, so the work grows with the length of the document only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    ValueNode,
    VariableNode,
    value_from_ast_untyped,
)

from gateway.http.limits.cost_model import ENTITIES, REFERENCES, CostModel, FieldCost, InputCost

UNKNOWN_LENGTH = 10
"""Items of a list of which the schema says nothing: what routers assume too, unless told otherwise."""

CEILING = 10**15
"""Costs beyond it are not told apart."""


ALWAYS: tuple[str, ...] = ()
SURVEYS = {
    "Query": {"account": ("filter",), "model": ALWAYS, "resource": ALWAYS},
    "Account": {
        "slowestModels": ALWAYS,
        "longestRunningJobs": ("filter", "modelFilter"),
        "models": ("filter", "orderBy"),
        "projects": ("filter",),
        "jobs": ("filter",),
    },
    "Project": {
        "slowestModels": ALWAYS,
        "longestRunningJobs": ("filter", "modelFilter"),
        "models": ("filter", "orderBy"),
        "jobs": ("filter",),
    },
    "Job": {"models": ("filter", "orderBy"), "slowestModels": ALWAYS, "averageModelRuntime": ALWAYS},
}
"""Fields for which all models of the account are looked at: always, or once for each of these arguments. Those of a
project or of a job look at its models only; how many projects there are is not known here: one may hold them all."""

ENTITY_COSTS = {"Run": 20}
"""What a reference to an entity costs, beside what is selected of it: for each run dbt is asked once. Of the others all
are read together."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A cost, and the variables it depends on. `surveys`: how often all models of the account are looked at for it."""

    cost: int
    variables: frozenset[str]
    surveys: int = 0


@dataclass(slots=True)
class _Sum:
    """The cost of a selection set. The lists in it are kept apart: what stands around may say how long they are.

    `lists` holds, by field, the cost of one item and that of as many items as the list is thought to have by itself.
    """

    fixed: int = 0
    lists: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, other: _Sum) -> None:
        self.fixed = min(CEILING, self.fixed + other.fixed)
        for name, (item, items) in other.lists.items():
            self.add_list(name, item, items)

    def add_list(self, name: str, item: int, items: int) -> None:
        known_item, known_items = self.lists.get(name, (0, 0))
        self.lists[name] = (min(CEILING, known_item + item), min(CEILING, known_items + items))

    def total(self, sized: Iterable[str], length: int | None) -> int:
        """The cost within a field that gives the lists named in `sized` a length."""
        cost = self.fixed
        for name, (item, items) in self.lists.items():
            cost += item * length if length is not None and name in sized else items
        return min(CEILING, cost)


@dataclass(slots=True)
class _Frame:
    """A selection set under way: of a field, or of an inline fragment, whose sum is its parent's."""

    kind: str
    selections: Sequence[SelectionNode]
    parent: int
    node: FieldNode | None = None
    priced: FieldCost | None = None
    sum: _Sum = field(default_factory=_Sum)


class Estimator:
    """Estimates operations of one schema."""

    def __init__(self, model: CostModel) -> None:
        self._model = model

    def estimate(
        self,
        operation: OperationDefinitionNode,
        inner_first: Iterable[FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> Estimate:
        """The estimate of an operation with these variables. `inner_first` are the document's fragments, each behind
        those it spreads. What the schema does not know costs nothing: validation refuses it."""
        walk = _CostWalk(self._model, _with_defaults(operation, variables))
        for fragment in inner_first:
            kind = fragment.type_condition.name.value
            walk.fragments[fragment.name.value] = walk.sum_of(kind, fragment.selection_set.selections)
        root = self._model.roots.get(operation.operation, "")
        cost = walk.sum_of(root, operation.selection_set.selections).total((), None)
        return Estimate(cost, frozenset(walk.asked), walk.surveys)


def _with_defaults(operation: OperationDefinitionNode, values: Mapping[str, Any]) -> Mapping[str, Any]:
    defaults = {
        variable.variable.name.value: value_from_ast_untyped(variable.default_value)
        for variable in operation.variable_definitions or ()
        if variable.default_value is not None
    }
    return {**defaults, **values} if defaults else values


class _CostWalk:
    """One document with its variables; `asked` are the variables that were looked at."""

    def __init__(self, model: CostModel, variables: Mapping[str, Any]) -> None:
        self._model = model
        self._variables = variables
        self._weighed: dict[tuple[str, str | None], int] = {}
        self.fragments: dict[str, _Sum] = {}
        self.asked: set[str] = set()
        self.surveys = 0

    def sum_of(self, kind: str, selections: Sequence[SelectionNode]) -> _Sum:
        """The sum of a definition's selections; the fragments it spreads have theirs already."""
        frames = [_Frame(kind, selections, 0)]
        # Grows while it is read: a frame stands behind the one it is part of.
        for place, frame in enumerate(frames):
            for node in frame.selections:
                self._open(frames, place, node)
        for frame in reversed(frames[1:]):
            self._close(frame, frames[frame.parent].sum)
        return frames[0].sum

    def _open(self, frames: list[_Frame], place: int, node: SelectionNode) -> None:
        frame = frames[place]
        if isinstance(node, FieldNode):
            priced = self._model.fields.get(frame.kind, {}).get(node.name.value)
            if priced is not None and not _is_left_out(node):
                self._survey(frame.kind, node)
                inner = node.selection_set.selections if node.selection_set else ()
                frames.append(_Frame(priced.kind, inner, place, node, priced))
        elif isinstance(node, InlineFragmentNode):
            kind = node.type_condition.name.value if node.type_condition else frame.kind
            frames.append(_Frame(kind, node.selection_set.selections, place))
        elif isinstance(node, FragmentSpreadNode):
            frame.sum.add(self.fragments.get(node.name.value, _Sum()))

    def _survey(self, kind: str, node: FieldNode) -> None:
        """Notes how often a field has all models looked at: rankings once and for each run, filters and orders once."""
        surveying = SURVEYS.get(kind, {}).get(node.name.value)
        if surveying is None:
            return
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        runs = (self._length_of(arguments["lastRuns"]) if "lastRuns" in arguments else None) or 1
        times = 1 if surveying is ALWAYS else sum(name in arguments for name in surveying)
        self.surveys = min(CEILING, self.surveys + times * (runs + 1 if runs > 1 else 1))

    def _close(self, frame: _Frame, parent: _Sum) -> None:
        """Adds a finished frame to the one it is part of."""
        priced, node = frame.priced, frame.node
        if priced is None or node is None:
            parent.add(frame.sum)
            return
        length = self._length(priced, node)
        item = min(CEILING, priced.weight + frame.sum.total(priced.size.sized_fields, length))
        parent.fixed = min(CEILING, parent.fixed + self._arguments(priced, node))
        if node.name.value == ENTITIES:
            parent.fixed = min(CEILING, parent.fixed + self._references(node))
        if priced.is_list:
            items = min(CEILING, item * (UNKNOWN_LENGTH if length is None else length))
            parent.add_list(node.name.value, item, items)
        else:
            parent.fixed = min(CEILING, parent.fixed + item)

    def _references(self, node: FieldNode) -> int:
        """What references cost for what they name, whether or not it exists."""
        for argument in node.arguments or ():
            if argument.name.value == REFERENCES:
                variables = self._variables if isinstance(argument.value, VariableNode) else {}
                if isinstance(argument.value, VariableNode):
                    self.asked.add(argument.value.name.value)
                keys = value_from_ast_untyped(argument.value, dict(variables))
                return sum(map(_cost_of_reference, keys if isinstance(keys, list) else [keys]))
        return 0

    def _length(self, priced: FieldCost, node: FieldNode) -> int | None:
        """How long the field says its list is. A slicing argument that is no length counts as left out."""
        size = priced.size
        if not size.slicing:
            return size.assumed
        lengths = dict(size.defaults)
        for argument in node.arguments or ():
            name = argument.name.value
            length = self._length_of(argument.value) if name in size.slicing else None
            if length is not None:
                lengths[name] = length
        return max(lengths.values(), default=size.assumed)

    def _length_of(self, value: ValueNode) -> int | None:
        if isinstance(value, IntValueNode):
            return _length(int(value.value)) if len(value.value) < 20 else None
        if isinstance(value, ListValueNode):
            return len(value.values)
        return _length(self._variable(value)) if isinstance(value, VariableNode) else None

    def _variable(self, node: VariableNode) -> Any:
        self.asked.add(node.name.value)
        return self._variables.get(node.name.value)

    def _arguments(self, priced: FieldCost, node: FieldNode) -> int:
        cost = 0
        for argument in node.arguments or ():
            known = priced.arguments.get(argument.name.value)
            if known is not None:
                cost += self._weight(argument.value, known)
        return min(CEILING, cost)

    def _weight(self, value: ValueNode, known: InputCost) -> int:
        """What an argument weighs: every input object in it, as written out or as a variable holds it."""
        if isinstance(value, VariableNode):
            key = (value.name.value, known.kind)
            if key not in self._weighed:
                self._weighed[key] = self._weight_of(self._variable(value), known)
            return self._weighed[key]
        if isinstance(value, ObjectValueNode) and known.kind:
            inner = self._model.inputs[known.kind]
            entries = ((field.value, inner.get(field.name.value)) for field in value.fields)
            return known.weight + sum(self._weight(entry, cost) for entry, cost in entries if cost)
        return known.weight if not known.kind else 0

    def _weight_of(self, value: Any, known: InputCost) -> int:
        if isinstance(value, dict) and known.kind:
            inner = self._model.inputs[known.kind]
            return known.weight + sum(self._weight_of(value[name], inner[name]) for name in inner if name in value)
        return 0 if value is None or known.kind else known.weight


def _cost_of_reference(key: object) -> int:
    kind = key.get("__typename") if isinstance(key, dict) else None
    return ENTITY_COSTS.get(kind, 0) if isinstance(kind, str) else 0


def _length(value: object) -> int | None:
    """A length as GraphQL's Int reads it from JSON, or that of a list; None for anything else."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_left_out(node: FieldNode) -> bool:
    """Whether a literal @skip or @include keeps the field out. Variables are not looked at: they may change."""
    for directive in node.directives or ():
        for argument in directive.arguments or ():
            if isinstance(argument.value, BooleanValueNode) and argument.name.value == "if":
                name, condition = directive.name.value, argument.value.value
                if (name, condition) in (("skip", True), ("include", False)):
                    return True
    return False

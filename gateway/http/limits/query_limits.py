"""The one gate before validation: how large a document becomes once its fragments are expanded, in one linear pass.

Every definition is walked once and alone; what a fragment adds is computed once and multiplied by its spreads, so a
document whose fragments double twenty times costs no more than any other of its length.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
)

from gateway.http.errors import FragmentCycle, LimitExceeded

Definition = OperationDefinitionNode | FragmentDefinitionNode


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Most of each that one operation may have, fragments expanded; `operations` and `fragments` count per document."""

    depth: int = 20
    fields: int = 1000
    root_fields: int = 20
    aliases: int = 60
    directives: int = 60
    arguments: int = 300
    operations: int = 20
    fragments: int = 100


# Infinite rather than large: fragments that double can exceed any number a word holds.
UNLIMITED = QueryLimits(*[cast(int, math.inf)] * 8)


@dataclass(frozen=True, slots=True)
class QuerySize:
    """What an operation amounts to, its fragments expanded.

    `depth` counts nested fields; a root field has depth 1. `arguments` counts arguments and the fields of input objects
    written out in the document.
    """

    depth: int
    fields: int
    root_fields: int
    aliases: int
    directives: int
    arguments: int


@dataclass(slots=True)
class _Walked:
    """One definition by itself: its own size, and which fragments it spreads how often and how deep."""

    own: QuerySize = field(init=False)
    spreads: Counter[str] = field(default_factory=Counter)
    root_spreads: Counter[str] = field(default_factory=Counter)
    deepest: dict[str, int] = field(default_factory=dict)

    def add_spread(self, name: str, level: int) -> None:
        """Notes one spread at a depth of fields."""
        self.spreads[name] += 1
        self.root_spreads[name] += level == 0
        self.deepest[name] = max(self.deepest.get(name, 0), level)


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A document within the limits: the size of its largest operation, the maximum of each measure taken by itself, its
    fragments, each behind those it spreads, and the limits it exceeds where they are only measured."""

    size: QuerySize
    inner_first: tuple[FragmentDefinitionNode, ...]
    exceeded: tuple[str, ...] = ()


def check_document(document: DocumentNode, limits: QueryLimits, *, enforce: bool = True) -> CheckedDocument:
    """What is to be known of a document. Raises LimitExceeded, unless limits are only measured, or FragmentCycle."""
    if not enforce:
        passed = check_document(document, UNLIMITED)
        return replace(passed, exceeded=tuple(_exceeded(document, passed.size, limits)))
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    _check("operations", len(operations), limits.operations)
    _check("fragments", len(fragments), limits.fragments)
    walked = {name: _walk(node, limits) for name, node in fragments.items()}
    inner_first = _inner_first(walked)
    expanded: dict[str, QuerySize] = {}
    for name in inner_first:
        expanded[name] = _expand(walked[name], expanded)
    largest = [_expand(_walk(operation, limits), expanded) for operation in operations]
    for size in largest:
        for measure in fields(QuerySize):
            _check(measure.name, getattr(size, measure.name), getattr(limits, measure.name))
    return CheckedDocument(_largest(largest), tuple(fragments[name] for name in inner_first))


def _exceeded(document: DocumentNode, size: QuerySize, limits: QueryLimits) -> Iterator[str]:
    kinds = Counter(node.kind for node in document.definitions)
    counts = {
        **{measure.name: getattr(size, measure.name) for measure in fields(QuerySize)},
        "operations": kinds[OperationDefinitionNode.kind],
        "fragments": kinds[FragmentDefinitionNode.kind],
    }
    yield from (name for name, count in counts.items() if count > getattr(limits, name))


def _check(name: str, count: int, limit: int) -> None:
    if count > limit:
        shown = name.replace("_", " ")
        raise LimitExceeded(f"The query exceeds the limit of {limit} for its {shown}.", limit=name, most=limit)


def _largest(operations: Sequence[QuerySize]) -> QuerySize:
    return QuerySize(*(max((getattr(size, m.name) for size in operations), default=0) for m in fields(QuerySize)))


def _walk(definition: Definition, limits: QueryLimits) -> _Walked:
    """Counts a definition without following its spreads. Stops at the first nesting beyond the limit."""
    depth = count = roots = aliases = 0
    directives = len(definition.directives or ())
    arguments = _arguments_of(definition)
    walked = _Walked()
    pending: list[tuple[int, Iterable[SelectionNode]]] = [(0, definition.selection_set.selections)]
    while pending:
        level, selections = pending.pop()
        for node in selections:
            if node.directives:
                directives += len(node.directives)
            if isinstance(node, FieldNode):
                count += 1
                roots += level == 0
                aliases += node.alias is not None
                depth = max(depth, level + 1)
                _check("depth", depth, limits.depth)
                if node.selection_set:
                    pending.append((level + 1, node.selection_set.selections))
            elif isinstance(node, InlineFragmentNode):
                pending.append((level, node.selection_set.selections))
            elif isinstance(node, FragmentSpreadNode):
                walked.add_spread(node.name.value, level)
            arguments += _arguments_of(node)
    walked.own = QuerySize(depth, count, roots, aliases, directives, arguments)
    return walked


def _arguments_of(node: Definition | SelectionNode) -> int:
    """Arguments of a node and of its directives, and the fields of the objects in them and in variables' defaults."""
    arguments = list(node.arguments or ()) if isinstance(node, FieldNode) else []
    for directive in node.directives or ():
        arguments += directive.arguments or ()
    values = [argument.value for argument in arguments]
    if isinstance(node, OperationDefinitionNode):
        values += [variable.default_value for variable in node.variable_definitions or () if variable.default_value]
    count = len(arguments)
    while values:
        value = values.pop()
        if isinstance(value, ObjectValueNode):
            count += len(value.fields)
            values += [entry.value for entry in value.fields]
        elif isinstance(value, ListValueNode):
            values += value.values
    return count


def _inner_first(walked: Mapping[str, _Walked]) -> list[str]:
    """Fragment names so that each comes after those it spreads. Raises FragmentCycle."""
    ordered: list[str] = []
    entered: set[str] = set()
    left: set[str] = set()
    stack = [(name, False) for name in walked]
    while stack:
        name, is_done = stack.pop()
        if is_done:
            left.add(name)
            ordered.append(name)
        elif name not in entered:
            entered.add(name)
            stack.append((name, True))
            for inner in walked[name].spreads:
                if inner in entered and inner not in left:
                    raise FragmentCycle("A fragment spreads itself, directly or through others.")
                if inner in walked:
                    stack.append((inner, False))
    return ordered


def _expand(walked: _Walked, expanded: Mapping[str, QuerySize]) -> QuerySize:
    """The definition's own size and that of its fragments. A spread of an unknown fragment adds nothing."""
    own = walked.own
    depth, count, roots, aliases = own.depth, own.fields, own.root_fields, own.aliases
    directives, arguments = own.directives, own.arguments
    for name, times in walked.spreads.items():
        inner = expanded.get(name)
        if inner is not None:
            depth = max(depth, walked.deepest[name] + inner.depth)
            count += times * inner.fields
            roots += walked.root_spreads[name] * inner.root_fields
            aliases += times * inner.aliases
            directives += times * inner.directives
            arguments += times * inner.arguments
    return QuerySize(depth, count, roots, aliases, directives, arguments)

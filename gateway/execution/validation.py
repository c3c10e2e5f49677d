"""graphql-core's validation of documents, in half the time.

Its rules are visitors that are made anew for each document and then asked, all of them, for what they do with each kind
of node; most do nothing with most. Which one does is the same for all documents, so it is found out once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from graphql import (
    BREAK,
    SKIP,
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    ValidationContext,
    Visitor,
    validate,
)

from gateway.execution.graphql_internals import EnterLeaveVisitor


class Validator:
    """Validates documents by rules, as graphql-core does: the same errors in the same order."""

    def __init__(self, schema: GraphQLSchema, rules: Sequence[type[ASTValidationRule]]) -> None:
        self._schema = schema
        self._rules: Any = partial(_SideBySide, tuple(rules), {})

    def errors(self, document: DocumentNode, most: int, *, hide_suggestions: bool) -> list[GraphQLError]:
        """What is wrong with a document; behind so many errors one more says that there may be others."""
        return validate(self._schema, document, [self._rules], most, hide_suggestions=hide_suggestions)


_ABORTED = "Validation aborted."
_TAKES_TOO_LONG = (
    "Checking the document takes too long: it selects fields of one name, or spreads fragments, too often. Select each"
    " field once, spread each fragment once, or split the document."
)


def explained(error: GraphQLError) -> GraphQLError:
    """A validation error that says what to do; most are graphql-core's own."""
    return GraphQLError(_TAKES_TOO_LONG) if error.message == _ABORTED else error


class _RuleVisitor(NamedTuple):
    """A rule, by its place, that does something with a kind of node: by which of its methods."""

    place: int
    enter: str | None
    leave: str | None


class _SideBySide(Visitor):
    """Several rules as one: each sees all nodes but those it skips. `concerned` is kept from document to document."""

    def __init__(
        self,
        rules: Sequence[type[ASTValidationRule]],
        concerned: dict[str, Sequence[_RuleVisitor]],
        context: ValidationContext,
    ) -> None:
        super().__init__()
        self._rules = [rule(context) for rule in rules]
        self._concerned = concerned
        self._skipped: list[Any] = [None] * len(rules)

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """What is done with nodes of a kind."""
        known = self.enter_leave_map.get(kind)
        if known is None:
            concerned = self._concerned.get(kind)
            if concerned is None:
                concerned = self._concerned[kind] = self._concerned_with(kind)
            known = EnterLeaveVisitor(self._enter(concerned), self._leave(concerned))
            self.enter_leave_map[kind] = known
        return known

    def _concerned_with(self, kind: str) -> Sequence[_RuleVisitor]:
        methods = ((_method(rule, "enter", kind), _method(rule, "leave", kind)) for rule in self._rules)
        return [_RuleVisitor(place, *gather_pair) for place, gather_pair in enumerate(methods) if any(gather_pair)]

    def _enter(self, concerned: Sequence[_RuleVisitor]) -> Callable[..., Any] | None:
        acts = [(rule.place, getattr(self._rules[rule.place], rule.enter)) for rule in concerned if rule.enter]
        skipped = self._skipped

        def enter(node: Any, *args: Any) -> None:
            for place, act in acts:
                if skipped[place] is None:
                    verdict = act(node, *args)
                    if verdict is SKIP or verdict is False:
                        skipped[place] = node
                    elif verdict is BREAK or verdict is True:
                        skipped[place] = BREAK

        return enter if acts else None

    def _leave(self, concerned: Sequence[_RuleVisitor]) -> Callable[..., Any] | None:
        # Who is asked at the beginning of a node may skip it, and has to be woken at its end.
        acts = [
            (rule.place, getattr(self._rules[rule.place], rule.leave) if rule.leave else None) for rule in concerned
        ]
        skipped = self._skipped

        def leave(node: Any, *args: Any) -> None:
            for place, act in acts:
                if skipped[place] is node:
                    skipped[place] = None
                elif act is not None and skipped[place] is None:
                    verdict = act(node, *args)
                    if verdict is BREAK or verdict is True:
                        skipped[place] = BREAK

        return leave if acts else None


def _method(rule: Visitor, action: str, kind: str) -> str | None:
    """The name of the method by which a rule does something; None when it does nothing."""
    return next((name for name in (f"{action}_{kind}", action) if getattr(rule, name, None)), None)

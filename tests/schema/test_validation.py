"""Validation side by side against graphql-core's own: the same errors in the same order, the same nodes seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from graphql import (
    BREAK,
    SKIP,
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    validate,
)

from gateway.execution.disclosure import Disclosure
from gateway.execution.validation import Validator
from tests.generated.demo import demo_values, read_schema
from tests.generated.mutations import Mutator
from tests.generated.queries import QueryGenerator, Shape
from tests.http.hostile_documents import GENERATORS
from tests.oracle.account import Oracle
from tests.repetitions import daily_and_nightly

pytestmark = pytest.mark.slow

MOST = 5


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return read_schema()


@pytest.fixture(scope="module", params=daily_and_nightly(40, 400))
def documents(schema: GraphQLSchema, oracle: Oracle, request: pytest.FixtureRequest) -> Sequence[DocumentNode]:
    """Valid and spoilt ones, and such as are made to hurt."""
    return list(parsed([*texts(schema, oracle, request.param), *[generate(12) for generate in GENERATORS.values()]]))


def texts(schema: GraphQLSchema, oracle: Oracle, count: int) -> Iterator[str]:
    generator = QueryGenerator(31, schema, demo_values(oracle), Shape(fields=20, depth=6, deferred=0.2))
    mutator = Mutator(31)
    for _ in range(count):
        query, variables = generator.query()
        yield query
        for _ in range(3):
            yield mutator.mutate(query, variables)[0]


def parsed(given: Sequence[str]) -> Iterator[DocumentNode]:
    for text in given:
        with suppress(GraphQLSyntaxError):
            yield parse(text)


def told(errors: Sequence[GraphQLError]) -> list[Any]:
    return [(error.message, error.locations, error.path, error.extensions) for error in errors]


@pytest.mark.parametrize("disclosure", [Disclosure(), Disclosure(introspection=False, sdl=False, suggestions=False)])
def test_the_errors_are_those_of_graphql_core(
    schema: GraphQLSchema, documents: Sequence[DocumentNode], disclosure: Disclosure
) -> None:
    rules, hidden = disclosure.rules, not disclosure.suggestions
    validator = Validator(schema, rules)
    with_errors, too_many = 0, 0
    for document in documents:
        expected = told(validate(schema, document, rules, MOST, hide_suggestions=hidden))
        assert told(validator.errors(document, MOST, hide_suggestions=hidden)) == expected
        with_errors += bool(expected)
        too_many += len(expected) > MOST
    few = len(documents) // 5
    assert few < with_errors < len(documents) - few, "both kinds are among them"
    assert too_many > 5


class Capricious(ASTValidationRule):
    """Skips nodes, or all that follows, by chance, and shows what it has seen."""

    chance: Random
    seen: list[tuple[str, str, str]]

    def act(self, action: str, node: Any) -> Any:
        self.seen.append((type(self).__name__, action, node.kind))
        return self.chance.choice([None] * 12 + [SKIP, False] * 2 + [BREAK, True])


class OfAllKinds(Capricious):
    def enter(self, node: Any, *_: Any) -> Any:
        return self.act("enter", node)

    def leave(self, node: Any, *_: Any) -> Any:
        return self.act("leave", node)


class OfFieldsFirst(OfAllKinds):
    def enter_field(self, node: Any, *_: Any) -> Any:
        return self.act("enter_field", node)


class OfSelections(Capricious):
    def enter_selection_set(self, node: Any, *_: Any) -> Any:
        return self.act("enter_selection_set", node)

    def leave_field(self, node: Any, *_: Any) -> Any:
        return self.act("leave_field", node)


class OfArguments(Capricious):
    def leave_argument(self, node: Any, *_: Any) -> Any:
        return self.act("leave_argument", node)

    def enter_operation_definition(self, node: Any, *_: Any) -> Any:
        return self.act("enter_operation_definition", node)


def test_rules_that_skip_nodes_see_the_others_as_with_graphql_core(
    schema: GraphQLSchema, documents: Sequence[DocumentNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [OfFieldsFirst, OfSelections, OfArguments, OfAllKinds]
    validator = Validator(schema, rules)
    actions = set()
    for number, document in enumerate(documents):
        seen: list[list[tuple[str, str, str]]] = [[], []]
        for place in (0, 1):
            monkeypatch.setattr(Capricious, "chance", Random(number), raising=False)  # noqa: S311
            monkeypatch.setattr(Capricious, "seen", seen[place], raising=False)
            if place == 0:
                validate(schema, document, rules)
            else:
                validator.errors(document, MOST, hide_suggestions=False)
        assert seen[0] == seen[1]
        actions |= {(name, action) for name, action, _ in seen[0]}
    assert len(actions) == 9, "every method was called"

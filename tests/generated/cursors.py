"""Pages beyond the first: cursors that answers held, put into queries that are asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    NameNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    parse,
    print_ast,
    visit,
)

from tests.oracle.criteria import Cursor, ListName, name_of_list
from tests.oracle.interpreter import Interpreter

ENDS = ("after", "before")


class Cursors:
    """The cursors that answers held, by what they are good for. `known` is what the right answers are computed with."""

    def __init__(self, schema: GraphQLSchema, interpreter: Interpreter, known: dict[str, Cursor], seed: int) -> None:
        self._schema, self._interpreter, self.known = schema, interpreter, known
        self._by_list: dict[ListName, list[str]] = {}
        self._random = Random(seed)  # noqa: S311  # the same pages for ever

    def learn(self, found: Any, expected: Any) -> Iterator[str]:
        """Takes the cursors of an answer; what is wrong with them."""
        if isinstance(expected, Cursor):
            if not isinstance(found, str):
                yield f"{found!r} is no cursor"
                return
            known = self.known.setdefault(found, expected)
            if known is expected:
                self._by_list.setdefault(expected.of, []).append(found)
            elif known.of == expected.of and known.position != expected.position:
                yield f"{found} is the cursor of two places"
        elif isinstance(expected, dict) and isinstance(found, dict):
            for key in expected.keys() & found.keys():
                yield from self.learn(found[key], expected[key])
        elif isinstance(expected, list) and isinstance(found, list):
            for pair in zip(found, expected, strict=False):
                yield from self.learn(*pair)

    def turned(self, document: str, variables: Mapping[str, Any]) -> str | None:
        """The same query, one of its lists behind or before a cursor, or between two; None where none is known."""
        parsed = parse(document)
        places = [
            (node, texts)
            for node, kind in self._lists(parsed)
            if (texts := self._by_list.get(self._name(parsed, variables, kind, node)))
        ]
        if not places:
            return None
        chosen, texts = self._random.choice(places)
        ends = self._random.choices((ENDS[:1], ENDS[1:], ENDS), (5, 3, 2))[0]
        given = [_argument(end, self._random.choice(texts)) for end in ends]

        class Turn(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> Any:
                if node is not chosen:
                    return None
                others = [one for one in node.arguments or () if one.name.value not in ENDS]
                # A name of its own: beside it the list may stand from its start.
                alias = node.alias or NameNode(value="turned")
                return FieldNode(**{**_parts(node), "alias": alias, "arguments": (*others, *given)})

        return print_ast(visit(parsed, Turn()))

    def _lists(self, document: DocumentNode) -> list[tuple[FieldNode, str]]:
        types = TypeInfo(self._schema)
        found: list[tuple[FieldNode, str]] = []

        class Lists(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                definition, kind = types.get_field_def(), types.get_parent_type()
                if definition and kind and "after" in definition.args:
                    found.append((node, kind.name))

        visit(document, TypeInfoVisitor(types, Lists()))
        return found

    def _name(self, document: DocumentNode, variables: Mapping[str, Any], kind: str, node: FieldNode) -> ListName:
        name = node.name.value
        arguments = self._interpreter.arguments(document, variables, (kind, name), node)
        return name_of_list(f"{kind}.{name}", arguments)


def _argument(name: str, text: str) -> ArgumentNode:
    return ArgumentNode(name=NameNode(value=name), value=StringValueNode(value=text))


def _parts(node: FieldNode) -> dict[str, Any]:
    return {key: getattr(node, key) for key in node.keys if key != "loc"}

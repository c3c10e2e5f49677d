"""Valid queries by the thousand: a random walk over a schema with arguments, aliases, fragments, directives, variables.

A seed and a schema give the same queries for ever. Nothing here knows the gateway; what its arguments may be comes
from `values`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

SLICING = ("first", "last")
# Of each of these groups at most one argument is given: the others would be nonsense beside it.
EXCLUSIVE = (("first", "last"), ("orderBy", "after", "before"), ("id", "name"))
NEEDED = {"Query.job": ("id", "id", "name")}
SMALL_SLICES = (1, 2, 3)


@dataclass(frozen=True)
class Shape:
    """How large a query becomes: most fields (roughly), deepest nesting of fields, and of lists within lists.

    `deferred` is the chance of a fragment to be deferred; `undecided` that of a deciding variable to be one that may be
    left out, or null, where that is an error.
    """

    fields: int = 40
    depth: int = 9
    lists: int = 3
    deferred: float = 0.0
    undecided: float = 0.0


@dataclass
class _Draft:
    """One query while it grows."""

    left: int
    variables: dict[str, Any] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)
    fragments: dict[str, tuple[str, str, int, int]] = field(default_factory=dict)
    bare: dict[str, bool] = field(default_factory=dict)
    names: int = 0

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"


_Composite = GraphQLObjectType | GraphQLInterfaceType


class QueryGenerator:
    """Draws valid queries.

    `values` says what arguments may be: by coordinate, as in `Query.model(id)`, `ModelFilter.tags`, or by bare name, as
    in `first`; each a sequence to choose from. For a list type the sequence holds items, of which some are taken.
    Enums, booleans and input objects need none; an optional argument that nothing is known for is left out.
    """

    def __init__(
        self, seed: int, schema: GraphQLSchema, values: Mapping[str, Sequence[Any]], shape: Shape | None = None
    ) -> None:
        self._random = Random(seed)  # noqa: S311  # the same queries for ever, no secret
        self._schema = schema
        self._values = values
        self._shape = shape or Shape()
        self._draft = _Draft(0)
        self._selected: set[tuple[str, str]] = set()

    def query(self) -> tuple[str, dict[str, Any]]:
        """The next document, of one operation, and its variables."""
        self._draft = _Draft(self._random.randint(3, self._shape.fields))
        assert self._schema.query_type is not None
        selection = self._selection(self._schema.query_type, 1, 0)
        draft = self._draft
        name = self._random.choice(["", f" Q{self._random.randint(0, 9)}"])
        head = f"query{name}({', '.join(draft.definitions)}) " if draft.definitions else f"query{name} "
        fragments = [text for text, *_ in draft.fragments.values()]
        parts = [head + selection, *fragments]
        self._random.shuffle(parts)
        return "\n".join(parts), draft.variables

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _selection(self, parent: _Composite, depth: int, lists: int, apart: bool = False) -> str:
        """A selection set; `apart` gives every field an alias of its own, where types might disagree about names."""
        wanted = self._random.choices((1, 2, 3, 5, 8), (2, 3, 4, 3, 1))[0]
        parts = [part for _ in range(wanted) if (part := self._part(parent, depth, lists, apart))]
        return "{ " + " ".join(parts or [f"{self._draft.name('t')}: __typename" if apart else "__typename"]) + " }"

    def _part(self, parent: _Composite, depth: int, lists: int, apart: bool) -> str | None:
        if self._draft.left <= 0:
            return None
        if not apart and self._chance(0.06):
            return f"...{self._fragment(parent, depth, lists)}{self._directives()}{self._deferral()}"
        if self._chance(0.06):
            condition = self._random.choice(["", f" on {parent.name}"])
            decisions = f"{self._directives()}{self._deferral()}"
            return f"...{condition}{decisions} {self._selection(parent, depth, lists, apart)}"
        return self._field(parent, depth, lists, apart)

    def _fragment(self, parent: _Composite, depth: int, lists: int) -> str:
        """A fragment made for here, or one made earlier that fits: no deeper a place than it was made for."""
        fitting = [
            name
            for name, (_, kind, made_at, made_in) in self._draft.fragments.items()
            if kind == parent.name and made_at >= depth and made_in >= lists
        ]
        if fitting and self._chance(0.6):
            return self._random.choice(fitting)
        name = self._draft.name("F")
        selection = self._selection(parent, depth, lists)
        self._draft.fragments[name] = (f"fragment {name} on {parent.name} {selection}", parent.name, depth, lists)
        return name

    def _field(self, parent: _Composite, depth: int, lists: int, apart: bool) -> str | None:
        fields = {name: one for name, one in parent.fields.items() if self._can_ask(parent, name, one, depth, lists)}
        if not fields or self._chance(0.04):
            return f"{self._draft.name('t')}: __typename" if apart or self._chance(0.3) else "__typename"
        leaves = [name for name, one in fields.items() if is_leaf_type(get_named_type(one.type))]
        choice = leaves if leaves and self._chance(0.55) else list(fields)
        # Rare places are reached seldom: what was never selected there comes first.
        name = self._random.choice([one for one in choice if (parent.name, one) not in self._selected] or choice)
        self._selected.add((parent.name, name))
        self._draft.left -= 1
        definition = fields[name]
        kind = get_named_type(definition.type)
        inner_lists = lists + is_list(definition.type)
        arguments = self._arguments(parent, name, definition, lists)
        text = f"{self._response_name(name, bool(arguments), apart)}{arguments}{self._directives()}"
        if isinstance(kind, GraphQLObjectType):
            return f"{text} {self._selection(kind, depth + 1, inner_lists)}"
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            return f"{text} {self._of_each(kind, depth + 1, inner_lists)}"
        return text

    def _of_each(self, abstract: GraphQLUnionType | GraphQLInterfaceType, depth: int, lists: int) -> str:
        kinds: list[_Composite] = [kind for kind in self._schema.get_possible_types(abstract) if self._chance(0.6)]
        if isinstance(abstract, GraphQLInterfaceType):
            kinds.append(abstract)
        parts = [f"... on {kind.name} {self._selection(kind, depth, lists, apart=True)}" for kind in kinds]
        return "{ __typename " + " ".join(parts) + " }"

    def _can_ask(self, parent: _Composite, name: str, definition: GraphQLField, depth: int, lists: int) -> bool:
        is_leaf = is_leaf_type(get_named_type(definition.type))
        if not is_leaf and (depth >= self._shape.depth or lists + is_list(definition.type) > self._shape.lists):
            return False
        return all(
            self._pool(f"{parent.name}.{name}({argument})", argument) is not None or not needs_pool(given)
            for argument, given in definition.args.items()
            if is_required_argument(given)
        )

    def _response_name(self, name: str, has_arguments: bool, apart: bool) -> str:
        """The field's own name where no other use of it can disagree, else an alias of its own."""
        known = self._draft.bare.get(name)
        may_be_bare = not apart and (known is None or (known is False and not has_arguments))
        if may_be_bare and self._chance(0.7):
            self._draft.bare[name] = has_arguments
            return name
        return f"{self._draft.name('a')}: {name}"

    def _directives(self) -> str:
        if not self._chance(0.08):
            return ""
        name = self._random.choice(["include", "skip"])
        wanted = self._chance(0.75) == (name == "include")
        if self._shape.undecided and self._chance(self._shape.undecided):
            return f" @{name}(if: ${self._undecided(wanted)})"
        if self._chance(0.5):
            variable = self._draft.name("v")
            self._draft.definitions.append(f"${variable}: Boolean!")
            self._draft.variables[variable] = wanted
            return f" @{name}(if: ${variable})"
        return f" @{name}(if: {json.dumps(wanted)})"

    def _undecided(self, wanted: bool) -> str:
        """A variable with a default: left out, given, or null, which is an error where it decides."""
        variable = self._draft.name("v")
        self._draft.definitions.append(f"${variable}: Boolean = {json.dumps(not wanted)}")
        if self._chance(0.7):
            self._draft.variables[variable] = self._random.choice([wanted, wanted, None])
        return variable

    def _deferral(self) -> str:
        if not self._shape.deferred or not self._chance(self._shape.deferred):
            return ""
        return self._random.choice([" @defer", f' @defer(label: "{self._draft.name("d")}")', " @defer(if: false)"])

    def _arguments(self, parent: _Composite, name: str, definition: GraphQLField, lists: int) -> str:
        chosen = [
            argument
            for argument, given in definition.args.items()
            if is_required_argument(given) or self._chance(0.3) or (lists and argument == "first")
        ]
        for group in EXCLUSIVE:
            rivals = [argument for argument in chosen if argument in group]
            if len(rivals) > 1:
                kept = self._random.choice(rivals)
                chosen = [argument for argument in chosen if argument == kept or argument not in rivals]
        # Of these a field needs one.
        needed = NEEDED.get(f"{parent.name}.{name}", ())
        if needed and not set(chosen) & set(needed) and self._chance(0.9):
            chosen.append(self._random.choice(needed))
        given = []
        with self._slicing_to(SMALL_SLICES if lists else None):
            for argument in chosen:
                coordinate = f"{parent.name}.{name}({argument})"
                text = self._argument(coordinate, argument, definition.args[argument])
                given += [f"{argument}: {text}"] if text is not None else []
        return f"({', '.join(given)})" if given else ""

    @contextmanager
    def _slicing_to(self, sizes: Sequence[int] | None) -> Iterator[None]:
        """Within lists, pages are small: sizes multiply."""
        everything = self._values
        if sizes is not None:
            self._values = {**everything, **dict.fromkeys(SLICING, sizes)}
        try:
            yield
        finally:
            self._values = everything

    def _argument(self, coordinate: str, name: str, argument: GraphQLArgument) -> str | None:
        """Its text: a literal, null, or a variable, which may have a default or be left out."""
        value = self._value(argument.type, coordinate, name)
        if value is Undefined:
            return None
        nullable = not isinstance(argument.type, GraphQLNonNull)
        if nullable and self._chance(0.04):
            value = None
        if not self._chance(0.35) and not needs_variable(argument.type):
            return literal(value, argument.type)
        return self._variable(value, argument.type, may_be_left_out=not is_required_argument(argument))

    def _variable(self, value: Any, kind: GraphQLInputType, may_be_left_out: bool) -> str:
        variable = self._draft.name("v")
        loose = str(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)
        if may_be_left_out and self._chance(0.08):
            self._draft.definitions.append(f"${variable}: {loose}")
        elif value is not None and not needs_variable(kind) and self._chance(0.2):
            self._draft.definitions.append(f"${variable}: {loose} = {literal(value, kind)}")
            if self._chance(0.3):
                self._draft.variables[variable] = value
        else:
            self._draft.definitions.append(f"${variable}: {kind}")
            self._draft.variables[variable] = value
        return f"${variable}"

    def _value(self, kind: GraphQLInputType, coordinate: str, name: str) -> Any:
        """A value as JSON has it; Undefined where nothing is known."""
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type, coordinate, name)
        pool = self._pool(coordinate, name)
        if isinstance(kind, GraphQLList):
            return self._list(kind, coordinate, name, pool)
        if pool is not None:
            return self._random.choice(pool)
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind)
        return self._chance(0.5) if kind.name == "Boolean" else Undefined

    def _list(self, kind: GraphQLList[Any], coordinate: str, name: str, pool: Sequence[Any] | None) -> Any:
        count = self._random.choices((0, 1, 2, 3), (1, 5, 4, 2))[0]
        if pool is not None:
            return self._random.sample(list(pool), min(count, len(pool)))
        items = [self._value(kind.of_type, coordinate, name) for _ in range(count)]
        return Undefined if Undefined in items else items

    def _object(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        found = {}
        for name, one in kind.fields.items():
            if is_required_input_field(one) or self._chance(0.3):
                value = self._value(one.type, f"{kind.name}.{name}", name)
                if value is not Undefined:
                    found[name] = value
        return found

    def _pool(self, coordinate: str, name: str) -> Sequence[Any] | None:
        return self._values.get(coordinate) or self._values.get(name) or None


def is_list(kind: Any) -> bool:
    """Whether a field's type is a list, whatever its nullability."""
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)


def needs_pool(argument: GraphQLArgument) -> bool:
    """Whether its values cannot be made up from its type."""
    kind = get_named_type(argument.type)
    return not isinstance(kind, GraphQLEnumType | GraphQLInputObjectType) and kind.name != "Boolean"


def needs_variable(kind: GraphQLInputType) -> bool:
    """Scalars of objects are written in JSON, beside the document."""
    return get_named_type(kind).name == "_Any"


def literal(value: Any, kind: Any) -> str:
    """A JSON value in the document, as its type writes it there."""
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if value is None:
        return "null"
    if isinstance(kind, GraphQLList):
        return "[" + ", ".join(literal(one, kind.of_type) for one in value) + "]"
    if isinstance(kind, GraphQLInputObjectType):
        return "{" + ", ".join(f"{name}: {literal(one, kind.fields[name].type)}" for name, one in value.items()) + "}"
    return str(value) if isinstance(kind, GraphQLEnumType) else json.dumps(value, ensure_ascii=False)

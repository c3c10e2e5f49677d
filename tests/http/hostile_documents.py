"""Generators of documents that grow in one dimension, one per class of attack. Each takes a size, as the tests say."""

from __future__ import annotations

from collections.abc import Callable


def nested_fields(size: int) -> str:
    return "{ a " * size + "}" * size


def nested_inline_fragments(size: int) -> str:
    return "{ " + "... { " * size + "a " + "} " * size + "}"


def nested_typed_inline_fragments(size: int) -> str:
    return "{ " + "... on Query { a " * size + "} " * size + "}"


def fields(size: int) -> str:
    return "{ " + "a " * size + "}"


def aliases(size: int) -> str:
    return "{ " + " ".join(f"a{number}: a" for number in range(size)) + " }"


def root_field_arguments(size: int) -> str:
    return "{ a(" + " ".join(f"b{number}: 1" for number in range(size)) + ") }"


def directives_on_a_field(size: int) -> str:
    return "{ a " + "@skip(if: false) " * size + "}"


def directives_on_spreads(size: int) -> str:
    return "{ " + "... @include(if: true) { a } " * size + "}"


def directives_on_the_operation(size: int) -> str:
    return "query " + "@a " * size + "{ a }"


def directives_on_a_fragment(size: int) -> str:
    return "{ ...F } fragment F on Query " + "@a " * size + "{ a }"


def spreads_of_one_fragment(size: int) -> str:
    return "{ " + "...F " * size + "} fragment F on Query { a b c d }"


def doubling_fragments(size: int) -> str:
    parts = [f"fragment F{number} on Query {{ ...F{number + 1} ...F{number + 1} }}" for number in range(size)]
    return f"{{ ...F0 }} {' '.join(parts)} fragment F{size} on Query {{ a }}"


def doubling_aliased_fragments(size: int) -> str:
    parts = [
        f"fragment F{number} on Query {{ x: b {{ ...F{number + 1} }} y: b {{ ...F{number + 1} }} }}"
        for number in range(size)
    ]
    return f"{{ ...F0 }} {' '.join(parts)} fragment F{size} on Query {{ a }}"


def doubling_through_inline_fragments(size: int) -> str:
    parts = [
        f"fragment F{number} on Query {{ ... {{ ...F{number + 1} }} ... {{ ...F{number + 1} }} }}"
        for number in range(size)
    ]
    return f"{{ ...F0 }} {' '.join(parts)} fragment F{size} on Query {{ a }}"


def fragment_chain(size: int) -> str:
    parts = [f"fragment F{number} on Query {{ ...F{number + 1} }}" for number in range(size)]
    return f"{{ ...F0 }} {' '.join(parts)} fragment F{size} on Query {{ a }}"


def deep_fragment_chain(size: int) -> str:
    parts = [f"fragment F{number} on Query {{ a {{ ...F{number + 1} }} }}" for number in range(size)]
    return f"{{ ...F0 }} {' '.join(parts)} fragment F{size} on Query {{ a }}"


def fragment_cycle(size: int) -> str:
    parts = [f"fragment F{number} on Query {{ a ...F{(number + 1) % size} }}" for number in range(size)]
    return "{ ...F0 } " + " ".join(parts)


def fragment_clique(size: int) -> str:
    """Every fragment spreads every later one: the number of paths doubles with each."""
    parts = [
        f"fragment F{number} on Query {{ a {' '.join(f'...F{later}' for later in range(number + 1, size))} }}"
        for number in range(size)
    ]
    return "{ ...F0 } " + " ".join(parts)


def unused_fragments(size: int) -> str:
    return "{ a } " + " ".join(f"fragment F{number} on Query {{ a }}" for number in range(size))


def operations(size: int) -> str:
    return " ".join(f"query Q{number} {{ a }}" for number in range(size))


def operations_over_one_fragment(size: int) -> str:
    return " ".join(f"query Q{number} {{ ...F }}" for number in range(size)) + " fragment F on Query { a b c d e f }"


def variables(size: int) -> str:
    return "query(" + " ".join(f"$v{number}: Int" for number in range(size)) + ") { a }"


def variable_defaults(size: int) -> str:
    return "query($v: [Int] = [" + "1 " * size + "]) { a }"


def nested_list_literal(size: int) -> str:
    return "{ a(b: " + "[" * size + "]" * size + ") }"


def nested_object_literal(size: int) -> str:
    return "{ a(b: " + "{c: " * size + "1" + "}" * size + ") }"


def nested_list_type(size: int) -> str:
    return "query($v: " + "[" * size + "Int" + "]" * size + ") { a }"


def list_literal(size: int) -> str:
    return "{ a(b: [" + "1 " * size + "]) }"


def object_literal(size: int) -> str:
    return "{ a(b: {" + " ".join(f"c{number}: 1" for number in range(size)) + "}) }"


def overlapping_inline_fragments(size: int) -> str:
    return "{ " + "... on Query { a { b } } " * size + "}"


def overlapping_fields(size: int) -> str:
    return "{ " + "a { b } " * size + "}"


def introspection_nesting(size: int) -> str:
    return "{ __schema { types { " + "fields { type { " * size + "name" + " } }" * size + " } } }"


def introspection_doubling(size: int) -> str:
    parts = [
        f"fragment F{number} on __Type {{ fields {{ type {{ ...F{number + 1} }} }} ofType {{ ...F{number + 1} }} }}"
        for number in range(size)
    ]
    return f"{{ __schema {{ types {{ ...F0 }} }} }} {' '.join(parts)} fragment F{size} on __Type {{ name }}"


def comments(size: int) -> str:
    return "#\n" * size + "{ a }"


def one_long_comment(size: int) -> str:
    return "#" + "x" * size * 4 + "\n{ a }"


def one_long_name(size: int) -> str:
    return "{ " + "a" * size * 4 + " }"


def one_long_string(size: int) -> str:
    return '{ a(b: "' + "x" * size * 4 + '") }'


def one_long_block_string(size: int) -> str:
    return '{ a(b: """' + "x\n" * size * 2 + '""") }'


def escapes(size: int) -> str:
    return '{ a(b: "' + "\\u0041" * size + '") }'


def one_long_number(size: int) -> str:
    return "{ a(b: " + "9" * size * 4 + ") }"


def commas(size: int) -> str:
    return "{ a " + "," * size * 4 + " }"


def line_ends(size: int) -> str:
    return "{ a " + "\r\n" * size * 4 + " }"


def type_definitions(size: int) -> str:
    return " ".join(f"type T{number} {{ a: Int }}" for number in range(size))


def opening_braces(size: int) -> str:
    return "{ a " * size


def opening_brackets(size: int) -> str:
    return "{ a(b: " + "[" * size


GENERATORS: dict[str, Callable[[int], str]] = {
    generator.__name__: generator
    for generator in (
        *(nested_fields, nested_inline_fragments, nested_typed_inline_fragments, fields, aliases, root_field_arguments),
        *(directives_on_a_field, directives_on_spreads, directives_on_the_operation, directives_on_a_fragment),
        *(spreads_of_one_fragment, doubling_fragments, doubling_aliased_fragments, doubling_through_inline_fragments),
        *(fragment_chain, deep_fragment_chain, fragment_cycle, fragment_clique, unused_fragments, operations),
        *(operations_over_one_fragment, variables, variable_defaults, nested_list_literal, nested_object_literal),
        *(nested_list_type, list_literal, object_literal, overlapping_inline_fragments, overlapping_fields),
        *(introspection_nesting, introspection_doubling, comments, one_long_comment, one_long_name, one_long_string),
        *(one_long_block_string, escapes, one_long_number, commas, line_ends, type_definitions),
        *(opening_braces, opening_brackets),
    )
}


def nested_lists(size: int) -> str:
    return (
        "{ account { "
        + "jobs(first: 100) { nodes { models(first: 100) { nodes { " * size
        + "id"
        + " } } } }" * size
        + " } }"
    )


def lists_side_by_side(size: int) -> str:
    return (
        "{ account { "
        + " ".join(f"a{number}: models(first: 5000) {{ nodes {{ id }} }}" for number in range(size))
        + " } }"
    )


def doubling_lists(size: int) -> str:
    parts = [
        f"fragment F{number} on Model {{ upstream {{ ...F{number + 1} }} downstream {{ ...F{number + 1} }} }}"
        for number in range(size)
    ]
    parts.append(f"fragment F{size} on Model {{ id }}")
    return f"{{ account {{ slowestModels {{ model {{ ...F0 }} }} }} }} {' '.join(parts)}"


def doubling_pages(size: int) -> str:
    parts = [f"fragment F{number} on ModelConnection {{ ...F{number + 1} ...F{number + 1} }}" for number in range(size)]
    parts.append(f"fragment F{size} on ModelConnection {{ nodes {{ id }} }}")
    return f"{{ account {{ models {{ ...F0 }} }} }} {' '.join(parts)}"


def inline_pages(size: int) -> str:
    return "{ account { models { " + "... on ModelConnection { " * size + "nodes { id } " + "} " * size + "} } }"


def slicing_by_variables(size: int) -> str:
    names = " ".join(f"$v{number}: Int" for number in range(size))
    lists = " ".join(f"a{number}: models(first: $v{number}) {{ nodes {{ id }} }}" for number in range(size))
    return f"query({names}) {{ account {{ {lists} }} }}"


def one_variable_everywhere(size: int) -> str:
    lists = " ".join(f"a{number}: models(filter: $v) {{ totalCount }}" for number in range(size))
    return f"query($v: ModelFilter) {{ account {{ {lists} }} }}"


def references(size: int) -> str:
    items = " ".join('{__typename: "Model", id: "a"}' for _ in range(size))
    return f"{{ _entities(representations: [{items}]) {{ ... on Model {{ upstream {{ upstream {{ id }} }} }} }} }}"


COSTLY: dict[str, Callable[[int], str]] = {
    generator.__name__: generator
    for generator in (
        *(nested_lists, lists_side_by_side, doubling_lists, doubling_pages, inline_pages, slicing_by_variables),
        *(one_variable_everywhere, references),
    )
}
"""Documents that fit our schema, more or less, and cost more and more."""


def lying_variables(size: int) -> dict[str, object]:
    """Values for the variables above: lengths beyond all bounds, objects that go deep, lists that go on."""
    deep: object = 1
    for _ in range(min(size, 25)):
        deep = {"tags": [deep], "modelIds": []}
    lies: dict[str, object] = {f"v{number}": 2**31 - 1 for number in range(size)}
    return lies | {"v": {"tags": ["x"] * size, "modelIds": deep, "nothing": [{}] * size}}

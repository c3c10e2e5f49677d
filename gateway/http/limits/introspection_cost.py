"""What introspection costs. Routers take it for free; here it is work like any other: the whole schema takes 0.1 s.

The lists have the lengths that they have in this schema, on average, so that fields of types of fields multiply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_WEIGHT = 10
"""Of an object in a list: graphql-core resolves its fields one by one, which takes longer than what is compiled."""

_BUILT_IN = 13
"""Types that every schema has: five scalars and those of introspection."""


@dataclass(frozen=True, slots=True)
class Described:
    """A field of introspection: the type of what it holds, and how many of those; None: it is no list."""

    kind: str
    items: int | None
    weight: int = _WEIGHT


_ONE_TYPE = Described("__Type", None, 1)


def introspection_fields(definitions: Iterable[Any]) -> Mapping[str, Mapping[str, Described]]:
    """The fields of introspection that hold objects, by type; those of the root are under the empty name."""
    nodes = list(definitions)
    types = [node for node in nodes if node.kind.endswith("_type_definition")]
    fields = [member for node in types for member in getattr(node, "fields", None) or ()]
    arguments = sum(len(getattr(member, "arguments", None) or ()) for member in fields)
    values = sum(len(getattr(node, "values", None) or ()) for node in types)
    directives = sum(node.kind == "directive_definition" for node in nodes)
    count = len(types) + _BUILT_IN
    per_type = _average(len(fields), len(types))
    type_fields = {
        "fields": Described("__Field", per_type),
        "inputFields": Described("__InputValue", _average(per_type, 2)),
        "enumValues": Described("__EnumValue", _average(values, len(types))),
        **{name: Described("__Type", 1) for name in ("interfaces", "possibleTypes")},
        "ofType": _ONE_TYPE,
    }
    return {
        "": {"__schema": Described("__Schema", None, 1), "__type": _ONE_TYPE},
        "__Schema": {
            "types": Described("__Type", count),
            "directives": Described("__Directive", directives + 5),
            **dict.fromkeys(("queryType", "mutationType", "subscriptionType"), _ONE_TYPE),
        },
        "__Type": type_fields,
        "__Field": {
            "args": Described("__InputValue", _average(arguments, len(fields))),
            "type": _ONE_TYPE,
        },
        "__InputValue": {"type": _ONE_TYPE},
        "__Directive": {"args": Described("__InputValue", 2)},
    }


def _average(total: int, count: int) -> int:
    """Rounded up, at least 1."""
    return max(1, -(-total // max(1, count)))

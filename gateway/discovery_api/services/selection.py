"""What to select of dbt's Discovery API, written by calling the fields: `job.models(first=10).unique_id()`.

Names are snake_case and become camelCase. A field that was called again keeps what was selected below it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


class EnumValue(str):
    """A GraphQL enum value, written without quotes."""


class Selection:
    """The fields selected below one field. Every attribute is a field; calling it selects it."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, Selection]] = {}

    def __getattr__(self, name: str) -> Field:
        if name.startswith("_"):
            raise AttributeError(f"{name!r} is not the name of a field")
        return Field(self, name)

    def on(self, type_name: str) -> Selection:
        """The fields selected only of nodes of one GraphQL type."""
        return self._fields.setdefault(f"... on {type_name}", (f"... on {type_name}", Selection()))[1]

    def __str__(self) -> str:
        """The selection as GraphQL, in braces; empty when nothing is selected."""
        if not self._fields:
            return ""
        return f"{{ {' '.join(f'{head} {below}'.rstrip() for head, below in self._fields.values())} }}"


class Field:
    """A field that can be selected: `field(argument=value)` selects it and descends, `field.other` does so without
    arguments. `__alias__` names it in the answer."""

    def __init__(self, parent: Selection, name: str) -> None:
        self._parent = parent
        self._name = name

    def __call__(self, *, __alias__: str | None = None, **arguments: object) -> Selection:
        name = camel_case(self._name)
        given_arguments = ", ".join(f"{camel_case(key)}: {literal(value)}" for key, value in arguments.items())
        head = f"{__alias__}: {name}" if __alias__ else name
        key = __alias__ or name
        fields = self._parent._fields
        below = fields[key][1] if key in fields else Selection()
        fields[key] = (f"{head}({given_arguments})" if given_arguments else head, below)
        return below

    def __getattr__(self, name: str) -> Field:
        return getattr(self(), name)  # type: ignore[no-any-return]  # every attribute of a selection is a field


class Operation(Selection):
    """A whole query; `str()` of it is its text."""

    def __str__(self) -> str:
        return f"query {super().__str__()}"


def camel_case(name: str) -> str:
    """`run_generated_at` → `runGeneratedAt`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def literal(value: object) -> str:
    """A Python value as a GraphQL literal. Raises TypeError for what GraphQL has no literal for."""
    if isinstance(value, EnumValue):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{camel_case(key)}: {literal(item)}' for key, item in value.items())}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(literal, value))}]"
    raise TypeError(f"{value!r} cannot be written as a GraphQL value")

"""What an operation's variables hold, before they are looked at one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import ListTypeNode, NamedTypeNode, NonNullTypeNode, OperationDefinitionNode, TypeNode

from gateway.http.errors import LimitExceeded

MOST_VALUES = 2_500
"""Values in all variables of an operation together: coercing one takes up to 5 microseconds."""

MOST_REFERENCES = 5_000
"""References to entities in one variable: what is in them is not looked at, and the cost bounds what hangs on them."""

_REFERENCES = "_Any"


def check_variables(operation: OperationDefinitionNode, variables: Mapping[str, Any], most: int = MOST_VALUES) -> None:
    """Raises LimitExceeded when the variables that the operation declares hold more values than that, lists and objects
    among them, or more references. Looks no further than the limit."""
    pending: list[Any] = []
    for variable in operation.variable_definitions or ():
        value = variables.get(variable.variable.name.value)
        if _named(variable.type) != _REFERENCES:
            pending.append(value)
        elif isinstance(value, list) and len(value) > MOST_REFERENCES:
            raise _exceeded("references", MOST_REFERENCES)
    count = 0
    while pending:
        value = pending.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        count += len(inner)
        if count > most:
            raise _exceeded("values", most)
        pending += inner


def _exceeded(what: str, most: int) -> LimitExceeded:
    return LimitExceeded(f"The variables contain more than {most} {what}. Use several requests.", limit=what, most=most)


def _named(kind: TypeNode) -> str:
    while isinstance(kind, ListTypeNode | NonNullTypeNode):
        kind = kind.type
    return kind.name.value if isinstance(kind, NamedTypeNode) else ""

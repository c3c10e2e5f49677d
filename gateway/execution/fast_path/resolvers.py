"""What Strawberry knows of a field, read so that its function can be called without the layers in between.

Strawberry keeps its own description of each field in the graphql-core field's `extensions`; tests pin this seam.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    VariableNode,
    VariableValues,
    Visitor,
    get_argument_values,
    visit,
)
from strawberry import Schema
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

Read = Callable[[Any], Any]


def definition_of(field: GraphQLField) -> StrawberryField | None:
    """Strawberry's description of a field; None for a field that is not Strawberry's, or that extensions wrap."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition if isinstance(definition, StrawberryField) and not definition.extensions else None


def plain_reader(field: GraphQLField) -> Read | None:
    """How to read a field that is an attribute, or a function of its object alone; None for every other field."""
    definition = definition_of(field)
    if definition is None or field.args:
        return None
    if definition.is_basic_field:
        return attrgetter(definition.python_name)
    resolver = definition.base_resolver
    if resolver is None or definition.is_async or resolver.info_parameter or resolver.root_parameter:
        return None
    function: Callable[..., Any] = resolver.wrapped_func  # type: ignore[assignment]  # callable, or the schema is broken
    if resolver.parent_parameter is None:
        return None
    parent = resolver.parent_parameter.name
    if resolver.self_parameter:
        return lambda source: function(source, **{parent: source})
    return lambda source: function(**{parent: source})


@dataclass(frozen=True, slots=True)
class AsyncResolver:
    """The coroutine function behind a field, with the names of what it takes beside the field's arguments."""

    schema: Schema
    field: StrawberryField
    function: Callable[..., Coroutine[Any, Any, Any]]
    takes_self: bool
    parent_name: str | None
    info_name: str | None

    def __call__(self, source: Any, raw_info: Any, arguments: Mapping[str, Any]) -> Coroutine[Any, Any, Any]:
        """Starts nothing: what it returns has to be awaited."""
        named = dict(arguments)
        if self.parent_name is not None:
            named[self.parent_name] = source
        if self.info_name is not None:
            named[self.info_name] = self.schema.config.info_class(_raw_info=raw_info, _field=self.field)
        return self.function(source, **named) if self.takes_self else self.function(**named)

    def arguments(
        self, definition: GraphQLField, node: FieldNode, variables: VariableValues | None
    ) -> Mapping[str, Any]:
        """The field's arguments as its function takes them. Raises what graphql-core and Strawberry raise."""
        values = get_argument_values(definition, node, variables)
        converter = self.schema.schema_converter
        return convert_arguments(values, self.field.arguments, converter.scalar_registry, converter.config)


def async_resolver(schema: Schema, definition: GraphQLField) -> AsyncResolver | None:
    """The coroutine function of a field; None for a field that has none, or whose function takes anything unusual."""
    field = definition_of(definition)
    resolver = field.base_resolver if field else None
    if field is None or resolver is None or not field.is_async or resolver.root_parameter:
        return None
    function: Callable[..., Coroutine[Any, Any, Any]] = resolver.wrapped_func  # type: ignore[assignment]  # as above
    parent, info = resolver.parent_parameter, resolver.info_parameter
    return AsyncResolver(
        schema,
        field,
        function,
        takes_self=resolver.self_parameter is not None,
        parent_name=parent.name if parent else None,
        info_name=info.name if info else None,
    )


def names_variables(node: FieldNode) -> bool:
    """Whether an argument of a field depends on a variable."""
    variables = _Variables()
    for argument in node.arguments or ():
        visit(argument, variables)
    return variables.any


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.any = False

    def enter_variable(self, _node: VariableNode, *_: object) -> None:
        self.any = True

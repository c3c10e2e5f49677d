"""What strangers are told of the schema: introspection, the SDL for routers, suggestions and details in errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    FieldNode,
    FieldsOnCorrectTypeRule,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    specified_rules,
)

from gateway.execution.suggestions import FieldsWithinReachRule

_SDL_FIELD = "_service"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """`introspection` answers __schema and __type, `sdl` answers `_service { sdl }`, which composers may ask for.

    `suggestions` lets errors propose names. Without it and without introspection errors tell nothing of the schema at
    all: one and the same message, without a place, whatever is wrong with a document.
    """

    introspection: bool = True
    sdl: bool = True
    suggestions: bool = True

    @property
    def is_silent(self) -> bool:
        """Whether nothing about the schema may be learnt from an error."""
        return not (self.introspection or self.suggestions)

    @property
    def rules(self) -> Sequence[type[ASTValidationRule]]:
        """The rules a document has to keep."""
        rules = [FieldsWithinReachRule if rule is FieldsOnCorrectTypeRule else rule for rule in specified_rules]
        if not self.introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        if not self.sdl:
            rules.append(NoSdlRule)
        return rules

    def told(self, errors: Sequence[dict[str, Any]], message: str) -> list[dict[str, Any]]:
        """These errors as a stranger may read them; where nothing may be learnt, `message` instead of them all."""
        if self.is_silent and errors:
            return [{"message": message, "extensions": {"code": errors[0]["extensions"]["code"]}}]
        return list(errors)


class NoSdlRule(ASTValidationRule):
    """Refuses the field that holds the whole schema as text."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Called for every field of a document."""
        if node.name.value == _SDL_FIELD:
            self.report_error(GraphQLError("The schema's text is not told here.", node))

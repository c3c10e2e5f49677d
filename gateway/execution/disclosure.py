"""What strangers may learn of the schema: introspection, the SDL for routers, suggestions and details in errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    FieldNode,
    FieldsOnCorrectTypeRule,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    specified_rules,
)

from gateway.execution.suggestions import FieldsWithinReachRule

OVERLAP_BUDGET = 50_000
"""Units that graphql-core counts: two for each pair of fields compared, one for each collected."""

_SDL_FIELD = "_service"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """`introspection` answers __schema and __type, `sdl` answers `_service { sdl }`, which composers may ask for.

    `suggestions` lets errors propose names. Without it and without introspection errors say nothing of the schema at
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
        rules = [_OURS.get(rule, rule) for rule in specified_rules]
        if not self.introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        if not self.sdl:
            rules.append(NoSdlRule)
        return rules

    def disclosed(self, errors: Sequence[dict[str, Any]], message: str) -> list[dict[str, Any]]:
        """These errors as a stranger may read them; where nothing may be learnt, `message` instead of them all."""
        if self.is_silent and errors:
            return [{"message": message, "extensions": {"code": errors[0]["extensions"]["code"]}}]
        return list(errors)


class BoundedOverlapRule(OverlappingFieldsCanBeMergedRule):
    """graphql-core's, with less to spend: comparing fields that have the same name two by two is all that takes longer
    than the document is long. The widest ready question spends a hundredth of this; all of it takes about 10 ms."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = OVERLAP_BUDGET


_OURS: Mapping[type[ASTValidationRule], type[ASTValidationRule]] = {
    FieldsOnCorrectTypeRule: FieldsWithinReachRule,
    OverlappingFieldsCanBeMergedRule: BoundedOverlapRule,
}


class NoSdlRule(ASTValidationRule):
    """Refuses the field that holds the whole schema as text."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Called for every field of a document."""
        if node.name.value == _SDL_FIELD:
            self.report_error(GraphQLError("The text of the schema is not public here.", node))

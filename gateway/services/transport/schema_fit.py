"""Documents made to fit the schema that a dbt really has: fields that it says it does not know are left out, and null.

What is missing is learnt from dbt's own refusals ("Cannot query field …"), once, and remembered. A field is told apart
by its type where the document says it: in a fragment, or below one of the fields of `_TYPES`; elsewhere by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from gateway.services.transport.upstream_errors import UpstreamProblem
from gateway.telemetry.upstream_note import UpstreamNote

FIELDS_UNKNOWN = "FIELDS_UNKNOWN"

_UNKNOWN_FIELD = re.compile(r"Cannot query field [\"'](\w+)[\"'] on type [\"'](\w+)[\"']")
_TYPES = {
    "environment": "Environment",
    "applied": "AppliedState",
    "definition": "DefinitionState",
    "job": "JobNode",
    "pageInfo": "PageInfo",
    "model": "ModelNode",
}
_TYPENAME = FieldNode(name=NameNode(value="__typename"))


@dataclass(frozen=True, slots=True)
class FittedDocument:
    """A document without unknown fields. `whole` is the document that was meant."""

    text: str
    variables: Mapping[str, Any]
    whole: DocumentNode


class SchemaFit:
    """What this dbt does not know: pairs of type and field."""

    def __init__(self) -> None:
        self._missing: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        return bool(self._missing)

    def learn(self, problems: Iterable[UpstreamProblem]) -> bool:
        """Notes what a refusal says is unknown; whether any of it was not known to be so."""
        told = [_UNKNOWN_FIELD.search(problem.message) for problem in problems]
        unknown = {(match.group(2), match.group(1)) for match in told if match}
        is_new = not unknown <= self._missing
        self._missing |= unknown
        return is_new

    def notes(self) -> list[UpstreamNote]:
        """What answers lack for it."""
        if not self._missing:
            return []
        fields = ", ".join(f"{of_type}.{name}" for of_type, name in sorted(self._missing))
        message = f"dbt's schema has no {fields}: what they would tell is null, or not known."
        return [UpstreamNote(FIELDS_UNKNOWN, message)]

    def fit(self, text: str, variables: Mapping[str, Any]) -> FittedDocument:
        """The document without unknown fields, and without what only they used."""
        whole = parse(text, no_location=True)
        parts = tuple(self._without_unknown(definition) for definition in whole.definitions)
        fitted, used = _pruned(replace(whole, definitions=parts))
        kept = {name: value for name, value in variables.items() if name in used}
        return FittedDocument(print_ast(fitted), kept, whole)

    def fill(self, whole: DocumentNode, data: Any) -> None:
        """Sets null in an answer's data wherever the whole document asks for a field that was left out."""
        fragments = {part.name.value: part for part in whole.definitions if isinstance(part, FragmentDefinitionNode)}
        for part in whole.definitions:
            if isinstance(part, OperationDefinitionNode):
                self._fill(part.selection_set, "Query", data, fragments)

    def _is_missing(self, of_type: str | None, name: str) -> bool:
        if of_type is not None:
            return (of_type, name) in self._missing
        return any(name == field for _, field in self._missing)

    def _without_unknown(self, definition: Any) -> Any:
        if isinstance(definition, FragmentDefinitionNode):
            of_type: str | None = definition.type_condition.name.value
        elif isinstance(definition, OperationDefinitionNode):
            of_type = "Query"
        else:
            return definition
        return replace(definition, selection_set=self._reduced(definition.selection_set, of_type))

    def _reduced(self, selections: SelectionSetNode, of_type: str | None) -> SelectionSetNode:
        kept: list[Any] = []
        for one in selections.selections:
            if not isinstance(one, FieldNode):
                kept.append(one)
            elif not self._is_missing(of_type, one.name.value):
                below = one.selection_set
                kept.append(
                    one if below is None else replace(one, selection_set=self._reduced(below, _type_below(one)))
                )
        return replace(selections, selections=tuple(kept) or (_TYPENAME,))

    def _fill(
        self,
        selections: SelectionSetNode,
        of_type: str | None,
        value: Any,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        if isinstance(value, list):
            for item in value:
                self._fill(selections, of_type, item, fragments)
        if not isinstance(value, dict):
            return
        for one in selections.selections:
            if isinstance(one, FragmentSpreadNode):
                fragment = fragments[one.name.value]
                self._fill(fragment.selection_set, fragment.type_condition.name.value, value, fragments)
            elif isinstance(one, FieldNode):
                key = one.alias.value if one.alias else one.name.value
                if self._is_missing(of_type, one.name.value):
                    value.setdefault(key, None)
                elif one.selection_set is not None:
                    self._fill(one.selection_set, _type_below(one), value.get(key), fragments)


def _type_below(field: FieldNode) -> str | None:
    return _TYPES.get(field.name.value)


class _Names(Visitor):
    """Collects which variables and fragments a part of a document uses."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.fragments: set[str] = set()

    def enter_variable_definition(self, *_: Any) -> Any:
        return False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.variables.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.fragments.add(node.name.value)


def _pruned(document: DocumentNode) -> tuple[DocumentNode, set[str]]:
    """Without fragments and declarations of variables that nothing uses any more; and the variables that are used."""
    names = _Names()
    visit(document, names)
    kept: list[Any] = []
    for part in document.definitions:
        if isinstance(part, OperationDefinitionNode):
            declared = tuple(v for v in part.variable_definitions or () if v.variable.name.value in names.variables)
            kept.append(replace(part, variable_definitions=declared))
        elif not isinstance(part, FragmentDefinitionNode) or part.name.value in names.fragments:
            kept.append(part)
    return replace(document, definitions=tuple(kept)), names.variables

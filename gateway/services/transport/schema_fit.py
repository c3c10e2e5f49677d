"""Documents made to fit the schema that a dbt really has: fields that it says it does not know are left out, and null;
so are values of enums in lists of arguments.

What is missing is learnt from dbt's own refusals ("Cannot query field …", "Value … does not exist in … enum"), once,
and remembered. A field is told apart by its type: that of the fragment it stands in, or of the field above it
(`FIELD_TYPES`, which a test holds against the documented schema).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    NameNode,
    ObjectValueNode,
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
_UNKNOWN_VALUE = re.compile(r"Value [\"'](\w+)[\"'] does not exist in [\"'](\w+)[\"'] enum")

FIELD_TYPES: Mapping[str, Mapping[str, str]] = {
    "Query": {"environment": "Environment", "job": "JobNode"},
    "Environment": {"applied": "AppliedState", "definition": "DefinitionState"},
    "AppliedState": {
        "exposures": "ExposureAppliedStateNodeConnection",
        "lineage": "LineageNode",
        "modelHistoricalRuns": "ModelNode",
        "models": "ModelAppliedStateNodeConnection",
        "seeds": "SeedAppliedStateNodeConnection",
        "snapshots": "SnapshotAppliedStateNodeConnection",
        "sources": "SourceAppliedStateNodeConnection",
    },
    "DefinitionState": {"groups": "GroupNodeConnection"},
    "GroupNodeConnection": {"edges": "GroupNodeEdge", "pageInfo": "PageInfo"},
    "GroupNodeEdge": {"node": "GroupNode"},
    "ModelAppliedStateNodeConnection": {"edges": "ModelAppliedStateNodeEdge", "pageInfo": "PageInfo"},
    "ModelAppliedStateNodeEdge": {"node": "ModelAppliedStateNode"},
    "ModelAppliedStateNode": {
        "catalog": "CatalogNode",
        "executionInfo": "ModelExecutionInfoNode",
        "tests": "TestAppliedStateNestedNode",
    },
    "TestAppliedStateNestedNode": {"executionInfo": "TestExecutionInfoNode"},
    "CatalogNode": {"columns": "CatalogColumn", "stats": "CatalogStat"},
    "ExposureAppliedStateNodeConnection": {"edges": "ExposureAppliedStateNodeEdge", "pageInfo": "PageInfo"},
    "ExposureAppliedStateNodeEdge": {"node": "ExposureAppliedStateNode"},
    "SeedAppliedStateNodeConnection": {"edges": "SeedAppliedStateNodeEdge", "pageInfo": "PageInfo"},
    "SeedAppliedStateNodeEdge": {"node": "SeedAppliedStateNode"},
    "SeedAppliedStateNode": {"catalog": "CatalogNode", "executionInfo": "SeedExecutionInfoNode"},
    "SnapshotAppliedStateNodeConnection": {"edges": "SnapshotAppliedStateNodeEdge", "pageInfo": "PageInfo"},
    "SnapshotAppliedStateNodeEdge": {"node": "SnapshotAppliedStateNode"},
    "SnapshotAppliedStateNode": {"catalog": "CatalogNode", "executionInfo": "SnapshotExecutionInfoNode"},
    "SourceAppliedStateNodeConnection": {"edges": "SourceAppliedStateNodeEdge", "pageInfo": "PageInfo"},
    "SourceAppliedStateNodeEdge": {"node": "SourceAppliedStateNode"},
    "SourceAppliedStateNode": {"catalog": "CatalogNode", "freshness": "SourceFreshnessNode"},
    "SourceFreshnessNode": {"criteria": "Criteria"},
    "Criteria": {"errorAfter": "CriteriaInfo", "warnAfter": "CriteriaInfo"},
    "JobNode": {
        "exposures": "ExposureNode",
        "model": "ModelNode",
        "models": "ModelNode",
        "seeds": "SeedNode",
        "snapshots": "SnapshotNode",
        "sources": "SourceNode",
        "tests": "TestNode",
    },
    "ModelNode": {"runResults": "RunInfoNode"},
    "SnapshotNode": {"parentsModels": "ModelNode", "parentsSources": "SourceNode"},
}
"""The types of the fields with fields of their own that our documents select."""

_TYPENAME = FieldNode(name=NameNode(value="__typename"))


@dataclass(frozen=True, slots=True)
class FittedDocument:
    """A document without unknown fields. `whole` is the document that was meant."""

    text: str
    variables: Mapping[str, Any]
    whole: DocumentNode


class SchemaFit:
    """What this dbt does not know: pairs of type and field, or of enum and value."""

    def __init__(self) -> None:
        self._missing: set[tuple[str, str]] = set()
        self._values: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._missing)

    def learn(self, problems: Iterable[UpstreamProblem]) -> bool:
        """Notes what a refusal says is unknown; whether any of it was not known to be so."""
        messages = [problem.message for problem in problems]
        values = {match.group(2, 1) for message in messages if (match := _UNKNOWN_VALUE.search(message))}
        fields = {match.group(2, 1) for message in messages if (match := _UNKNOWN_FIELD.search(message))}
        self._values |= {value for _, value in values}
        unknown: set[tuple[str, str]] = {(str(of_type), str(name)) for of_type, name in fields | values}
        is_new = not unknown <= self._missing
        self._missing |= unknown
        return is_new

    def notes(self) -> list[UpstreamNote]:
        """What answers lack for it."""
        if not self._missing:
            return []
        message = f"dbt's schema has no {self.missing}: what they would show is null, or not known."
        return [UpstreamNote(FIELDS_UNKNOWN, message)]

    @property
    def missing(self) -> str:
        """What is missing, in order."""
        return ", ".join(f"{of_type}.{name}" for of_type, name in sorted(self._missing))

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

    def _is_left_out(self, field: FieldNode, of_type: str | None) -> bool:
        """Whether a field is not known, or asks of unknown values only."""
        name = field.name.value
        if (of_type, name) in self._missing or (
            of_type is None and any(name == missing_name for _, missing_name in self._missing)
        ):
            return True
        return bool(self._values) and any(
            _has_emptied(argument.value, self._known(argument.value)) for argument in field.arguments or ()
        )

    def _fitted(self, field: FieldNode, of_type: str | None) -> FieldNode:
        """The field with known values and fields."""
        arguments = tuple(replace(argument, value=self._known(argument.value)) for argument in field.arguments or ())
        below = field.selection_set
        selections = None if below is None else self._reduced(below, _type_below(of_type, field.name.value))
        return replace(field, arguments=arguments, selection_set=selections)

    def _known(self, value: Any) -> Any:
        """A value without unknown ones of enums in its lists."""
        if isinstance(value, ListValueNode):
            known = (
                item for item in value.values if not (isinstance(item, EnumValueNode) and item.value in self._values)
            )
            return replace(value, values=tuple(known))
        if isinstance(value, ObjectValueNode):
            return replace(
                value, fields=tuple(replace(field, value=self._known(field.value)) for field in value.fields)
            )
        return value

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
        for selection in selections.selections:
            if not isinstance(selection, FieldNode):
                kept.append(selection)
            elif not self._is_left_out(selection, of_type):
                kept.append(self._fitted(selection, of_type))
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
        for selection in selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                fragment = fragments[selection.name.value]
                self._fill(fragment.selection_set, fragment.type_condition.name.value, value, fragments)
            elif isinstance(selection, FieldNode):
                key = selection.alias.value if selection.alias else selection.name.value
                if self._is_left_out(selection, of_type):
                    value.setdefault(key, None)
                elif selection.selection_set is not None:
                    below = _type_below(of_type, selection.name.value)
                    self._fill(selection.selection_set, below, value.get(key), fragments)


def _type_below(of_type: str | None, name: str) -> str | None:
    return FIELD_TYPES.get(of_type or "", {}).get(name)


def _has_emptied(before: Any, after: Any) -> bool:
    """Whether all values of a list were unknown."""
    if isinstance(before, ObjectValueNode):
        return any(
            _has_emptied(field.value, other.value) for field, other in zip(before.fields, after.fields, strict=True)
        )
    return isinstance(before, ListValueNode) and bool(before.values) and not after.values


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

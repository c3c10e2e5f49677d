"""From an operation's selection to the upstream fields that somebody asked for."""

from __future__ import annotations

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, OperationDefinitionNode, Visitor, visit

from gateway.services.model_pages import OPTIONAL_FIELDS


def optional_fields_of(document: DocumentNode, operation_name: str | None) -> frozenset[str]:
    """The optional model fields named anywhere in one operation, or in the fragments beside it.

    Fields are told by name alone: one projection for the whole operation means that all its loads of an environment
    are one load. A name that another type uses too costs a field more upstream, never a wrong answer.
    """
    collector = _FieldNames()
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode) or _is_asked(definition, operation_name):
            visit(definition, collector)
    return OPTIONAL_FIELDS & collector.names


def _is_asked(definition: object, operation_name: str | None) -> bool:
    if not isinstance(definition, OperationDefinitionNode):
        return False
    return operation_name is None or (definition.name is not None and definition.name.value == operation_name)


class _FieldNames(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.names.add(node.name.value)

"""GraphQL documents as the edge knows them: parsed once per text, within limits on their size."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from graphql import DocumentNode, GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse

from gateway.http.refusals import DocumentUnparsable, OperationUnresolved

_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Longest source in characters, and most tokens and comments in one document."""

    characters: int = 32 * 1024
    tokens: int = 4000
    comments: int = 400


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document, not yet validated."""

    text: str
    ast: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]

    def operation_type(self, name: str | None) -> OperationType:
        """What kind of operation a request with this `operationName` runs. Raises OperationUnresolved."""
        if not self.operations:
            raise OperationUnresolved("The document has no operation to run.")
        if name is None:
            if len(self.operations) > 1:
                raise OperationUnresolved('The document has several operations: name one in "operationName".')
            return self.operations[0].operation
        for operation in self.operations:
            if operation.name and operation.name.value == name:
                return operation.operation
        raise OperationUnresolved('The document has no operation of the name given in "operationName".')


class Documents:
    """Parses documents and keeps the last used ones, bounded by the length of their texts together."""

    def __init__(self, limits: DocumentLimits, kept_characters: int = 4 * 1024 * 1024) -> None:
        self._limits = limits
        self._kept_characters = kept_characters
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    def read(self, text: str) -> Document:
        """The document of a text; the same object for the same text while it is kept. Raises DocumentUnparsable."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        document = self._parse(text)
        self._keep(document)
        return document

    def _parse(self, text: str) -> Document:
        limits = self._limits
        try:
            ast = parse(
                text,
                max_source_length=limits.characters,
                max_lexical_tokens=limits.tokens,
                max_comments=limits.comments,
            )
        except GraphQLSyntaxError as broken:
            locations = [{"line": place.line, "column": place.column} for place in broken.locations or ()]
            raise DocumentUnparsable(broken.message[:_LONGEST_MESSAGE], locations=locations) from None
        operations = tuple(node for node in ast.definitions if isinstance(node, OperationDefinitionNode))
        return Document(text, ast, operations)

    def _keep(self, document: Document) -> None:
        self._kept[document.text] = document
        self._characters += len(document.text)
        while self._characters > self._kept_characters:
            dropped, _ = self._kept.popitem(last=False)
            self._characters -= len(dropped)

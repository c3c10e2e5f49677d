"""GraphQL documents as the edge knows them: parsed and let through the gate once per text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
)

from gateway.concurrency.bounded_map import BoundedMap
from gateway.execution.request import document_id
from gateway.http.errors import DocumentUnparsable, LimitExceeded, OperationUnresolved
from gateway.http.limits.query_limits import UNLIMITED, QueryLimits, QuerySize, check_document

_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Longest source in characters, most tokens and comments in one document, and what the gate lets through.

    Parsing takes about 10 microseconds a token, so `tokens` is also the bound on what a refused document costs. Those
    three always hold; `enforce_gate` says whether the gate's do, or are only measured.
    """

    characters: int = 32 * 1024
    tokens: int = 1500
    comments: int = 400
    gate: QueryLimits = field(default_factory=QueryLimits)
    enforce_gate: bool = True


_ANY = 2**63
_NO_LIMITS = DocumentLimits(_ANY, _ANY, _ANY, UNLIMITED)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document within the limits, not yet validated.

    `id` is the hash of its text, for logs; it has so many `tokens`. `inner_first` are its fragments, each behind those
    it spreads; `exceeded` the limits it would be refused for if they were enforced; `prices` what pricing remembers of
    it.
    """

    id: str
    text: str
    ast: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]
    size: QuerySize
    tokens: int
    inner_first: tuple[FragmentDefinitionNode, ...] = ()
    exceeded: tuple[str, ...] = ()
    is_trusted: bool = False
    prices: dict[str | None, tuple[tuple[str, ...], dict[tuple[Any, ...], tuple[int, int]]]] = field(
        default_factory=dict
    )

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that a request with this `operationName` runs. Raises OperationUnresolved."""
        if not self.operations:
            raise OperationUnresolved("The document has no operation to run.")
        if name is None:
            if len(self.operations) > 1:
                raise OperationUnresolved('The document has several operations: name one in "operationName".')
            return self.operations[0]
        for operation in self.operations:
            if operation.name and operation.name.value == name:
                return operation
        raise OperationUnresolved('The document has no operation of the name given in "operationName".')


class Documents:
    """Reads documents and keeps the last used ones, bounded by their tokens together: a token and what the parser makes
    of it take about 330 bytes, however short the text is."""

    def __init__(self, limits: DocumentLimits, kept_tokens: int = 150_000) -> None:
        self._limits = limits
        self._kept: BoundedMap[str, Document] = BoundedMap(kept_tokens, lambda _, document: document.tokens)

    def read(self, text: str, is_trusted: bool = False) -> Document:
        """The document of a text; the same object for the same text while it is kept. A trusted one knows no limits.

        Raises DocumentUnparsable, FragmentCycle or LimitExceeded.
        """
        known = self._kept.get(text)
        if known is not None:
            return known
        document = self._parse(text, is_trusted)
        self._kept.put(text, document)
        return document

    def forget(self, text: str) -> None:
        """Lets go of a document that was read, if it is still kept: one that is worth nothing when it comes again."""
        self._kept.pop(text)

    def _parse(self, text: str, is_trusted: bool) -> Document:
        limits = _NO_LIMITS if is_trusted else self._limits
        # Checked here rather than by the parser, whose error counts the lines of the whole text first.
        if len(text) > limits.characters:
            most = limits.characters
            raise LimitExceeded(f"The query is longer than {most} characters.", limit="characters", most=most)
        try:
            ast = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.comments)
        except GraphQLSyntaxError as broken:
            locations = [{"line": place.line, "column": place.column} for place in broken.locations or ()]
            raise DocumentUnparsable(broken.message[:_LONGEST_MESSAGE], locations=locations) from None
        tokens = _unlinked(ast)
        operations = tuple(node for node in ast.definitions if isinstance(node, OperationDefinitionNode))
        passed = check_document(ast, limits.gate, enforce=limits.enforce_gate)
        return Document(
            *(document_id(text), text, ast, operations, passed.size, tokens),
            *(passed.inner_first, passed.exceeded, is_trusted),
        )


def _unlinked(ast: DocumentNode) -> int:
    """How many tokens a document has, of which each knows only the next from now on. The parser links them both ways;
    then they stay in memory after the document has gone, until the garbage collector looks at what is old."""
    token = ast.loc.start_token if ast.loc else None
    count = 0
    while token is not None:
        count += 1
        token.prev = None
        token = token.next
    return count

"""What the edge asks of the rooms below it: run one operation for one caller."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

from graphql import DocumentNode
from msgspec import Struct, field

from gateway.caching.cache_tags import tags_of as tags_of
from gateway.errors import ErrorBehavior
from gateway.identity.caller import Caller as Caller


def document_id(text: str) -> str:
    """The hash of a document's text, by which logs and traces name it."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


class GraphQLParams(Struct, frozen=True):
    """One well-formed GraphQL request.

    `document` is `query` parsed, within the edge's limits, and not yet validated; the same text gives the same object
    while it is cached, so work done for it may be keyed by identity as long as the object is kept. `operation_name`
    names one of its operations, or is None when there is exactly one. `only_queries` is true for GET. `max_age` is how
    old, in seconds, a fact behind the answer may be (see http/max_age); None: as the settings say.
    `on_error` is what a field error does to the data around it.
    """

    query: str
    document: DocumentNode
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None
    only_queries: bool = False
    max_age: float | None = None
    on_error: ErrorBehavior = ErrorBehavior.PROPAGATE


class Lasting(Protocol):
    """What shows whether a whole answer may be given again."""

    def holds(self) -> bool:
        """Whether every fact behind it is still believed without asking, and none has changed."""

    def seconds(self) -> float:
        """For how many seconds from now on it holds at most, if nothing changes; infinite where no fact ends."""

    def extensions(self) -> Mapping[str, Any]:
        """Its extensions, were it given now."""


def _never() -> None:
    return None


class Answer(Struct, frozen=True):
    """What came of a request.

    `executed` is false when nothing ran: the document is invalid or the variables cannot be coerced. Then `data` is not
    sent, and the status says so. `errors` are formatted, each with `extensions.code`. `way` names how an executed
    operation was run, for metrics. `lasting`, to be called at once if at all, gives what shows whether the answer may
    be given again; None for one that must not: with errors, incomplete, or of facts that may be out of date.
    """

    data: Mapping[str, Any] | None = None
    errors: Sequence[Mapping[str, Any]] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    executed: bool = True
    lasting: Callable[[], Lasting | None] = _never
    way: str | None = None


SYNCHRONOUS = "at_once"
"""The way of an answer whose facts were all in memory: nothing was fetched or waited for."""

Part = dict[str, Any]
"""A part of an answer in the shape of incremental delivery: the first has `data` and `pending`, later ones
`incremental` and `completed`; `hasNext` is false in the last."""


class Executor(Protocol):
    """Validates and runs operations. May be called concurrently; must not raise for anything a caller can send."""

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer: ...

    def execute_sync(self, params: GraphQLParams, caller: Caller) -> Answer | None:
        """The answer to an operation whose facts are all in memory, and which meets no error; None, and nothing done,
        for any other."""

    def invalid(self, params: GraphQLParams) -> Answer | None:
        """The answer to a document that does not fit the schema; None for one that does."""

    async def subscribe(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Answer, None]:
        """The answers to a subscription, until it is closed; or the one that says why there is none.

        The generator must be closed by whoever stops reading it.
        """

    async def execute_in_parts(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Part, None]:
        """The parts of an operation that defers something; the whole answer of one that does not."""

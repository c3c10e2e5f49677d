"""Requests that came before, to the last byte: what they ask is known, so they are run without being read again.

Only what is answered at once is run from here; everything else goes the long way. Who asks is told each time, and
whoever watches requests sees these like others.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from weakref import ref

from starlette.types import Scope

from gateway.errors import GatewayError
from gateway.execution.request import Executor, GraphQLParams
from gateway.http.authentication import Authenticator, Credentials
from gateway.http.operation_cost import OperationCost, priced
from gateway.http.request.persisted import PersistedDocuments
from gateway.http.response_cache.response_cache import Exact, Key, ResponseCache, lines_of
from gateway.http.responses import answer_bytes
from gateway.http.server.raw_hook import EXACT, ExactRequest, RawAnswer
from gateway.telemetry.request_record import Observer, RequestRecord

_MOST_BYTES = 8 * 1024 * 1024
_OVERHEAD = 3_000


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """What a request asks, who sent it, and the headers of its answer. `key` is its place among kept answers.

    `asks` gives what it asks while its parsed document is kept elsewhere: a document takes many times the bytes of its
    request, and none is kept alive from here.
    """

    asks: Callable[[], GraphQLParams | None]
    price: OperationCost | None
    credentials: Credentials
    audience: Hashable
    headers: Sequence[tuple[bytes, bytes]]
    seen: RequestRecord
    edition: object
    key: Key | None
    header_lines: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "header_lines", lines_of(self.headers))


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the endpoint has: who runs operations, tells callers, keeps answers and documents, and watches."""

    executor: Executor
    authenticator: Authenticator
    responses: ResponseCache
    persisted: PersistedDocuments
    observers: Sequence[Observer]
    response_bytes: int | None
    has_place: Callable[[], bool]


class KnownRequests:
    """The last used requests that were answered at once, bounded by their bytes."""

    def __init__(self, around: Dependencies) -> None:
        self._around = around
        self._known: OrderedDict[Exact, KnownRequest] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, exact: ExactRequest, known: KnownRequest) -> None:
        """Notes what these very bytes ask; from now on they are answered here while they can be."""
        key = Exact(exact.peer, exact.data)
        # What was known of them before holds no longer, or they would have been answered here.
        if self._known.pop(key, None) is None:
            self._bytes += len(exact.data) + _OVERHEAD
        self._known[key] = known
        while self._bytes > _MOST_BYTES:
            gone, _ = self._known.popitem(last=False)
            self._bytes -= len(gone.request) + _OVERHEAD
        exact.raw_hook.open(self.answer, last=True)

    def answer(self, peer: str, request: bytes) -> RawAnswer | None:
        """The answer to a request that came before; None: it has to be read."""
        began = time.perf_counter()
        key = Exact(peer, request)
        known = self._known.get(key)
        if known is None or not self._may_be_run(known):
            return None
        self._known.move_to_end(key)
        caller = self._around.authenticator.known_caller(known.credentials)
        params = known.asks()
        if params is None or caller is None or caller.audience != known.audience:
            return None
        answer = self._around.executor.at_once(params, caller)
        if answer is None:
            return None
        usage = answer.extensions["gateway"]
        answer = priced(answer, known.price)
        try:
            body = answer_bytes(answer, self._around.response_bytes, known.seen.cost or 0)
        except GatewayError:
            return None
        first = known.seen
        seen = RequestRecord(
            *(first.method, first.document, first.kind, caller.name, first.status),
            exceeded=first.exceeded,
            seconds=time.perf_counter() - began,
            response_bytes=len(body),
            cost=first.cost,
            usage=usage,
            way=answer.way,
        )
        if known.key is not None:
            self._around.responses.offer(known.key, answer, body, known.headers, seen)
        for observe in self._around.observers:
            observe(seen)
        return RawAnswer(known.header_lines, len(body), body, b"")

    def _may_be_run(self, known: KnownRequest) -> bool:
        around = self._around
        if known.edition is not around.persisted.edition() or not around.has_place():
            return False
        # An answer that is kept is given again further in, and then by the front.
        return known.key is None or around.responses.find(known.key) is None


def asking(params: GraphQLParams) -> Callable[[], GraphQLParams | None]:
    """What gives these again, while somebody else keeps the document in them."""
    document, rest = (
        ref(params.document),
        partial(
            GraphQLParams,
            params.query,
            operation_name=params.operation_name,
            variables=params.variables,
            only_queries=params.only_queries,
            max_age=params.max_age,
        ),
    )

    def asks() -> GraphQLParams | None:
        found = document()
        return None if found is None else rest(document=found)

    return asks


def exact_of(scope: Scope) -> ExactRequest | None:
    """The request as it came, if it came whole and the answer is the same wherever it is from: what answers a foreign
    page gets headers further out."""
    exact: ExactRequest | None = scope.get(EXACT)
    if exact is None or not exact.is_whole or any(name == b"origin" for name, _ in scope["headers"]):
        return None
    return exact

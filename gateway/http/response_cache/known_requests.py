"""Requests by their bytes: what each of them asks, so that it need not be parsed again. `replay` answers them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from weakref import ref

from gateway.concurrency.bounded_map import BoundedMap
from gateway.execution.request import GraphQLParams
from gateway.http.authentication import Credentials
from gateway.http.compression.content_coding import ContentCoding
from gateway.http.operation_cost import OperationCost
from gateway.http.response_cache.response_cache import Key, lines_of
from gateway.telemetry.request_record import RequestRecord

_MOST_BYTES = 8 * 1024 * 1024
_OVERHEAD = 1_000
_OVERHEAD_OF_AN_OPERATION = 2_000


class RawRequest(NamedTuple):
    """A request to the last byte, and the address that it came from."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """The operation that a request asks for, with the headers of its answer and the record of its first run.

    `params` returns the parameters as long as their parsed document is kept elsewhere: a document takes many times the
    bytes of its request, so none is kept alive from here. `edition` is the manifest of trusted documents that applied.
    """

    params: Callable[[], GraphQLParams | None]
    price: OperationCost | None
    headers: Sequence[tuple[bytes, bytes]]
    record: RequestRecord
    edition: object
    header_lines: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "header_lines", lines_of(self.headers))


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that was parsed before: the credentials in it and the audience that they had.

    `key` finds its answer in the response cache; None: its answer is never kept. `operation` is what it asks; None
    where only a kept answer can be replayed. `condition` is its `If-None-Match`; `coding` is the
    content coding of its answer, None: sent as it is. `client` is what its client calls itself, where that is counted.
    """

    credentials: Credentials
    audience: Hashable
    key: Key | None
    operation: KnownOperation | None = None
    condition: bytes | None = None
    coding: ContentCoding | None = None
    client: str | None = None


class KnownRequests:
    """The requests used last, within 8 MiB by their own estimate."""

    def __init__(self) -> None:
        self._known: BoundedMap[RawRequest, KnownRequest] = BoundedMap(_MOST_BYTES, _weight)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def bytes_kept(self) -> int:
        """What the known requests take, in bytes."""
        return self._known.weight

    def find(self, raw: RawRequest) -> KnownRequest | None:
        """What these very bytes ask, if they came before."""
        return self._known.get(raw)

    def remember(self, raw: RawRequest, known: KnownRequest) -> None:
        """Notes what these very bytes ask. The least recently used leave when the room is full."""
        self._known.put(raw, known)


def _weight(raw: RawRequest, known: KnownRequest) -> int:
    return len(raw.data) + _OVERHEAD + (_OVERHEAD_OF_AN_OPERATION if known.operation else 0)


def weak_params(params: GraphQLParams) -> Callable[[], GraphQLParams | None]:
    """Returns the same parameters again as long as somebody else keeps their document; then None."""
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

    def again() -> GraphQLParams | None:
        known = document()
        return None if known is None else rest(document=known)

    return again

"""What is known of a document, found by its identity: to compare what it says would take longer than the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

from graphql import DocumentNode

from gateway.concurrency.bounded_map import BoundedMap

V = TypeVar("V")


class PerDocument(Generic[V]):
    """Values computed once per document and operation name, as long as they are among the `most` used last.

    A value goes with its document: nothing here keeps one alive, so whoever keeps documents bounds this too.
    """

    def __init__(self, compute: Callable[[DocumentNode, str | None], V], most: int = 1_024) -> None:
        self._compute = compute
        self._known: BoundedMap[tuple[int, str | None], tuple[ref[DocumentNode], V]] = BoundedMap(most)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, document: DocumentNode, operation_name: str | None = None) -> V:
        """The value of a document; computed now if it is not known."""
        key = (id(document), operation_name)
        known = self._known.get(key)
        if known is not None and known[0]() is document:
            return known[1]
        value = self._compute(document, operation_name)
        self._known.put(key, (ref(document, lambda _: self._known.pop(key)), value))
        return value

"""What is known of a document, found by its identity: to compare what it says would take longer than the work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

from graphql import DocumentNode

V = TypeVar("V")


class PerDocument(Generic[V]):
    """Values computed once per document and operation name, as long as they are among the `most` used last.

    A value goes with its document: nothing here keeps one alive, so whoever keeps documents bounds this too.
    """

    def __init__(self, compute: Callable[[DocumentNode, str | None], V], most: int = 1_024) -> None:
        self._compute = compute
        self._most = most
        self._known: OrderedDict[tuple[int, str | None], tuple[ref[DocumentNode], V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, document: DocumentNode, operation_name: str | None = None) -> V:
        """The value of a document; computed now if it is not known."""
        key = (id(document), operation_name)
        found = self._known.get(key)
        if found is not None and found[0]() is document:
            self._known.move_to_end(key)
            return found[1]
        value = self._compute(document, operation_name)
        self._known[key] = (ref(document, lambda _: self._known.pop(key, None)), value)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return value

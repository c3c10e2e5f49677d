"""Ids that name nothing, and what may have been meant: compared in pieces, and for a few ids of a request only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from gateway.concurrency.checkpoints import checkpoint, pieces
from gateway.errors import BadUserInput, NotFound
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.lists.model_index import (
    LONGEST_SHOWN,
    ModelIndex,
    Unknown,
    closest,
    find_named,
    most_similar,
    not_found,
)
from gateway.hierarchy.lists.model_orders import RankableModel
from gateway.loading.field_context import FieldContext

M = TypeVar("M", bound=RankableModel)

_NO_LABELS: Mapping[str, str] = MappingProxyType({})

# Comparing two ids takes about 50 µs.
_COMPARED_AT_ONCE = 20
_STEPS_OF_A_COMPARISON = 50


async def unknown(
    context: FieldContext,
    kind: str,
    name: str,
    existing: Sequence[str],
    *,
    labels: Mapping[str, str] = _NO_LABELS,
    what: str = "id",
) -> NotFound:
    """The error for an id, or for a name as `what` says, that names nothing: it offers the closest there are, or the
    first few, each as `labels` word it. Of many in one request only the first few are compared; the others hear how
    many there are."""
    name = name[:LONGEST_SHOWN]
    if not context.loaders.may_suggest():
        message = f"No {kind} has the {what} {name!r}. There are {len(existing)}."
        return NotFound(message, kind=kind, closest=[], **{what: name})
    similar: Sequence[str] = ()
    async for piece in pieces(existing, 1.5):
        similar = most_similar(name, [*similar, *piece])
    close: list[str] = []
    for start in range(0, len(similar), _COMPARED_AT_ONCE):
        some = similar[start : start + _COMPARED_AT_ONCE]
        await checkpoint(len(some) * _STEPS_OF_A_COMPARISON)
        close = closest(name, [*close, *some])
    return not_found(Unknown(kind, name, what), existing, close, labels)


async def named_models(
    context: FieldContext, environments: Sequence[ModelIndex[M]], filter: ModelFilter | None
) -> frozenset[str] | None:
    """The ids of the models that a filter's ids name; None when it has none. Raises BadUserInput for an id that names
    no model, AmbiguousId for one that names several."""
    if filter is None or filter.model_ids is None:
        return None
    ids: set[str] = set()
    async for piece in pieces(filter.model_ids, steps=len(environments) or 1):
        for named in piece:
            model = find_named(named, environments)
            if model is None:
                missing = await unknown(context, "model", named, ids_of(environments))
                raise BadUserInput(f"modelIds: {missing.message}", argument="modelIds")
            ids.add(model.id)
    return frozenset(ids)


def ids_of(environments: Sequence[ModelIndex[M]]) -> list[str]:
    """The ids of all their models."""
    return [id_ for environment in environments for id_ in environment.ids]

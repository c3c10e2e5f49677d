"""Model ids: how they are made, and what an id given by a caller names.

A model's id is `project.model`, a versioned one keeps its `.v2`. Where two packages of one project hold a model of the
same name the id is `project.package.model`, and the short form is refused as ambiguous. Unique ids are accepted too.
"""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from heapq import nlargest
from types import MappingProxyType
from typing import NamedTuple, Self, TypeVar

from gateway.errors import AmbiguousId, NotFound
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.ids.project_ids import plain_name
from gateway.hierarchy.lists.model_orders import M_co, ModelOrders, RankableModel
from gateway.hierarchy.objects.model import UNTOLD, Model
from gateway.hierarchy.vocabulary.unique_ids import local_name, qualified_name

M = TypeVar("M", bound=RankableModel)

# Comparing one id with a hundred others takes some milliseconds, with thousands a quarter of a second.
_MOST_COMPARED = 100

# As many filters as one operation may name, and some more: each list holds references only.
_MOST_NARROWED = 32

# Of an id that names nothing, so many characters are repeated.
LONGEST_SHOWN = 200


class ModelIndex(ModelOrders[M_co]):
    """Models of one project in one environment, ordered by unique id, with the ways to name them and to choose some."""

    def __init__(self, project_id: str, environment_id: int, models: Sequence[M_co]) -> None:
        super().__init__(project_id, environment_id, models)
        self._narrowed: OrderedDict[ModelFilter, Self] = OrderedDict()

    def only(self, models: Sequence[M_co]) -> Self:
        """Some of these models, ordered by unique id."""
        return type(self)(self.project_id, self.environment_id, models)

    @cached_property
    def by_unique_id(self) -> Mapping[str, M_co]:
        return MappingProxyType({model.unique_id: model for model in self.models})

    @cached_property
    def by_id(self) -> Mapping[str, M_co]:
        return MappingProxyType({model.id: model for model in self.models})

    def named(self, name: str) -> list[M_co]:
        """The models an id names: none, one, or several when it is ambiguous. Case counts."""
        exact = self.by_id.get(name) or self.by_unique_id.get(name)
        if exact:
            return [exact]
        prefixes = (f"{self.project_id}.", f"{plain_name(self.project_id)}.")
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        if prefix is None:
            return []
        return self._by_name.get(name.removeprefix(prefix), [])

    @cached_property
    def _by_name(self) -> Mapping[str, list[M_co]]:
        """The models by what their ids may say behind the project: the name, or package and name."""
        by_name: defaultdict[str, list[M_co]] = defaultdict(list)
        for model in self.models:
            for name in dict.fromkeys((local_name(model.unique_id), qualified_name(model.unique_id))):
                by_name[name].append(model)
        return dict(by_name)

    def narrowed(self, filter: ModelFilter) -> Self | None:
        """Those that meet a filter, if `keep_narrowed` was told which lately."""
        kept = self._narrowed.get(filter)
        if kept is not None:
            self._narrowed.move_to_end(filter)
        return kept

    def keep_narrowed(self, filter: ModelFilter, models: Sequence[M_co]) -> Self:
        """Notes which models meet a filter. Facts never change, so it holds as long as they do; the last 32 are kept,
        each with the orders that were asked for."""
        kept = self._narrowed[filter] = self.only(models)
        if len(self._narrowed) > _MOST_NARROWED:
            self._narrowed.popitem(last=False)
        return kept


class EnvironmentModels(ModelIndex[Model]):
    """Every model of one project in one environment, with all that is shown of models."""

    def __init__(self, project_id: str, environment_id: int, models: Sequence[Model]) -> None:
        super().__init__(project_id, environment_id, models)
        self._renamed: EnvironmentModels | None = None

    @cached_property
    def of_unknown_outcome(self) -> int:
        """How many were attempted in a run of which nobody knows how it ended."""
        return sum(model.last_run is not None and model.last_run.status_text == UNTOLD for model in self.models)

    def of_project(self, project_id: str) -> EnvironmentModels:
        """The same models, if the project's id were this; made once for the last id that was asked for."""
        if self._renamed is None or self._renamed.project_id != project_id:
            old = len(self.project_id)
            models = [replace(model, id=project_id + model.id[old:], project_id=project_id) for model in self.models]
            self._renamed = EnvironmentModels(project_id, self.environment_id, models)
        return self._renamed


def find_named(name: str, environments: Iterable[ModelIndex[M]]) -> M | None:
    """The one model that `name` names among several projects; None when it names nothing.

    Raises AmbiguousId with the candidates that name one model each.
    """
    models = [model for environment in environments for model in environment.named(name)]
    if len(models) > 1:
        raise AmbiguousId(
            f"Model id {name!r} names {len(models)} models. Ask for one of: {', '.join(m.id for m in models)}.",
            candidates=[model.id for model in models],
            uniqueIds=sorted({model.unique_id for model in models}),
        )
    return models[0] if models else None


class Unknown(NamedTuple):
    """What names nothing: an id, or what `what` says, of a kind of object."""

    kind: str
    name: str
    what: str = "id"


def not_found(unknown: Unknown, existing: Sequence[str], close: Sequence[str], labels: Mapping[str, str]) -> NotFound:
    """The error for it: it offers the closest ids, or the first few there are, as `labels` word them."""
    kind, name, what = unknown
    if close:
        hint = f"Did you mean {', '.join(labels.get(label, label) for label in close)}?"
    elif existing:
        shown = ", ".join(labels.get(label, label) for label in sorted(existing)[:10])
        hint = f"There are {len(existing)}: {shown}{' …' if len(existing) > 10 else '.'}"
    else:
        hint = f"There is no {kind} here at all."
    return NotFound(f"No {kind} has the {what} {name!r}. {hint}", kind=kind, closest=list(close), **{what: name})


def closest(name: str, candidates: Sequence[str]) -> list[str]:
    """Up to three of the candidates that look like an id. About 50 µs for each of them."""
    return get_close_matches(name, candidates, n=3, cutoff=0.5)


def most_similar(name: str, existing: Sequence[str]) -> Sequence[str]:
    """So few ids that comparing them takes little time: of many, those that share the most words with the one given.
    About 1 µs for each id; of two lists together they are those of what is found in each."""
    if len(existing) <= _MOST_COMPARED:
        return existing
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word][:6]
    return nlargest(
        _MOST_COMPARED, existing, key=lambda model_id: (sum(word in model_id for word in words), -len(model_id))
    )

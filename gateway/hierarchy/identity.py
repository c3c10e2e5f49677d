"""Model ids: how they are made, and what an id given by a caller names.

A model's id is `project.model`, a versioned one keeps its `.v2`. Where two packages of one project hold a model of the
same name the id is `project.package.model`, and the short form is refused as ambiguous. Unique ids are accepted too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from heapq import nlargest
from itertools import chain, pairwise
from operator import attrgetter
from types import MappingProxyType
from typing import overload

from gateway.errors import AmbiguousId, NotFound
from gateway.hierarchy.model import Model

# Comparing one id with a hundred others takes some milliseconds, with thousands a quarter of a second.
_MOST_COMPARED = 100


def model_ids(project_id: str, unique_ids: Iterable[str]) -> Mapping[str, str]:
    """The id of each model of one project, by unique id."""
    local = {unique_id: _local_name(unique_id) for unique_id in unique_ids}
    homonyms = {name for name, count in Counter(local.values()).items() if count > 1}
    return {
        unique_id: f"{project_id}.{_qualified_name(unique_id) if name in homonyms else name}"
        for unique_id, name in local.items()
    }


def _local_name(unique_id: str) -> str:
    """`dim_customers.v2` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".", 2)[-1]


def _qualified_name(unique_id: str) -> str:
    """`finance.dim_customers.v2` of `model.finance.dim_customers.v2`."""
    return unique_id.split(".", 1)[-1]


@dataclass(frozen=True)
class EnvironmentModels:
    """Every model of one project in one environment, ordered by unique id, with the ways to name them.

    Orders that are asked for again and again are made once, when they are first asked for, and kept.
    """

    project_id: str
    environment_id: int
    models: Sequence[Model]
    by_unique_id: Mapping[str, Model] = field(init=False)
    by_id: Mapping[str, Model] = field(init=False)

    def __post_init__(self) -> None:
        by_unique_id = {model.unique_id: model for model in self.models}
        object.__setattr__(self, "by_unique_id", MappingProxyType(by_unique_id))
        object.__setattr__(self, "by_id", MappingProxyType({model.id: model for model in self.models}))

    def of_project(self, project_id: str) -> EnvironmentModels:
        """The same models, if the project's id were this."""
        old = len(self.project_id)
        models = [replace(one, id=project_id + one.id[old:], project_id=project_id) for one in self.models]
        return EnvironmentModels(project_id, self.environment_id, models)

    @cached_property
    def in_order(self) -> tuple[Model, ...]:
        """The models by id."""
        return tuple(sorted(self.models, key=attrgetter("id")))

    @cached_property
    def slowest_first(self) -> tuple[Model, ...]:
        """The models that have a runtime, the slowest first, ties by id."""
        timed = (model for model in self.in_order if model.runtime is not None)
        return tuple(sorted(timed, key=attrgetter("runtime"), reverse=True))

    def named(self, given: str) -> list[Model]:
        """The models an id names: none, one, or several when it is ambiguous. Case counts."""
        exact = self.by_id.get(given) or self.by_unique_id.get(given)
        if exact:
            return [exact]
        prefix = f"{self.project_id}."
        if not given.startswith(prefix):
            return []
        rest = given.removeprefix(prefix)
        return [m for m in self.models if rest in (_local_name(m.unique_id), _qualified_name(m.unique_id))]


class JoinedModels(Sequence[Model]):
    """Lists of models one behind the other, without a copy of them: a page of a few costs as much as the page."""

    def __init__(self, parts: Sequence[Sequence[Model]]) -> None:
        self._parts = parts
        self._length = sum(map(len, parts))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Model]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> Model: ...
    @overload
    def __getitem__(self, index: slice) -> list[Model]: ...
    def __getitem__(self, index: int | slice) -> Model | list[Model]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            return self._between(start, stop)[::step] if step > 0 else list(self)[index]
        place = range(self._length)[index]
        return self._between(place, place + 1)[0]

    def _between(self, start: int, stop: int) -> list[Model]:
        found: list[Model] = []
        for part in self._parts:
            if stop <= 0:
                break
            found += part[max(0, start) : stop]
            start, stop = start - len(part), stop - len(part)
        return found


def models_in_order(environments: Iterable[EnvironmentModels]) -> Sequence[Model]:
    """The models of several projects by id. Where no project's ids reach into another's, nothing is sorted anew."""
    present = sorted((one.in_order for one in environments if one.models), key=lambda models: models[0].id)
    if any(one[-1].id > other[0].id for one, other in pairwise(present)):
        return sorted(chain.from_iterable(present), key=attrgetter("id"))
    return present[0] if len(present) == 1 else JoinedModels(present)


def resolve_model(given: str, environments: Iterable[EnvironmentModels]) -> Model:
    """The one model that `given` names among several projects.

    Raises NotFound with the closest ids that exist, or AmbiguousId with the candidates that name one model each.
    """
    searched = list(environments)
    found = [model for environment in searched for model in environment.named(given)]
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousId(
            f"Model id {given!r} names {len(found)} models. Ask for one of: {', '.join(m.id for m in found)}.",
            candidates=[model.id for model in found],
            uniqueIds=sorted({model.unique_id for model in found}),
        )
    raise unknown("model", given, [model.id for environment in searched for model in environment.models])


def unknown(kind: str, given: str, existing: Sequence[str]) -> NotFound:
    """The error for an id that names nothing: it offers the closest ids, or the first few there are."""
    close = get_close_matches(given, _similar(given, existing), n=3, cutoff=0.5)
    if close:
        hint = f"Did you mean {', '.join(close)}?"
    elif existing:
        shown = ", ".join(sorted(existing)[:10])
        hint = f"There are {len(existing)}: {shown}{' …' if len(existing) > 10 else '.'}"
    else:
        hint = f"There is no {kind} here at all."
    return NotFound(f"No {kind} has the id {given!r}. {hint}", id=given, kind=kind, closest=close)


def _similar(given: str, existing: Sequence[str]) -> Sequence[str]:
    """So few ids that comparing them takes little time: of many, those that share the most words with the one given."""
    if len(existing) <= _MOST_COMPARED:
        return existing
    words = [word for word in re.split(r"[^a-z0-9]+", given.lower()) if word][:6]
    return nlargest(_MOST_COMPARED, existing, key=lambda one: (sum(word in one for word in words), -len(one)))

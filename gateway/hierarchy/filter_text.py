"""A project filter as canonical text: form-encoded, sorted, without what is left to its default, and back.

Equal filters have equal texts: the order of values, repeated ones and the case of a materialization make no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from gateway.errors import BadUserInput
from gateway.hierarchy.filters import Inclusion, ModelFilter, ProjectFilter, TagsMatch
from gateway.hierarchy.status import RunStatus

_MODELS = "models."
_NO_TEXT = '""'
"""An empty text among the values of a list: no values at all are empty."""


def text_of_filter(criteria: ProjectFilter) -> str:
    """The canonical text; empty for a filter that keeps everything."""
    told = _of_models(criteria)
    if criteria.project_ids is not None:
        told["projectIds"] = _listed(criteria.project_ids)
        if criteria.inclusion is Inclusion.EXCLUDE:
            told["includeOrExclude"] = Inclusion.EXCLUDE.name
    models = criteria.models
    if models is not None:
        told |= {_MODELS + name: value for name, value in _of_models(models).items()}
        lists = {"modelIds": models.model_ids, "packages": models.packages, "statuses": models.statuses}
        told |= {_MODELS + name: _listed(values) for name, values in lists.items() if values is not None}
    return urlencode(sorted(told.items()), quote_via=quote, safe="")


def _of_models(criteria: ProjectFilter | ModelFilter) -> dict[str, str]:
    told: dict[str, str] = {}
    if criteria.tags is not None:
        told["tags"] = _listed(criteria.tags)
        if criteria.tags_match is TagsMatch.ALL:
            told["tagsMatch"] = TagsMatch.ALL.name
    if criteria.materialization is not None:
        told["materialization"] = criteria.materialization.casefold()
    for name, bound in (("minRuntime", criteria.min_runtime), ("maxRuntime", criteria.max_runtime)):
        if bound is not None:
            told[name] = repr(bound + 0.0).removesuffix(".0")
    return told


def _listed(values: Sequence[str]) -> str:
    return ",".join(sorted({quote(value, safe="") or _NO_TEXT for value in values}))


def filter_of_text(text: str) -> ProjectFilter | None:
    """The filter that a canonical text stands for; None for any other text."""
    try:
        told = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict"))
        criteria = _filter(told)
    except (ValueError, KeyError, BadUserInput):
        return None
    return criteria if text_of_filter(criteria) == text else None


def _filter(told: Mapping[str, str]) -> ProjectFilter:
    below = {name.removeprefix(_MODELS): value for name, value in told.items() if name.startswith(_MODELS)}
    models = None
    if below:
        models = ModelFilter(
            **_criteria(below),
            model_ids=_values(below.get("modelIds")),
            packages=_values(below.get("packages")),
            statuses=_statuses(below.get("statuses")),
        )
    inclusion = Inclusion[told.get("includeOrExclude", Inclusion.INCLUDE.name)]
    return ProjectFilter(
        **_criteria(told), project_ids=_values(told.get("projectIds")), inclusion=inclusion, models=models
    )


def _criteria(told: Mapping[str, str]) -> dict[str, Any]:
    low, high = told.get("minRuntime"), told.get("maxRuntime")
    return {
        "tags": _values(told.get("tags")),
        "tags_match": TagsMatch[told.get("tagsMatch", TagsMatch.ANY.name)],
        "materialization": told.get("materialization"),
        "min_runtime": None if low is None else float(low),
        "max_runtime": None if high is None else float(high),
    }


def _values(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple("" if one == _NO_TEXT else unquote(one) for one in text.split(",")) if text else ()


def _statuses(text: str | None) -> tuple[RunStatus, ...] | None:
    values = _values(text)
    return None if values is None else tuple(map(RunStatus, values))

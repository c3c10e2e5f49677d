"""A project filter as canonical text: form-encoded, sorted, without what is left to its default, and back.

Equal filters have equal texts: the order of values, repeated ones and the case of a materialization make no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import Inclusion, ModelFilter, ProjectFilter, TagsMatch
from gateway.hierarchy.vocabulary.status import RunStatus

_MODELS = "models."
_NO_TEXT = '""'
"""An empty text among the values of a list: no values at all are empty."""


def text_of_filter(filter: ProjectFilter) -> str:
    """The canonical text; empty for a filter that keeps everything."""
    parameters = _of_models(filter)
    if filter.project_ids is not None:
        parameters["projectIds"] = _listed(filter.project_ids)
        if filter.inclusion is Inclusion.EXCLUDE:
            parameters["includeOrExclude"] = Inclusion.EXCLUDE.name
    models = filter.models
    if models is not None:
        parameters |= {_MODELS + name: value for name, value in _of_models(models).items()}
        parameters |= {_MODELS + name: value for name, value in _beside_criteria(models).items()}
    return urlencode(sorted(parameters.items()), quote_via=quote, safe="")


def _beside_criteria(models: ModelFilter) -> dict[str, str]:
    lists: dict[str, Sequence[str] | None] = {
        "modelIds": models.model_ids,
        "packages": models.packages,
        "statuses": models.statuses,
        "groups": models.groups,
        "owners": models.owners and [owner.casefold() for owner in models.owners],
        "access": models.access,
    }
    texts: dict[str, str | None] = {
        "nameContains": models.name_contains and models.name_contains.casefold(),
        "folder": models.folder,
        "lastRunSince": _utc(models.last_run_since),
        "lastRunUntil": _utc(models.last_run_until),
    }
    parameters = {name: _listed(values) for name, values in lists.items() if values is not None}
    return parameters | {name: text for name, text in texts.items() if text is not None}


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _of_models(filter: ProjectFilter | ModelFilter) -> dict[str, str]:
    parameters: dict[str, str] = {}
    if filter.tags is not None:
        parameters["tags"] = _listed(filter.tags)
        if filter.tags_match is TagsMatch.ALL:
            parameters["tagsMatch"] = TagsMatch.ALL.name
    if filter.materialization is not None:
        parameters["materialization"] = filter.materialization.casefold()
    for name, bound in (("minRuntime", filter.min_runtime), ("maxRuntime", filter.max_runtime)):
        if bound is not None:
            parameters[name] = repr(bound + 0.0).removesuffix(".0")
    return parameters


def _listed(values: Sequence[str]) -> str:
    return ",".join(sorted({quote(value, safe="") or _NO_TEXT for value in values}))


def filter_of_text(text: str) -> ProjectFilter | None:
    """The filter that a canonical text stands for; None for any other text."""
    try:
        parameters = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict"))
        filter = _filter(parameters)
    except (ValueError, KeyError, BadUserInput):
        return None
    return filter if text_of_filter(filter) == text else None


def _filter(parameters: Mapping[str, str]) -> ProjectFilter:
    below = {name.removeprefix(_MODELS): value for name, value in parameters.items() if name.startswith(_MODELS)}
    models = None
    if below:
        models = ModelFilter(
            **_criteria(below),
            model_ids=_values(below.get("modelIds")),
            packages=_values(below.get("packages")),
            statuses=_statuses(below.get("statuses")),
            groups=_values(below.get("groups")),
            owners=_values(below.get("owners")),
            access=_values(below.get("access")),
            name_contains=below.get("nameContains"),
            folder=below.get("folder"),
            last_run_since=_moment(below.get("lastRunSince")),
            last_run_until=_moment(below.get("lastRunUntil")),
        )
    inclusion = Inclusion[parameters.get("includeOrExclude", Inclusion.INCLUDE.name)]
    return ProjectFilter(
        **_criteria(parameters), project_ids=_values(parameters.get("projectIds")), inclusion=inclusion, models=models
    )


def _criteria(parameters: Mapping[str, str]) -> dict[str, Any]:
    low, high = parameters.get("minRuntime"), parameters.get("maxRuntime")
    return {
        "tags": _values(parameters.get("tags")),
        "tags_match": TagsMatch[parameters.get("tagsMatch", TagsMatch.ANY.name)],
        "materialization": parameters.get("materialization"),
        "min_runtime": None if low is None else float(low),
        "max_runtime": None if high is None else float(high),
    }


def _values(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple("" if value == _NO_TEXT else unquote(value) for value in text.split(",")) if text else ()


def _statuses(text: str | None) -> tuple[RunStatus, ...] | None:
    values = _values(text)
    return None if values is None else tuple(map(RunStatus, values))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

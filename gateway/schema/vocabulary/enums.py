"""The hierarchy's enums with what their values mean to a caller."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import strawberry

from gateway.hierarchy.filters.model_filters import Inclusion, TagsMatch
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus

__all__ = ["DeploymentEnvironment", "Inclusion", "ResourceType", "RunStatus", "TagsMatch"]


def describe(enum: type[Enum], description: str, values: Mapping[str, str]) -> None:
    """Makes a hierarchy enum one of the schema, with a description of it and of each value by its name."""
    described = strawberry.enum(enum, description=description)
    for value in described.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
        value.description = values[value.name]


describe(
    RunStatus,
    "The outcome, or the current state, of a run or of a model in a run.",
    {
        "SUCCESS": "It ended well.",
        "FAILURE": "It ended with an error; a partial success of a microbatch model is one too.",
        "CANCELLED": "Somebody or something stopped it before its end.",
        "WARN": "It ended well, with a warning.",
        "SKIPPED": "It was not executed, most often because something upstream of it failed.",
        "REUSED": "It was not executed: dbt found its last result still valid and kept it.",
        "QUEUED": "It waits to be started.",
        "RUNNING": "It is under way.",
        "UNKNOWN": "A status that this gateway does not know; statusText has dbt's word.",
    },
)

describe(
    ResourceType,
    "What dbt calls a resource type.",
    {
        "MODEL": "A model.",
        "DATA_TEST": "A generic or singular data test.",
        "UNIT_TEST": "A unit test.",
        "SEED": "A seed.",
        "SNAPSHOT": "A snapshot.",
        "SOURCE": "A source table; in a run: its freshness check.",
        "EXPOSURE": "An exposure.",
        "METRIC": "A metric.",
        "SEMANTIC_MODEL": "A semantic model.",
        "SAVED_QUERY": "A saved query; in a run: its export.",
        "FUNCTION": "A user-defined function.",
        "ANALYSIS": "An analysis.",
        "MACRO": "A macro.",
        "OPERATION": "A hook or another operation; exists only in runs.",
        "UNKNOWN": "A type that this gateway does not know yet.",
    },
)

describe(
    DeploymentEnvironment,
    "Which of a project's deployment environments a question is about.",
    {"PRODUCTION": "The production environment.", "STAGING": "The staging environment."},
)

describe(
    TagsMatch,
    "Whether one of several tags is enough, or all of them are needed.",
    {"ANY": "At least one of the tags.", "ALL": "Every one of the tags."},
)

describe(
    Inclusion,
    "Whether a filter keeps the projects it names, or leaves them out.",
    {"INCLUDE": "Keep only the projects named.", "EXCLUDE": "Keep all but the projects named."},
)

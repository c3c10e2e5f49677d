"""Fields of the Discovery schema that no artifact can answer, each with the reason. They are null.

A test holds that every other field of the schema has a reader, so that this list is the whole difference.
"""

from __future__ import annotations

from collections.abc import Mapping

_LAYER = "dbt Cloud sorts models into layers by rules of its own"
_COMPUTED = "dbt Cloud computes the health of exposures"
_MESH = "models of other projects come from dbt Cloud's mesh; a manifest does not tell their state"

UNKNOWN: Mapping[str, str] = {
    "AppliedState.exposureTile": _COMPUTED,
    "ExposureTileNode.*": _COMPUTED,
    "ExternalModelNode.*": _MESH,
    "MetricNode.environmentName": "metrics name no environment in any artifact",
    "ModelAppliedStateNode.isDescriptionInherited": "dbt Cloud inherits descriptions from upstream columns",
    "ModelAppliedStateNode.modelingLayer": _LAYER,
    "ModelAppliedStateNestedNode.modelingLayer": _LAYER,
    "ModelDefinitionNode.modelingLayer": _LAYER,
    "ModelLineageNode.modelingLayer": _LAYER,
    "TestAppliedStateNode.eventStatus": "dbt Cloud's events are not in the artifacts",
    "TestAppliedStateNode.thisInputNodeUniqueId": "a unit test's artifact does not resolve `this`",
    "TestDefinitionNode.thisInputNodeUniqueId": "a unit test's artifact does not resolve `this`",
}

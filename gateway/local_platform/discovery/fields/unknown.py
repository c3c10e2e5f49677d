"""Fields of the Discovery schema that no artifact can answer, each with the reason. They are null.

A test holds that every other field of the schema has a reader, so that this list is the whole difference.
"""

from __future__ import annotations

from collections.abc import Mapping

_LAYER = "dbt Cloud sorts models into layers by rules of its own, which are not published"
_MESH = "models of other projects come from dbt Cloud's mesh; a manifest does not say their state"
_THIS = "dbt makes this id while it runs a unit test and writes it into no artifact"

UNKNOWN: Mapping[str, str] = {
    "ExposureTileNode.autoBiProvider": "only dbt Cloud makes exposures out of a BI tool",
    "ExposureTileNode.upstreamStats": "its keys are not published",
    "ExternalModelNode.*": _MESH,
    "MetricNode.environmentName": "metrics name no environment in any artifact",
    "ModelAppliedStateNode.isDescriptionInherited": "dbt Cloud inherits descriptions from upstream columns",
    "ModelAppliedStateNode.modelingLayer": _LAYER,
    "ModelAppliedStateNestedNode.modelingLayer": _LAYER,
    "ModelDefinitionNode.modelingLayer": _LAYER,
    "ModelLineageNode.modelingLayer": _LAYER,
    "TestAppliedStateNode.eventStatus": "dbt Cloud's events are not in the artifacts",
    "TestAppliedStateNode.thisInputNodeUniqueId": _THIS,
    "TestDefinitionNode.thisInputNodeUniqueId": _THIS,
}

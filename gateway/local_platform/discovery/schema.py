"""The executable schema: built from the published SDL, so that it cannot differ from it, with our readers attached."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLSchema, build_schema

from gateway.local_platform.discovery.fields import execution_info
from gateway.local_platform.discovery.fields.catalog_fields import CATALOG_FIELDS
from gateway.local_platform.discovery.fields.exposure_tile import EXPOSURE_TILE_FIELDS
from gateway.local_platform.discovery.fields.field_readers import (
    Readers,
    Resolver,
    attach_readers,
    attach_resolver,
    object_fields,
)
from gateway.local_platform.discovery.fields.freshness_fields import FRESHNESS_FIELDS
from gateway.local_platform.discovery.fields.relatives import ancestors_of_types
from gateway.local_platform.discovery.fields.scalars import bind_scalars
from gateway.local_platform.discovery.roots import environment, job_fields, jobs, state_fields
from gateway.local_platform.discovery.roots.group_fields import GROUP_FIELDS
from gateway.local_platform.discovery.roots.lineage import LINEAGE_FIELDS

# A type shows those of its readers that the schema knows a field for, so that nested types share the whole type's.
READERS: Mapping[str, Readers] = {
    "Environment": environment.ENVIRONMENT_FIELDS,
    "AppliedState": environment.APPLIED_STATE_FIELDS,
    "DefinitionState": environment.DEFINITION_STATE_FIELDS,
    "ModelAppliedStateNode": state_fields.APPLIED_MODEL,
    "ModelAppliedStateNestedNode": state_fields.APPLIED_MODEL,
    "SeedAppliedStateNode": state_fields.APPLIED_SEED,
    "SeedAppliedStateNestedNode": state_fields.APPLIED_SEED,
    "SnapshotAppliedStateNode": state_fields.APPLIED_SNAPSHOT,
    "SnapshotAppliedStateNestedNode": state_fields.APPLIED_SNAPSHOT,
    "SourceAppliedStateNode": state_fields.APPLIED_SOURCE,
    "SourceAppliedStateNestedNode": state_fields.APPLIED_SOURCE,
    "TestAppliedStateNode": state_fields.APPLIED_TEST,
    "TestAppliedStateNestedNode": state_fields.APPLIED_TEST,
    "ExposureAppliedStateNode": state_fields.APPLIED_EXPOSURE,
    "ExposureAppliedStateNestedNode": state_fields.APPLIED_EXPOSURE,
    "ExposureTileNode": {**EXPOSURE_TILE_FIELDS, **state_fields.PLACE},
    "ModelDefinitionNode": state_fields.DEFINED_MODEL,
    "ModelDefinitionNestedNode": state_fields.DEFINED_MODEL,
    "SeedDefinitionNode": state_fields.DEFINED_SEED,
    "SeedDefinitionNestedNode": state_fields.DEFINED_SEED,
    "SnapshotDefinitionNode": state_fields.DEFINED_SNAPSHOT,
    "SnapshotDefinitionNestedNode": state_fields.DEFINED_SNAPSHOT,
    "SourceDefinitionNode": state_fields.DEFINED_SOURCE,
    "SourceDefinitionNestedNode": state_fields.DEFINED_SOURCE,
    "TestDefinitionNode": state_fields.DEFINED_TEST,
    "TestDefinitionNestedNode": state_fields.DEFINED_TEST,
    "ExposureDefinitionNode": state_fields.DEFINED_EXPOSURE,
    "ExposureDefinitionNestedNode": state_fields.DEFINED_EXPOSURE,
    "MacroDefinitionNode": state_fields.DEFINED_MACRO,
    "MacroDefinitionNestedNode": state_fields.DEFINED_MACRO,
    "MetricDefinitionNode": state_fields.DEFINED_METRIC,
    "MetricDefinitionNestedNode": state_fields.DEFINED_METRIC,
    "SemanticModelDefinitionNode": state_fields.DEFINED_SEMANTIC_MODEL,
    "SemanticModelDefinitionNestedNode": state_fields.DEFINED_SEMANTIC_MODEL,
    "SavedQueryDefinitionNode": state_fields.DEFINED_SAVED_QUERY,
    "SavedQueryDefinitionNestedNode": state_fields.DEFINED_SAVED_QUERY,
    "GroupNode": GROUP_FIELDS,
    "ModelExecutionInfoNode": execution_info.MODEL_EXECUTION_FIELDS,
    "SeedExecutionInfoNode": execution_info.SEED_EXECUTION_FIELDS,
    "SnapshotExecutionInfoNode": execution_info.EXECUTION_FIELDS,
    "TestExecutionInfoNode": execution_info.TEST_EXECUTION_FIELDS,
    "SourceFreshnessNode": FRESHNESS_FIELDS,
    "CatalogNode": CATALOG_FIELDS,
    "JobNode": jobs.JOB_FIELDS,
    "ModelNode": job_fields.MODEL_NODE,
    "SeedNode": job_fields.SEED_NODE,
    "SnapshotNode": job_fields.SNAPSHOT_NODE,
    "SourceNode": job_fields.SOURCE_NODE,
    "TestNode": job_fields.TEST_NODE,
    "ExposureNode": job_fields.EXPOSURE_NODE,
    "MacroNode": job_fields.MACRO_NODE,
    "MetricNode": job_fields.METRIC_NODE,
    "RunInfoNode": job_fields.RUN_INFO,
    "ModelLineageNode": LINEAGE_FIELDS,
    "SeedLineageNode": LINEAGE_FIELDS,
    "SnapshotLineageNode": LINEAGE_FIELDS,
    "SourceLineageNode": LINEAGE_FIELDS,
    "TestLineageNode": LINEAGE_FIELDS,
    "ExposureLineageNode": LINEAGE_FIELDS,
    "MacroLineageNode": LINEAGE_FIELDS,
    "MetricLineageNode": LINEAGE_FIELDS,
    "SemanticModelLineageNode": LINEAGE_FIELDS,
    "SavedQueryLineageNode": LINEAGE_FIELDS,
}

RESOLVERS: Mapping[str, Mapping[str, Resolver]] = {
    "Query": {
        **jobs.ROOT_LISTS,
        "environment": environment.resolve_environment,
        "job": jobs.resolve_job,
        "modelByEnvironment": environment.resolve_model_by_environment,
    },
    "AppliedState": environment.APPLIED_STATE_LISTS,
    "DefinitionState": environment.DEFINITION_STATE_LISTS,
    "JobNode": jobs.JOB_LISTS,
    "ModelAppliedStateNode": {"ancestors": ancestors_of_types},
    "ExposureAppliedStateNode": {"ancestors": ancestors_of_types},
    "ModelDefinitionNode": {"ancestors": ancestors_of_types},
}

# How the type that shows a node ends where the schema promises an interface only.
_SHOWN_AS: Mapping[str, str] = {
    "EnvironmentAppliedNestedNode": "AppliedStateNestedNode",
    "EnvironmentAppliedNode": "AppliedStateNode",
    "EnvironmentDefinitionNestedNode": "DefinitionNestedNode",
    "EnvironmentDefinitionNode": "DefinitionNode",
    "LineageNode": "LineageNode",
    "NodeInterface": "Node",
}
_ONLY_DEFINED = frozenset({"macro", "metric", "semantic_model", "saved_query"})


def published_sdl() -> str:
    """The Discovery API's published schema as text."""
    return files("gateway.local_platform").joinpath("discovery.graphql").read_text(encoding="utf-8")


@cache
def create_schema(*, big_ints_as_text: bool = False) -> GraphQLSchema:
    """The published schema, executable over a `Session` as its context: one object for all platforms of a process,
    which is not to be changed."""
    # A test validates it, so that nobody waits for that.
    schema = build_schema(published_sdl(), assume_valid=True, assume_valid_sdl=True, no_location=True)
    bind_scalars(schema, big_ints_as_text)
    for type_name, readers in READERS.items():
        known = object_fields(schema, type_name)
        attach_readers(schema, type_name, {name: reader for name, reader in readers.items() if name in known})
    for type_name, resolvers in RESOLVERS.items():
        for field_name, resolver in resolvers.items():
            attach_resolver(schema, type_name, field_name, resolver)
    for name, suffix in _SHOWN_AS.items():
        interface = schema.type_map[name]
        if isinstance(interface, GraphQLInterfaceType):
            interface.resolve_type = _by_kind(suffix)
    return schema


def _by_kind(suffix: str) -> Any:
    def resolve_type(source: Any, _info: Any, _type: Any) -> str:
        kind = "test" if source.kind == "unit_test" else source.kind
        shown = suffix.replace("AppliedState", "Definition") if kind in _ONLY_DEFINED else suffix
        return "".join(word.capitalize() for word in kind.split("_")) + shown

    return resolve_type

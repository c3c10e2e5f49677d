"""The executable schema: built from the published SDL, so that it cannot differ from it, with our readers attached."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLSchema, build_schema

from gateway.local_platform.discovery import environment, jobs
from gateway.local_platform.discovery.applied_models import (
    MODEL_APPLIED_FIELDS,
    MODEL_EXECUTION_INFO_FIELDS,
    MODEL_NESTED_FIELDS,
    ancestors,
)
from gateway.local_platform.discovery.fields import Readers, Resolver, attach_readers, attach_resolver, object_fields
from gateway.local_platform.discovery.job_fields import MODEL_NODE_FIELDS, RUN_INFO_FIELDS
from gateway.local_platform.discovery.scalars import bind_scalars

READERS: Mapping[str, Readers] = {
    "Environment": environment.ENVIRONMENT_FIELDS,
    "AppliedState": environment.APPLIED_STATE_FIELDS,
    "DefinitionState": environment.DEFINITION_STATE_FIELDS,
    "ModelAppliedStateNode": MODEL_APPLIED_FIELDS,
    "ModelAppliedStateNestedNode": MODEL_NESTED_FIELDS,
    "ModelExecutionInfoNode": MODEL_EXECUTION_INFO_FIELDS,
    "JobNode": jobs.JOB_FIELDS,
    "ModelNode": MODEL_NODE_FIELDS,
    "RunInfoNode": RUN_INFO_FIELDS,
}

RESOLVERS: Mapping[tuple[str, str], Resolver] = {
    ("Query", "environment"): environment.resolve_environment,
    ("Query", "modelByEnvironment"): environment.resolve_model_by_environment,
    ("Query", "job"): jobs.resolve_job,
    ("AppliedState", "models"): environment.resolve_models,
    ("AppliedState", "modelHistoricalRuns"): environment.resolve_model_history,
    ("AppliedState", "packages"): environment.resolve_packages,
    ("ModelAppliedStateNode", "ancestors"): ancestors,
    ("JobNode", "models"): jobs.resolve_models,
    ("JobNode", "model"): jobs.resolve_model,
}

# The object type that shows a node of a kind where the schema promises an interface only.
_SHOWN_AS: Mapping[str, str] = {
    "EnvironmentAppliedNestedNode": "AppliedStateNestedNode",
    "EnvironmentAppliedNode": "AppliedStateNode",
    "NodeInterface": "Node",
}


def published_sdl() -> str:
    """The Discovery API's published schema as text."""
    return files("gateway.local_platform").joinpath("discovery.graphql").read_text(encoding="utf-8")


def create_schema() -> GraphQLSchema:
    """The published schema, executable over a `Session` as its context."""
    schema = build_schema(published_sdl())
    bind_scalars(schema)
    for type_name, readers in READERS.items():
        known = object_fields(schema, type_name)
        attach_readers(schema, type_name, {name: reader for name, reader in readers.items() if name in known})
    for (type_name, field_name), resolver in RESOLVERS.items():
        attach_resolver(schema, type_name, field_name, resolver)
    for name, suffix in _SHOWN_AS.items():
        interface = schema.type_map[name]
        if isinstance(interface, GraphQLInterfaceType):
            interface.resolve_type = _by_kind(suffix)
    return schema


def _by_kind(suffix: str) -> Any:
    def resolve_type(source: Any, _info: Any, _type: Any) -> str:
        kind = "test" if source.kind == "unit_test" else source.kind
        return "".join(word.capitalize() for word in kind.split("_")) + suffix

    return resolve_type

"""Readers of the nodes of an environment, type by type; a nested node shows a part of what the whole one does."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from gateway.local_platform.discovery.fields import relatives
from gateway.local_platform.discovery.fields.catalog_fields import catalogued
from gateway.local_platform.discovery.fields.data_test_fields import (
    DEFINED_TEST_FIELDS,
    WHOLE_TEST_FIELDS,
    last_known_result,
)
from gateway.local_platform.discovery.fields.execution_info import attempted, execution
from gateway.local_platform.discovery.fields.exposure_fields import EXPOSURE_FIELDS, upstream_freshness
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.macro_fields import MACRO_FIELDS
from gateway.local_platform.discovery.fields.node_fields import (
    CODE_FIELDS,
    MODEL_FIELDS,
    NODE_FIELDS,
    RELATION_FIELDS,
    SOURCE_FIELDS,
    WHOLE_MODEL_FIELDS,
    by_content,
)
from gateway.local_platform.discovery.fields.semantic_fields import (
    METRIC_FIELDS,
    SAVED_QUERY_FIELDS,
    SEMANTIC_MODEL_FIELDS,
)
from gateway.local_platform.discovery.lists.state_lists import everything, package_names
from gateway.local_platform.discovery.nodes import content
from gateway.local_platform.discovery.nodes.state_nodes import StateNode


def _defining(name: str) -> Callable[[StateNode], Any]:
    return lambda node: getattr(node.batch.state.defining, name)


def _applied_dbt_version(node: StateNode) -> Any:
    """The dbt that built the node last, or that read the project last."""
    return node.success.dbt_version if node.success else _defining("dbt_version")(node)


def _packages(node: StateNode) -> list[str]:
    """The packages whose models the environment holds."""
    session, key = node.batch.session, ("packages", node.batch.state.row.id)
    if key not in session.prepared:
        session.prepared[key] = package_names(everything(session, node.batch.state, ("model",), node.batch.view))
    names: list[str] = session.prepared[key]
    return names


def _versions(node: StateNode) -> list[dict[str, Any]]:
    """Every version of a versioned model, itself among them."""
    if node.node.version is None:
        return []
    siblings = _versioned(node).get((node.node.package_name, node.node.name), [])
    return [
        {"name": each.node.name or "", "releaseVersion": content.release_version(each.node), "uniqueId": each.unique_id}
        for each in siblings
    ]


def _versioned(node: StateNode) -> dict[tuple[str | None, str | None], list[StateNode]]:
    session, key = node.batch.session, ("versions", node.batch.state.row.id)
    if key not in session.prepared:
        by_source: dict[tuple[str | None, str | None], list[StateNode]] = {}
        for other in everything(session, node.batch.state, ("model",), node.batch.view):
            if other.node.version is not None:
                by_source.setdefault((other.node.package_name, other.node.name), []).append(other)
        session.prepared[key] = by_source
    prepared: dict[tuple[str | None, str | None], list[StateNode]] = session.prepared[key]
    return prepared


PLACE: Readers = {
    "accountId": attrgetter("batch.state.row.account_id"),
    "projectId": attrgetter("batch.state.row.project_id"),
    "environmentId": attrgetter("batch.state.row.id"),
}

_RELATED: Readers = {"children": relatives.children, "parents": relatives.parents, "tests": relatives.tests}

_BUILT: Readers = {
    **NODE_FIELDS,
    **RELATION_FIELDS,
    **CODE_FIELDS,
    **PLACE,
    **_RELATED,
    "catalog": catalogued,
    "compiledCode": attrgetter("compiled_code"),
    "dbtVersion": _applied_dbt_version,
    "executionInfo": attempted,
}

_DEFINED: Readers = {
    **NODE_FIELDS,
    **PLACE,
    **_RELATED,
    "ancestors": relatives.all_ancestors,
    "dbtVersion": _defining("dbt_version"),
    "jobDefinitionId": _defining("job_id"),
    "jobId": _defining("job_id"),
    "manifestGeneratedAt": _defining("generated_at"),
    "runGeneratedAt": _defining("generated_at"),
    "runId": _defining("run_id"),
}

APPLIED_MODEL: Readers = {
    **_BUILT,
    **WHOLE_MODEL_FIELDS,
    "packages": _packages,
    "relationName": attrgetter("node.relation_name"),
    "testStatuses": relatives.test_statuses,
    "versions": _versions,
}
APPLIED_SEED: Readers = {**_BUILT, "executionInfo": execution}
APPLIED_SNAPSHOT: Readers = _BUILT
APPLIED_SOURCE: Readers = {
    **_BUILT,
    **SOURCE_FIELDS,
    "freshness": lambda node: node,
    "testStatuses": relatives.test_statuses,
}
APPLIED_TEST: Readers = {
    **_BUILT,
    **WHOLE_TEST_FIELDS,
    "executionInfo": execution,
    "lastKnownResult": last_known_result,
}
APPLIED_EXPOSURE: Readers = {**_DEFINED, **EXPOSURE_FIELDS}

DEFINED_MODEL: Readers = {**_DEFINED, **MODEL_FIELDS, **WHOLE_MODEL_FIELDS, "packages": _packages}
DEFINED_SEED: Readers = {**_DEFINED, **RELATION_FIELDS}
DEFINED_SNAPSHOT: Readers = {**_DEFINED, **RELATION_FIELDS, "rawCode": by_content(content.code_of)}
DEFINED_SOURCE: Readers = {**_DEFINED, **RELATION_FIELDS, **SOURCE_FIELDS}
DEFINED_TEST: Readers = {**_DEFINED, **DEFINED_TEST_FIELDS}
DEFINED_EXPOSURE: Readers = {**_DEFINED, **EXPOSURE_FIELDS, "freshnessStatus": upstream_freshness}
DEFINED_MACRO: Readers = {**_DEFINED, **MACRO_FIELDS, "parents": relatives.macro_parents}
DEFINED_METRIC: Readers = {**_DEFINED, **METRIC_FIELDS}
DEFINED_SEMANTIC_MODEL: Readers = {**_DEFINED, **SEMANTIC_MODEL_FIELDS}
DEFINED_SAVED_QUERY: Readers = {**_DEFINED, **SAVED_QUERY_FIELDS}

DEFINED_GROUP: Readers = _DEFINED

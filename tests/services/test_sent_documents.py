"""Every document the services send is valid against the upstream's schema: ours, and what is known of dbt's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    validate,
    visit,
)

from gateway.services.transport.schema_fit import FIELD_TYPES
from gateway.settings import Settings
from tests.serving import Call, serving

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "upstream" / "discovery-api.graphql"

# Between them these ask for everything the gateway can ask of the upstream.
QUESTIONS = [
    """{ account { name projects { nodes { id adapterType modelCount jobCount } }
      models { nodes { id description database schema alias relationName access group language version filePath
        contractEnforced meta rawCode compiledCode owner { name } tests { name } upstream { id } downstream { id }
        runs(first: 2) { totalCount nodes { runtime } } lastRun { runtime } jobs { nodes { id } } } }
      slowestModels(lastRuns: 10) { rank } longestRunningJobs(lastRuns: 3) { rank } } }""",
    '{ run(id: "70437490011508") { modelRuns { nodes { model { id } } } trigger { cause } steps { name } } }',
    '{ run(id: "70437490011782") { modelCount } job(id: "302003") { models { nodes { id } } } }',
    """{ project(id: "marketing") { sources { nodes { columns { name } } } models { nodes { columns { name } } }
      resources(filter: {resourceTypes: [SEED, SNAPSHOT, EXPOSURE]}) { nodes { id ... on Exposure { url }
        ... on Seed { lastRunStatus columns { name } } ... on Snapshot { lastRunStatus columns { name } } } } } }""",
]


def ours() -> GraphQLSchema:
    return build_schema(files("gateway.local_platform").joinpath("discovery.graphql").read_text("utf-8"))


def reference() -> GraphQLSchema:
    if not REFERENCE.exists():
        pytest.skip(f"no copy of dbt's schema at {REFERENCE}")
    return build_schema(REFERENCE.read_text("utf-8"))


@pytest.fixture(scope="module")
async def documents(settings: Settings) -> list[Call]:
    async with serving(settings) as gateway:
        for question in QUESTIONS:
            await gateway.data(question)
        return [call for call in gateway.upstream.calls if call.document]


@pytest.mark.slow
@pytest.mark.parametrize("schema", [ours, reference])
async def test_every_document_is_valid_against_the_upstream_schema(
    documents: list[Call], schema: Callable[[], GraphQLSchema]
) -> None:
    upstream = schema()
    for call in documents:
        assert validate(upstream, parse(call.document)) == [], call.operation
    sent = {call.operation for call in documents}
    assert sent >= {
        "EnvironmentHeaders",
        "EnvironmentModels",
        "EnvironmentLineage",
        "EnvironmentGroups",
        *{"EnvironmentResources", "EnvironmentExposures", "EnvironmentSeeds", "EnvironmentSnapshots"},
        *{f"{kind}Columns" for kind in ("Model", "Source", "Seed", "Snapshot")},
        "ModelDetails",
        "ModelHistories",
        "RunModels",
        "RunOutline",
    }


@pytest.mark.slow
async def test_the_types_of_selected_fields_are_known(documents: list[Call]) -> None:
    """Where dbt's schema lacks a field, documents are made without it by these types."""
    types = TypeInfo(ours())
    selected = _Selected(types)
    for call in documents:
        visit(parse(call.document), TypeInfoVisitor(types, selected))
    assert selected.found
    unknown = {one for one in selected.found if FIELD_TYPES.get(one[0], {}).get(one[1]) != one[2]}
    assert unknown == set(), "add them to FIELD_TYPES"


class _Selected(Visitor):
    """Collects the fields with fields of their own: of which type, their names, and their types."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.found: set[tuple[str, str, str]] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent, own = self._types.get_parent_type(), self._types.get_type()
        if node.selection_set is not None and parent is not None and own is not None:
            self.found.add((parent.name, node.name.value, get_named_type(own).name))


async def test_only_the_two_roots_that_dbt_keeps_are_used(documents: list[Call]) -> None:
    roots = {name for call in documents for name in root_fields(parse(call.document))}
    assert roots == {"environment", "job"}


def root_fields(document: DocumentNode) -> set[str]:
    operation = document.definitions[0]
    return {selection.name.value for selection in operation.selection_set.selections}  # type: ignore[attr-defined]


async def test_lists_of_environments_are_asked_for_in_pages_of_five_hundred(documents: list[Call]) -> None:
    pages = [call.document for call in documents if call.operation == "EnvironmentModels"]
    assert pages
    assert all("first: 500" in document for document in pages)


@pytest.mark.slow
def test_our_schema_has_nothing_that_dbts_has_not() -> None:
    """Types, fields, arguments and their types: what ours has is exactly what is known of dbt's."""
    mine, theirs = ours(), reference()
    assert not_in(mine, theirs) == []


def not_in(mine: GraphQLSchema, theirs: GraphQLSchema) -> list[str]:
    missing = []
    for name, kind in mine.type_map.items():
        other = theirs.type_map.get(name)
        if other is None or type(other) is not type(kind):
            missing.append(name)
            continue
        for field_name, field in getattr(kind, "fields", {}).items():
            known = other.fields.get(field_name)  # type: ignore[attr-defined]
            if known is None or str(known.type) != str(field.type):
                missing.append(f"{name}.{field_name}: {field.type}")
            elif hasattr(field, "args"):
                arguments = {argument: str(one.type) for argument, one in field.args.items()}
                if arguments != {argument: str(one.type) for argument, one in known.args.items()}:
                    missing.append(f"{name}.{field_name}{arguments}")
    return missing

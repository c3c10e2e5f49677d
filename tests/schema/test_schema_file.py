"""The schema as others read it: committed, and described to the last argument."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import strawberry
from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    parse,
)
from graphql import build_schema as build_ast

from gateway.execution.operation_runner import OperationRunner
from gateway.schema.build import build_schema, print_sdl
from gateway.schema.core_schema import core_schema
from tests.generated.conformance import null_only_with_an_error

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return build_schema()


def test_the_committed_schema_is_the_one_that_is_served(schema: strawberry.Schema) -> None:
    assert print_sdl(schema) == (ROOT / "schema.graphql").read_text("utf-8"), "run `make schema` and commit the file"


def things_to_describe(schema: GraphQLSchema) -> dict[str, str | None]:
    """Every type, field, argument and enum value of ours, with its description."""
    found: dict[str, str | None] = {}
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in SPECIFIED:
            continue
        found[name] = kind.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in kind.fields.items():
                if field_name in ("_service", "_entities"):
                    continue
                found[f"{name}.{field_name}"] = field.description
                for argument_name, argument in field.args.items():
                    found[f"{name}.{field_name}({argument_name})"] = argument.description
        elif isinstance(kind, GraphQLInputObjectType):
            found.update({f"{name}.{field_name}": field.description for field_name, field in kind.fields.items()})
        elif isinstance(kind, GraphQLEnumType):
            found.update({f"{name}.{value_name}": value.description for value_name, value in kind.values.items()})
    return found


# What the federation specification names, without a word on it.
SPECIFIED = {"_Any", "_Service", "_Entity", "_FieldSet", "link__Import", "link__Purpose", "federation__FieldSet"}


def test_every_type_field_argument_and_enum_value_is_described(schema: strawberry.Schema) -> None:
    described = things_to_describe(core_schema(schema))
    assert len(described) > 200
    assert [name for name, text in described.items() if not (text or "").strip()] == []


def test_no_type_of_the_schema_is_without_a_way_to_it(schema: strawberry.Schema) -> None:
    names = {name for name in core_schema(schema).type_map if not name.startswith("_")}
    for root in ("Account", "Project", "Model", "Job", "Run", "ModelRun", "PageInfo"):
        assert root in names
    unions = [kind for kind in core_schema(schema).type_map.values() if isinstance(kind, GraphQLUnionType)]
    assert [union.name for union in unions] == ["_Entity"]
    assert {kind.name for kind in unions[0].types} == {"Account", "Project", "Model", "Job", "Run"}


def test_what_upstream_may_withhold_is_nullable(schema: strawberry.Schema) -> None:
    """A failing part must null itself, never its parent: no field with a resolver of its own is non-null."""
    for name in ("Query", "Account", "Project", "Model", "Job", "Run", "ModelRun"):
        kind = core_schema(schema).type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        for field_name, field in kind.fields.items():
            if "Connection" in str(field.type) or (name == "Query" and not field_name.startswith("_")):
                assert not str(field.type).endswith("!"), f"{name}.{field_name}"


def test_strawberrys_own_schema_object_is_where_the_runner_expects_it(schema: strawberry.Schema) -> None:
    """`_schema` is Strawberry's, not promised to anybody; the runner executes on it."""
    assert isinstance(core_schema(schema), GraphQLSchema)
    assert core_schema(schema).query_type is not None
    assert core_schema(schema).query_type.name == "Query"
    document: DocumentNode = parse("{ account { models { totalCount } } }")
    assert OperationRunner(schema).projection(document, None) is not None


@pytest.mark.slow
def test_a_nullable_field_says_what_null_means(schema: strawberry.Schema) -> None:
    """All but those that are marked as null only where the answer holds an error for them."""
    marked = null_only_with_an_error(build_ast(print_sdl(schema), assume_valid_sdl=True))
    assert sum(map(len, marked.values())) >= 46
    silent = {
        f"{name}.{field_name}"
        for name, kind in core_schema(schema).type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("_")
        for field_name, field in kind.fields.items()
        if not str(field.type).endswith("!") and "null" not in (field.description or "").lower()
    }
    silent -= {f"{name}.{one}" for name, names in marked.items() for one in names}
    assert not silent, "say what null means, or mark the field with NON_NULL"


@pytest.mark.slow
def test_only_what_is_nullable_is_marked_as_null_only_with_an_error(schema: strawberry.Schema) -> None:
    core = core_schema(schema)
    for name, names in null_only_with_an_error(build_ast(print_sdl(schema), assume_valid_sdl=True)).items():
        fields = core.type_map[name].fields  # type: ignore[attr-defined]
        assert not [one for one in names if str(fields[one].type).endswith("!")]


def test_what_is_deprecated_says_what_to_use_and_when_it_goes() -> None:
    """The policy of docs/clients.md, for fields, arguments, input fields and enum values."""
    text = (ROOT / "schema.graphql").read_text("utf-8")
    reasons = re.findall(r'@deprecated\(reason: "(.*?)"\)', text)
    assert len(reasons) == text.count("@deprecated")
    assert reasons
    assert not [reason for reason in reasons if not re.fullmatch(r"Use .+\. Removed in \d+\.\d+\.", reason)]

"""Every field of the published schema is answered, or listed as unknown with a reason."""

from __future__ import annotations

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, build_schema

from gateway.local_platform.discovery.fields.unknown import UNKNOWN
from gateway.local_platform.discovery.schema import create_schema, published_sdl

# Types whose values are plain JSON objects made by the reader of the field that holds them.
PLAIN = {
    "CatalogColumn",
    "CatalogStat",
    "Criteria",
    "CriteriaInfo",
    "ExposureOwner",
    "MacroArguments",
    "MetricFilter",
    "ModelLevelConstraint",
    "ModelVersion",
    "PageInfo",
    "QueryExportConfig",
    "QueryExports",
    "QueryParams",
    "QueryWhere",
    "QueryWhereFilter",
    "SemanticModelDimension",
    "SemanticModelEntity",
    "SemanticModelMeasure",
    "Tag",
    "TestMetadata",
}


def is_plain(name: str) -> bool:
    return name in PLAIN or name.endswith(("Connection", "Edge"))


def test_every_field_has_a_reader_or_a_reason() -> None:
    schema = create_schema()
    without = set()
    for name, named in schema.type_map.items():
        if isinstance(named, GraphQLObjectType) and not name.startswith("__") and not is_plain(name):
            missing = [field for field, definition in named.fields.items() if definition.resolve is None]
            whole = len(missing) == len(named.fields)
            without |= {f"{name}.*"} if whole else {f"{name}.{field}" for field in missing}
    assert without == set(UNKNOWN)
    assert all(reason for reason in UNKNOWN.values())


@pytest.mark.slow
def test_what_is_unknown_is_nullable() -> None:
    schema = build_schema(published_sdl())
    for place in UNKNOWN:
        name, _, field = place.partition(".")
        named = schema.type_map[name]
        assert isinstance(named, GraphQLObjectType)
        if field != "*":
            assert not isinstance(named.fields[field].type, GraphQLNonNull)

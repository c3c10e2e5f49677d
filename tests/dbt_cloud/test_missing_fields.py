"""Whichever field a cell of dbt does not have, the others are answered, and what it would report is noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from graphql import FieldNode, TypeInfo, TypeInfoVisitor, Visitor, parse, visit

from tests.dbt_cloud.gateways import CloudGateway
from tests.dbt_cloud.questions import QUESTIONS
from tests.dbt_cloud.stand_in import Coordinate, StandIn, discovery_schema
from tests.dbt_cloud.worth import Worth, worth


class _Fields(Visitor):
    """Collects the fields of a document with their types."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.used: set[Coordinate] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._types.get_parent_type()
        if parent is not None and parent.name != "Query":
            self.used.add((parent.name, node.name.value))


def fields_of(documents: Iterable[str]) -> list[Coordinate]:
    types = TypeInfo(discovery_schema())
    fields = _Fields(types)
    for document in documents:
        visit(parse(document), TypeInfoVisitor(types, fields))
    return sorted(fields.used)


@pytest.fixture(scope="module")
async def used(cloud: CloudGateway) -> list[Coordinate]:
    """Every field that the questions make the gateway ask for."""
    dbt = StandIn()
    async with cloud.over(dbt):
        for query in QUESTIONS.values():
            await cloud.ask(query)
    return fields_of(dbt.documents)


NEWER = (
    *(("JobNode", "exposures"), ("ModelNode", "paginationCursor"), ("TestNode", "invocationId")),
    *(("SnapshotNode", "error"), ("SnapshotNode", "name"), ("Environment", "dbtProjectName")),
)
"""What of it a cell is likeliest to lack, and what other types have too."""


async def without(cloud: CloudGateway, undisturbed: Mapping[str, Any], coordinate: Coordinate) -> Counter[Worth]:
    counts: Counter[Worth] = Counter()
    async with cloud.over(StandIn(without=[coordinate])):
        for name, query in QUESTIONS.items():
            reply = await cloud.ask(query)
            value, differences = worth(undisturbed[name], reply)
            assert value != "wrong", (coordinate, name, differences)
            counts[value] += 1
            for note in reply.gateway.get("notes", ()):
                if note.get("code") == "FIELDS_UNKNOWN":
                    assert f"dbt's schema has no {'.'.join(coordinate)}:" in note["message"]
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("coordinate", NEWER, ids=".".join)
async def test_a_field_that_a_cell_does_not_have_yet(
    cloud: CloudGateway, undisturbed: Mapping[str, Any], coordinate: Coordinate
) -> None:
    counts = await without(cloud, undisturbed, coordinate)
    assert counts["noted"] + counts["coded"] > 0


@pytest.mark.nightly
async def test_any_field(cloud: CloudGateway, undisturbed: Mapping[str, Any], used: list[Coordinate]) -> None:
    assert len(used) > 140
    for coordinate in used:
        counts = await without(cloud, undisturbed, coordinate)
        assert counts["noted"] + counts["coded"] > 0, coordinate


@pytest.mark.slow
async def test_one_types_field_is_not_anothers(cloud: CloudGateway, undisturbed: Mapping[str, Any]) -> None:
    """Snapshots without messages cost tests none of theirs."""
    async with cloud.over(StandIn(without=[("SnapshotNode", "error")])):
        reply = await cloud.ask(QUESTIONS["failures"])
    assert reply.data == undisturbed["failures"]


@pytest.mark.slow
async def test_a_type_of_resources_that_a_cell_does_not_have_yet(
    cloud: CloudGateway, undisturbed: Mapping[str, Any]
) -> None:
    """Nothing is of a type that there is not: the others are listed, and the answer says so."""
    dbt = StandIn(without=[("ResourceNodeType", "SavedQuery")])
    async with cloud.over(dbt):
        reply = await cloud.ask(QUESTIONS["resources"])
        assert dbt.calls["EnvironmentResources"] == 3 + 1, "one of three groups is refused once"
        again = await cloud.ask(QUESTIONS["resources"])
    assert reply.data == again.data == undisturbed["resources"]
    (note,) = [note for note in reply.gateway["notes"] if "code" in note]
    assert "ResourceNodeType.SavedQuery" in note["message"]
    async with cloud.over(StandIn(without=[("ResourceNodeType", "Test")])):
        reply = await cloud.ask(QUESTIONS["resources"])
    assert reply.codes

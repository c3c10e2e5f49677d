"""Results and resources of one type that dbt does not give hide none of another: what is missing is an error at its
place, and the rest is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

from gateway.settings import Settings
from tests.serving import Call, Gateway, serving

RUN = "70437490011508"  # int_gl_balances fails
RESULTS = f'{{ run(id: "{RUN}") {{ nodeResults(first: 1000) {{ nodes {{ uniqueId }} }} failures {{ message }} }} }}'
RESOURCES = """{ project(id: "finance") { resources(filter: {resourceTypes: [SEED, SNAPSHOT, EXPOSURE]}) { nodes {
  uniqueId ... on Seed { lastRunStatus columns { name } } ... on Snapshot { lastRunStatus columns { name } }
  ... on Exposure { url } } } } }"""


def refusing(operation: str) -> Any:
    """dbt refuses one operation."""

    async def fault(call: Call) -> Response | None:
        refused = Response(json.dumps({"errors": [{"message": "Not now."}]}), 400)
        return refused if call.operation == operation else None

    return fault


def kinds(nodes: list[dict[str, Any]]) -> set[str]:
    return {one["uniqueId"].partition(".")[0] for one in nodes}


@pytest.fixture
async def discovery(settings: Settings) -> Any:
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        yield gateway


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "missing", "message"),
    [
        ("RunModels", {"model"}, "The list of models"),
        ("RunNodes", {"test", "seed", "snapshot", "source", "exposure"}, "The list of tests"),
    ],
)
async def test_results_of_other_types_are_answered(
    settings: Settings, discovery: Gateway, operation: str, missing: set[str], message: str
) -> None:
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as untroubled:
        whole = (await untroubled.data(RESULTS))["run"]
    discovery.upstream.fault = refusing(operation)
    reply = await discovery.ask(RESULTS)
    expected = [one for one in whole["nodeResults"]["nodes"] if not kinds([one]) & missing]
    assert expected
    assert len(expected) < len(whole["nodeResults"]["nodes"])
    left = [one for one in reply.data["run"]["nodeResults"]["nodes"] if not kinds([one]) & missing]
    assert left == expected
    assert any(error["message"].startswith(message) for error in reply.errors)
    assert {error["extensions"]["code"] for error in reply.errors} == {"UPSTREAM_REJECTED"}
    if operation == "RunNodes":
        assert reply.data["run"]["failures"] == whole["failures"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "kind", "field"),
    [
        ("EnvironmentSeeds", "seed", "lastRunStatus"),
        ("EnvironmentSnapshots", "snapshot", "lastRunStatus"),
        ("EnvironmentExposures", "exposure", "url"),
        ("SeedColumns", "seed", "columns"),
    ],
)
async def test_what_is_known_of_other_types_is_answered(
    gateway: Gateway, warm_gateway: Gateway, operation: str, kind: str, field: str
) -> None:
    whole = (await warm_gateway.data(RESOURCES))["project"]["resources"]["nodes"]
    gateway.upstream.fault = refusing(operation)
    reply = await gateway.ask(RESOURCES)
    expected = [{**one, field: None} if kinds([one]) == {kind} else one for one in whole]
    assert reply.data["project"]["resources"]["nodes"] == expected
    assert expected != whole
    assert {path.rsplit(".", 1)[1] for path in reply.codes} == {field}
    assert set(reply.codes.values()) == {"UPSTREAM_REJECTED"}

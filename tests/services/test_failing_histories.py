"""A model whose history dbt cannot give takes nothing from the other models of its environment."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from tests.oracle.account import Oracle
from tests.serving import Call, Gateway

HISTORIES = "{ account { models(first: 100) { nodes { id runs(first: 3) { nodes { name runtime } } } } } }"
HISTORY = "account.models.nodes.{}.runs"

Rewrite = Callable[[Call, Any], Any]


def failing(unique_ids: Collection[str], one_at_a_time: bool = False) -> Rewrite:
    """dbt fails to read the histories of some models: as none may be null, their environments lose all of them."""

    def rewrite(call: Call, body: Any) -> Any:
        if call.operation != "ModelHistories":
            return body
        asked = {name: value for name, value in call.variables.items() if name[0] == "u" and value in unique_ids}
        for name in list(asked)[:1] if one_at_a_time else asked:
            root, alias = name[1:].split("_")
            body["data"][f"e{root}"]["applied"] = None
            problem = {"message": "Internal server error", "path": [f"e{root}", "applied", f"m{alias}"]}
            body.setdefault("errors", []).append(problem)
        return body

    return rewrite


def of_projects(oracle: Oracle, *names: str) -> list[str]:
    """A model of each project that has runs."""
    return [next(m.unique_id for m in oracle.models if m.id.startswith(f"{name}.") and m.history) for name in names]


async def right_runs(gateway: Gateway) -> dict[str, Any]:
    """What every model answers while dbt is well."""
    data = await gateway.data(HISTORIES)
    return {node["id"]: node["runs"] for node in data["account"]["models"]["nodes"]}


async def check(gateway: Gateway, expected: dict[str, Any], failed: set[str]) -> None:
    """Exactly the failed ones are null, with a code at their place; the others are right."""
    got = await gateway.ask(HISTORIES)
    nodes = got.data["account"]["models"]["nodes"]
    assert {node["id"]: node["runs"] for node in nodes} == expected | dict.fromkeys(failed)
    places = {HISTORY.format(place): "UPSTREAM_REJECTED" for place, node in enumerate(nodes) if node["id"] in failed}
    assert got.codes == places


@pytest.mark.slow
@pytest.mark.parametrize("projects", [("finance",), ("finance", "marketing")])
async def test_models_that_fail_cost_the_others_one_repeat(
    gateway: Gateway, warm_gateway: Gateway, oracle: Oracle, projects: tuple[str, ...]
) -> None:
    broken = of_projects(oracle, *projects)
    gateway.upstream.rewrite = failing(broken)

    await check(gateway, await right_runs(warm_gateway), {m.id for m in oracle.models if m.unique_id in broken})

    first, repeat = [call for call in gateway.upstream.calls if call.operation == "ModelHistories"]
    assert set(broken) <= set(first.variables.values())
    assert not set(broken) & set(repeat.variables.values())


@pytest.mark.slow
async def test_what_was_read_beside_a_failure_is_kept(gateway: Gateway, warm_gateway: Gateway, oracle: Oracle) -> None:
    broken = of_projects(oracle, "finance")
    gateway.upstream.rewrite = failing(broken)
    await gateway.ask(HISTORIES)
    gateway.upstream.rewrite = None
    gateway.upstream.calls.clear()

    await check(gateway, await right_runs(warm_gateway), set())

    (again,) = [call for call in gateway.upstream.calls if call.operation == "ModelHistories"]
    assert [value for name, value in again.variables.items() if name[0] == "u"] == broken


@pytest.mark.slow
async def test_a_dbt_that_names_another_failure_each_time_is_not_asked_for_ever(
    gateway: Gateway, oracle: Oracle
) -> None:
    finance = [model for model in oracle.models if model.id.startswith("finance.")]
    gateway.upstream.rewrite = failing({model.unique_id for model in finance}, one_at_a_time=True)

    got = await gateway.ask(HISTORIES)

    assert set(got.codes.values()) == {"UPSTREAM_REJECTED"}
    assert len(got.codes) == len(finance)
    assert gateway.upstream.operations["ModelHistories"] == 4

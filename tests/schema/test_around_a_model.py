"""What stands around a model: parents and children, owner, tests, sources, its last run; against the artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.oracle.account import Oracle
from tests.oracle.artifacts import cut, moment
from tests.oracle.graph import Graph
from tests.schema.test_models import ATTEMPT, attempt, iso
from tests.serving import Gateway


@pytest.fixture(scope="module")
def graphs(oracle: Oracle) -> Mapping[str, Graph]:
    return {project.id: Graph(project) for project in oracle.production}


async def of_each_model(answers: Gateway, selection: str) -> dict[str, Any]:
    data = await answers.data(f"{{ account {{ models(first: 100) {{ nodes {{ id {selection} }} }} }} }}")
    return {node.pop("id"): node for node in data["account"]["models"]["nodes"]}


@pytest.mark.slow
async def test_parents_and_children_are_those_of_the_manifest(
    answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]
) -> None:
    found = await of_each_model(answers, "upstream { uniqueId } downstream { uniqueId }")
    assert found == {
        model.id: {
            "upstream": [{"uniqueId": one} for one in graphs[model.project].upstream(model.unique_id)],
            "downstream": [{"uniqueId": one} for one in graphs[model.project].downstream(model.unique_id)],
        }
        for model in oracle.models
    }
    assert any(node["upstream"] for node in found.values())


async def test_an_owner_is_the_groups_or_the_metas(
    answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]
) -> None:
    found = await of_each_model(answers, "owner { name email }")
    assert found == {model.id: {"owner": graphs[model.project].owner(model.unique_id)} for model in oracle.models}
    assert any(node["owner"] for node in found.values())


@pytest.mark.slow
async def test_the_tests_of_a_model_show_their_last_attempt(
    answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]
) -> None:
    selection = "uniqueId columnName statusText error failingRows lastRunTime runtime"
    found = await of_each_model(answers, f"tests {{ {selection} }}")
    assert found == {model.id: {"tests": graphs[model.project].tests(model.unique_id)} for model in oracle.models}
    words = {test["statusText"] for node in found.values() for test in node["tests"]}
    assert words >= {"pass"}


async def test_the_status_of_a_test_is_one_of_ours(answers: Gateway) -> None:
    found = await of_each_model(answers, "tests { statusText status }")
    statuses = {"pass": "SUCCESS", "fail": "FAILURE", "error": "FAILURE", "warn": "WARN", "skipped": "SKIPPED"}
    for node in found.values():
        for test in node["tests"]:
            assert test["status"] == statuses.get(test["statusText"])


CATEGORIES = {"scheduled": "SCHEDULE", "github_pull_request": "CI", "retry": "RERUN"}
SEVERITY = ["pass", "warn", "error"]
STATUS = {"pass": "FRESH", "warn": "WARN", "error": "STALE"}


async def test_the_freshness_behind_a_model_is_the_worst_of_its_sources(
    answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]
) -> None:
    found = await of_each_model(
        answers, "freshness { status sources { uniqueId freshness { status ageSeconds checkedAt maxLoadedAt } } }"
    )
    for model in oracle.models:
        graph = graphs[model.project]
        sources = graph.sources_behind(model.unique_id)
        checked = {name: graph.freshness[name] for name in sources if name in graph.freshness}
        words = [one["status"] for one in checked.values()]
        worst = max(words, key=SEVERITY.index) if words else None
        freshness = found[model.id]["freshness"]
        assert freshness["status"] == (STATUS[worst] if worst else "NEVER_CHECKED"), model.id
        assert [one["uniqueId"] for one in freshness["sources"]] == sources
        for one in freshness["sources"]:
            check = checked.get(one["uniqueId"])
            told = one["freshness"]
            assert told["status"] == (STATUS[check["status"]] if check else "NEVER_CHECKED")
            assert told["ageSeconds"] == (check["max_loaded_at_time_ago_in_s"] if check else None)
            assert told["checkedAt"] == (iso(cut(moment(check["snapshotted_at"]))) if check else None)
    assert {node["freshness"]["status"] for node in found.values()} >= {"FRESH", "NEVER_CHECKED"}


async def test_the_last_run_is_the_newest_of_the_history(answers: Gateway, oracle: Oracle) -> None:
    found = await of_each_model(answers, f"lastRun {{ {ATTEMPT} }}")
    assert found == {
        model.id: {"lastRun": attempt(model.last.run, model.last.result) if model.last else None}
        for model in oracle.models
    }


async def test_a_run_shows_why_it_was_started_and_its_steps(answers: Gateway, oracle: Oracle) -> None:
    statuses = {10: "SUCCESS", 20: "FAILURE", 30: "CANCELLED"}
    for run in (oracle.job(302001).runs[0], oracle.job(303003).runs[3], oracle.job(302003).runs[3]):
        data = await answers.data(
            "query($id: ID!) { run(id: $id) { trigger { category cause } "
            "steps { index name status statusText runtime startTime endTime } } }",
            id=str(run.id),
        )
        record = run.record
        assert data["run"]["trigger"] == {
            "category": CATEGORIES[record["trigger"]["cause_category"]],
            "cause": record["trigger"]["cause"],
        }
        expected = [
            {
                "index": step["index"],
                "name": step["name"],
                "status": statuses.get(step["status"], "SKIPPED"),
                "statusText": step["status_humanized"],
                "runtime": seconds(step),
                "startTime": iso(moment(step["started_at"])) if step["started_at"] else None,
                "endTime": iso(moment(step["finished_at"])) if step["finished_at"] else None,
            }
            for step in record["run_steps"]
        ]
        assert data["run"]["steps"] == expected


def seconds(step: Mapping[str, Any]) -> float | None:
    if not step["started_at"] or not step["finished_at"]:
        return None
    return (moment(step["finished_at"]) - moment(step["started_at"])).total_seconds()

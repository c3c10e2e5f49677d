"""Filters of models, runs and jobs: what they keep, what of them dbt applies itself, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.models import JobFilter, ModelFilter, RunFilter
from gateway.settings import Settings
from tests.oracle.account import Model, Oracle, Run
from tests.oracle.artifacts import moment
from tests.schema.test_orders import newest_first
from tests.serving import Gateway

MODELS = "query($f: ModelFilter) { account { models(filter: $f, first: 500) { totalCount nodes { id } } } }"
RUNS = "query($f: RunFilter, $n: Int) { account { runs(filter: $f, first: $n) { totalCount nodes { id } } } }"
NOON = "2026-03-12T12:00:00+00:00"
TRIGGERS = {"scheduled": "SCHEDULE", "github_pull_request": "CI", "retry": "RERUN"}


def group_owners(oracle: Oracle) -> dict[str, tuple[str, ...]]:
    """The owners of groups by name and address, from the newest manifest of each project."""
    found: dict[str, tuple[str, ...]] = {}
    for project in oracle.production:
        for group in json.loads(project.newest.path.read_bytes())["groups"].values():
            owner = group["owner"]
            found[f"{project.id} {group['name']}"] = tuple(filter(None, (owner.get("name"), owner.get("email"))))
    return found


def attempt(model: Model) -> datetime | None:
    return model.last.result.generated_at if model.last else None


CHOICES: list[tuple[dict[str, Any], Callable[[Model], Any]]] = [
    ({"nameContains": "Fct_"}, lambda model: "fct_" in model.node.name),
    ({"nameContains": "nowhere"}, lambda _: False),
    ({"folder": "models/staging/"}, lambda model: model.node.path.startswith("models/staging/")),
    ({"folder": "models"}, lambda model: model.node.path.startswith("models/")),
    ({"folder": "models/stag"}, lambda _: False),
    ({"access": ["PUBLIC"]}, lambda model: model.node.access == "public"),
    ({"access": ["PUBLIC", "PRIVATE"]}, lambda model: model.node.access in ("public", "private")),
    ({"access": []}, lambda _: False),
    ({"groups": ["no_such_group"]}, lambda _: False),
    ({"lastRunSince": NOON}, lambda model: (seen := attempt(model)) is not None and seen >= moment(NOON)),
    ({"lastRunUntil": NOON}, lambda model: (seen := attempt(model)) is None or seen < moment(NOON)),
    (
        {"nameContains": "a", "folder": "models/marts", "access": ["PROTECTED"]},
        lambda m: "a" in m.node.name and m.node.path.startswith("models/marts/") and m.node.access == "protected",
    ),
]


@pytest.mark.parametrize(("criteria", "keeps"), CHOICES, ids=lambda one: json.dumps(one) if type(one) is dict else "")
async def test_models_are_found_by_what_is_known_of_them(
    answers: Gateway, oracle: Oracle, criteria: dict[str, Any], keeps: Callable[[Model], Any]
) -> None:
    found = (await answers.data(MODELS, f=criteria))["account"]["models"]
    assert [node["id"] for node in found["nodes"]] == [model.id for model in oracle.models if keeps(model)]
    assert found["totalCount"] == len(found["nodes"])


async def test_models_are_found_by_group_and_by_its_owner(answers: Gateway, oracle: Oracle) -> None:
    grouped = [model for model in oracle.models if model.node.group]
    assert grouped, "the demo has groups"
    owners = group_owners(oracle)
    for name in {model.node.group for model in grouped}:
        nodes = (await answers.data(MODELS, f={"groups": [name]}))["account"]["models"]["nodes"]
        assert [node["id"] for node in nodes] == [model.id for model in grouped if model.node.group == name]
    named = {text for some in owners.values() for text in some}
    assert named
    for text in named:
        expected = [m.id for m in oracle.models if text in owners.get(f"{m.project} {m.node.group}", ())]
        metas = [m.id for m in oracle.models if m.node.meta.get("owner") == text and not m.node.group]
        nodes = (await answers.data(MODELS, f={"owners": [text.upper()]}))["account"]["models"]["nodes"]
        assert [node["id"] for node in nodes] == sorted(expected + metas)


@pytest.mark.slow
async def test_jobs_runs_projects_and_rankings_take_the_same_filters(answers: Gateway, oracle: Oracle) -> None:
    name = next(model.node.group for model in oracle.models if model.node.group)
    members = {(m.environment_id, m.unique_id): m for m in oracle.models if m.node.group == name}
    query = """query($m: ModelFilter) { account { id
      jobs(filter: {models: $m}) { nodes { id } } runs(filter: {models: $m}, first: 500) { nodes { id } }
      projects(filter: {models: $m}) { nodes { id } } slowestModels(filter: $m, first: 100) { model { id } } } }"""
    found = (await answers.data(query, m={"groups": [name]}))["account"]
    jobs = [j for j in oracle.production_jobs if any((j.environment_id, one) in members for one in j.built)]
    assert [node["id"] for node in found["jobs"]["nodes"]] == [str(job.id) for job in jobs]
    runs = [run for run in oracle.runs if any((run.environment_id, one) in members for one in run.results)]
    assert [node["id"] for node in found["runs"]["nodes"]] == newest_first(runs)
    assert [node["id"] for node in found["projects"]["nodes"]] == sorted({m.project for m in members.values()})
    timed = [model for model in members.values() if model.runtime is not None]
    expected = [row[0] for row in oracle.slowest(timed, 1, 100)]
    assert [entry["model"]["id"] for entry in found["slowestModels"]] == expected
    filtered = "query($m: ModelFilter) { account(filter: {models: $m}) { id projects { nodes { id } } } }"
    account = (await answers.data(filtered, m={"groups": [name], "lastRunSince": NOON}))["account"]
    again = await answers.data("query($id: ID) { account(id: $id) { id projects { nodes { id } } } }", id=account["id"])
    assert again["account"] == account


def start(run: Run) -> datetime:
    return run.start


RUN_CHOICES: list[tuple[dict[str, Any], Callable[[Run], bool]]] = [
    ({"statuses": ["FAILURE"]}, lambda run: run.record["status"] == 20),
    ({"statuses": ["FAILURE", "CANCELLED"]}, lambda run: run.record["status"] in (20, 30)),
    ({"statuses": ["WARN"]}, lambda _: False),
    ({"jobIds": ["301001"]}, lambda run: run.job_id == 301001),
    ({"jobIds": ["301001", "301002"]}, lambda run: run.job_id in (301001, 301002)),
    ({"jobIds": []}, lambda _: False),
    ({"triggers": ["RERUN"]}, lambda run: TRIGGERS[run.record["trigger"]["cause_category"]] == "RERUN"),
    ({"triggers": ["SCHEDULE", "UI"]}, lambda run: TRIGGERS[run.record["trigger"]["cause_category"]] == "SCHEDULE"),
    ({"gitBranches": ["main"]}, lambda run: run.record["git_branch"] == "main"),
    ({"startedSince": NOON}, lambda run: run.start >= moment(NOON)),
    ({"startedUntil": NOON}, lambda run: run.start < moment(NOON)),
    (
        {"startedSince": "2026-03-05T00:00:00Z", "startedUntil": NOON, "statuses": ["SUCCESS"]},
        lambda run: moment("2026-03-05T00:00:00Z") <= run.start < moment(NOON) and run.record["status"] == 10,
    ),
]


@pytest.mark.parametrize(
    ("criteria", "keeps"), RUN_CHOICES, ids=lambda one: json.dumps(one) if type(one) is dict else ""
)
async def test_runs_are_found_by_what_they_are(
    answers: Gateway, oracle: Oracle, criteria: dict[str, Any], keeps: Callable[[Run], bool]
) -> None:
    places = {project.environment_id for project in oracle.production}
    expected = newest_first(run for run in oracle.runs if run.environment_id in places and keeps(run))
    found = (await answers.data(RUNS, f=criteria, n=500))["account"]["runs"]
    assert [node["id"] for node in found["nodes"]] == expected
    assert found["totalCount"] == len(expected)
    assert [n["id"] for n in (await answers.data(RUNS, f=criteria, n=1))["account"]["runs"]["nodes"]] == expected[:1]


def listed(gateway: Gateway) -> list[dict[str, str]]:
    """The lists of runs that dbt was asked for, without what pages them."""
    paging = ("limit", "offset", "order_by")
    asked = [call.query for call in gateway.upstream.calls if call.operation == "runs"]
    return [{name: value for name, value in query.items() if name not in paging} for query in asked]


@pytest.mark.slow
async def test_dbt_applies_what_it_can_of_a_filter_on_runs(gateway: Gateway) -> None:
    wanted = {"statuses": ["FAILURE", "QUEUED"], "jobIds": ["301001"], "startedUntil": NOON, "startedSince": NOON[:10]}
    assert (await gateway.count(RUNS, f={**wanted, "startedSince": "2026-03-08T00:00:00Z"}, n=5))["runs"] == 1
    window = json.loads(listed(gateway)[0].pop("created_at__range"))
    assert listed(gateway)[0]["job_definition_id"] == "301001"
    assert listed(gateway)[0]["status__in"] == "[1,2,20]"
    # What started then may have been created a week before.
    assert list(map(moment, window)) == [moment("2026-03-01T00:00:00Z"), moment(NOON)]
    # Warm, and with a part that dbt cannot apply: the same list.
    wanted = {**wanted, "startedSince": "2026-03-08T00:00:00Z", "gitBranches": ["main"]}
    assert await gateway.count(RUNS, f=wanted, n=5) == {}
    assert await gateway.count(RUNS, f={"triggers": ["CI"]}, n=5) == {"runs": 3}
    assert listed(gateway) == 3 * [{"include_related": '["trigger"]'}]
    assert await gateway.count(RUNS, f={"statuses": ["WARN"]}, n=5) == {}, "no run as a whole ends like this"
    project = 'query($f: RunFilter) { project(id: "finance") { runs(filter: $f) { nodes { id } } } }'
    assert await gateway.count(project, f={"statuses": ["FAILURE"]}) == {"runs": 1}
    assert listed(gateway) == [{"environment_id": "201001", "status__in": "[20]"}]


@pytest.mark.slow
async def test_what_a_filter_looks_at_is_read_and_no_more(gateway: Gateway) -> None:
    query = 'query($f: ModelFilter) { project(id: "logistics") { models(filter: $f) { nodes { id } } } }'
    asked = {
        "name": await gateway.count(query, f={"nameContains": "x"}),
        "last run": await gateway.count(query, f={"lastRunSince": NOON}),
        "access": await gateway.count(query, f={"access": ["PUBLIC"]}),
        "group": await gateway.count(query, f={"groups": ["core"]}),
        "owner": await gateway.count(query, f={"owners": ["ana"]}),
    }
    assert [counts.get("EnvironmentModels", 0) for counts in asked.values()] == [1, 0, 1, 1, 1]
    assert [counts.get("EnvironmentGroups", 0) for counts in asked.values()] == [0, 0, 0, 0, 1]
    document = gateway.upstream.calls[0].document
    assert {name for name in ("access", "group", "meta", "filePath") if f" {name}" in document} == {
        "access",
        "group",
        "meta",
    }


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ('models(filter: {nameContains: ""}) { totalCount }', "nameContains"),
        ('models(filter: {folder: "./"}) { totalCount }', "folder"),
        (f'models(filter: {{lastRunSince: "{NOON}", lastRunUntil: "{NOON}"}}) {{ totalCount }}', "lastRunSince"),
        ('jobs(filter: {nameContains: " "}) { totalCount }', "nameContains"),
        ('runs(filter: {startedSince: "2026-03-02", startedUntil: "2026-03-01"}) { totalCount }', "startedSince"),
        ('runs(filter: {jobIds: ["301009"]}) { totalCount }', "301001"),
        ('runs(filter: {jobIds: ["daily"]}) { totalCount }', "jobIds"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(answers: Gateway, query: str, hint: str) -> None:
    reply = await answers.ask(f"{{ account {{ id {query} }} }}")
    assert set(reply.codes.values()) == {"BAD_USER_INPUT"}
    assert reply.data["account"]["id"], "what stands beside it is answered"
    assert hint in json.dumps(reply.errors)


@pytest.mark.slow
def test_python_asks_the_same(settings: Settings, oracle: Oracle) -> None:
    places = {project.environment_id for project in oracle.production}
    with dbtAccount(store_url=settings.store_url) as account:
        runs = account.get_runs(
            500, where=RunFilter(statuses="failure", started_until=moment(NOON), triggers="schedule")
        )
        found = (run for run in oracle.runs if run.environment_id in places and run.record["status"] == 20)
        expected = [r for r in found if r.start < moment(NOON) and r.record["trigger"]["cause_category"] == "scheduled"]
        assert [run.run_id for run in runs] == newest_first(expected)
        jobs = account.get_jobs(where=JobFilter(name_contains="DAILY", kinds=["scheduled"]))
        named = [job for job in oracle.production_jobs if "daily" in job.record["name"].lower()]
        assert [job.job_id for job in jobs] == [str(j.id) for j in named if j.record["job_type"] == "scheduled"]
        models = account.get_models(ModelFilter(folder="models/staging", access="protected", name_contains="STG"))
        kept = [m for m in oracle.models if m.node.path.startswith("models/staging/") and "stg" in m.node.name]
        assert [model.model_id for model in models] == [m.id for m in kept if m.node.access == "protected"]
        for nonsense in (
            lambda: ModelFilter(name_contains=" "),
            lambda: RunFilter(started_since=moment(NOON), started_until=moment(NOON)),
            lambda: JobFilter(min_seconds=3, max_seconds=2),
            lambda: models[0].get_runs(groups="any"),
        ):
            with pytest.raises(InvalidArgumentError):
                nonsense()

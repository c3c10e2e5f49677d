"""The account and its projects, against the artifacts."""

from __future__ import annotations

import pytest

from tests.oracle.account import Oracle
from tests.serving import Gateway


async def test_the_account_lists_its_production_projects(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        "{ account { id name environment projects { totalCount nodes "
        "{ id name environment environmentId adapterType modelCount jobCount } } } }"
    )
    account = data["account"]
    assert account["id"] == str(oracle.record["account"]["id"])
    assert account["name"] == oracle.record["account"]["name"]
    assert account["environment"] == "PRODUCTION"
    names = {environment["id"]: environment["project_id"] for environment in oracle.record["environments"]}
    display = {project["id"]: project["name"] for project in oracle.record["projects"]}
    assert account["projects"]["totalCount"] == 4
    assert account["projects"]["nodes"] == [
        {
            "id": project.id,
            "name": display[names[project.environment_id]],
            "environment": "PRODUCTION",
            "environmentId": str(project.environment_id),
            "adapterType": "duckdb",
            "modelCount": len(project.models),
            "jobCount": sum(job.environment_id == project.environment_id for job in oracle.jobs),
        }
        for project in oracle.production
    ]


async def test_staging_is_another_environment_with_its_own_models(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        "{ account(environment: STAGING) { environment projects { nodes { id environment environmentId "
        "models { totalCount nodes { id runtime } } jobs { nodes { id } } } } } }"
    )
    (staging,) = oracle.staging
    place = f"finance@{staging.environment_id}"
    assert data["account"] == {
        "environment": "STAGING",
        "projects": {
            "nodes": [
                {
                    "id": place,
                    "environment": "STAGING",
                    "environmentId": str(staging.environment_id),
                    "models": {
                        "totalCount": len(staging.models),
                        "nodes": [
                            {"id": place + model.id.removeprefix("finance"), "runtime": model.runtime}
                            for model in staging.models
                        ],
                    },
                    "jobs": {"nodes": [{"id": "301003"}]},
                }
            ]
        },
    }


async def test_a_project_has_its_own_root(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ project(id: "logistics") { id environmentId models { nodes { id } } jobs { totalCount nodes { id } } } }'
    )
    logistics = oracle.project("logistics")
    assert data["project"] == {
        "id": "logistics",
        "environmentId": str(logistics.environment_id),
        "models": {"nodes": [{"id": model.id} for model in logistics.models]},
        "jobs": {"totalCount": 3, "nodes": [{"id": "303001"}, {"id": "303002"}, {"id": "303003"}]},
    }


@pytest.mark.parametrize(
    ("criteria", "kept"),
    [
        ('projectIds: ["finance", "marketing"]', ["finance", "marketing"]),
        ('projectIds: ["finance"], includeOrExclude: EXCLUDE', ["logistics", "marketing", "storefront"]),
        ("projectIds: []", []),
        ("projectIds: [], includeOrExclude: EXCLUDE", ["finance", "logistics", "marketing", "storefront"]),
        ('tags: ["month_end"]', ["finance"]),
        ('tags: ["pii", "month_end"]', ["finance", "marketing"]),
        ('tags: ["finance", "month_end"], tagsMatch: ALL', ["finance"]),
        ('materialization: "INCREMENTAL", minRuntime: 1.0', ["marketing", "storefront"]),
        ("tags: []", []),
    ],
)
@pytest.mark.parametrize("where", ["account(filter: {%s}) { projects", "account { projects(filter: {%s})"])
async def test_a_project_filter_keeps_what_contains_a_match(
    answers: Gateway, criteria: str, kept: list[str], where: str
) -> None:
    data = await answers.data(f"{{ {where % criteria} {{ totalCount nodes {{ id }} }} }} }}")
    assert data["account"]["projects"]["nodes"] == [{"id": project} for project in kept]
    assert data["account"]["projects"]["totalCount"] == len(kept)


async def test_the_accounts_filter_narrows_everything_below_it(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ account(filter: {projectIds: ["finance"], includeOrExclude: EXCLUDE}) '
        "{ models(first: 100) { nodes { id } } jobs { nodes { id } } slowestModels(first: 2) { model { id } } } }"
    )
    models = [model for model in oracle.models if model.project != "finance"]
    assert data["account"] == {
        "models": {"nodes": [{"id": model.id} for model in models]},
        "jobs": {"nodes": [{"id": str(job.id)} for job in oracle.production_jobs if job.id > 302000]},
        "slowestModels": [{"model": {"id": model_id}} for model_id, *_ in oracle.slowest(models, 1, 2)],
    }

"""dbtAccount and Project: lists, filters and rankings, against the artifacts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.models import ModelFilter, ProjectFilter, SearchFilter
from tests.oracle.account import Oracle, meets

PROJECTS = ["finance", "logistics", "marketing", "storefront"]


def test_the_account_lists_its_projects_by_id(account: dbtAccount) -> None:
    assert [project.project_id for project in account.projects] == PROJECTS
    assert [project.project_id for project in account.get_projects()] == PROJECTS
    assert account.environment == "production"
    assert account.filter is None


def test_staging_has_the_projects_that_are_deployed_there(account: dbtAccount, oracle: Oracle) -> None:
    staging = dbtAccount("staging", client=account.client)
    assert [project.project_id for project in staging.projects] == [project.id for project in oracle.staging]
    assert [model.model_id for model in staging.get_models()] == [model.id for model in oracle.staging[0].models]
    assert [job.job_id for job in staging.get_jobs()] == ["301003"]


@pytest.mark.parametrize("project_id", PROJECTS)
def test_a_project_counts_its_models_and_jobs(account: dbtAccount, oracle: Oracle, project_id: str) -> None:
    project, expected = account.project(project_id), oracle.project(project_id)
    jobs = [job for job in oracle.production_jobs if job.environment_id == expected.environment_id]
    assert project.model_count == len(expected.models)
    assert project.job_count == len(jobs)
    assert [model.model_id for model in project.models] == [model.id for model in expected.models]
    assert [job.job_id for job in project.jobs] == [str(job.id) for job in jobs]


def test_all_models_have_the_state_their_last_runs_left(account: dbtAccount, oracle: Oracle) -> None:
    found = account.get_models()
    assert [model.model_id for model in found] == [model.id for model in oracle.models]
    for model, expected in zip(found, oracle.models, strict=True):
        assert (model.unique_id, model.tags) == (expected.unique_id, list(expected.node.tags))
        assert model.materialization == expected.node.materialization
        assert model.runtime == expected.runtime
        success = expected.success.result if expected.success else None
        assert (model.start_time, model.end_time) == ((success.start, success.end) if success else (None, None))


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"tags": ["finance"]}, {"tags": ["finance"]}),
        ({"tags": "finance"}, {"tags": ["finance"]}),
        ({"tags": ["daily", "finance"], "tags_match": "all"}, {"all_tags": ["daily", "finance"]}),
        ({"materialization": "INCREMENTAL"}, {"materialization": "incremental"}),
        ({"tags": ["hourly"], "materialization": "view"}, {"tags": ["hourly"], "materialization": "view"}),
    ],
)
def test_criteria_choose_models_and_what_contains_them(
    account: dbtAccount, oracle: Oracle, criteria: dict[str, object], expected: dict[str, object]
) -> None:
    models = [model.id for model in oracle.models if meets(model, **expected)]
    jobs = [job for job in oracle.production_jobs if any(meets(one, **expected) for one in job.built.values())]
    assert models
    for found in (account.get_models(**criteria), account.get_models(SearchFilter.model_validate(criteria))):
        assert [model.model_id for model in found] == models
    assert [job.job_id for job in account.get_jobs(**criteria)] == [str(job.id) for job in jobs]
    holding = sorted({model.split(".")[0] for model in models})
    assert [project.project_id for project in account.get_projects(**criteria)] == holding


def test_runtime_bounds_are_inclusive_and_leave_out_models_without_a_runtime(
    account: dbtAccount, oracle: Oracle
) -> None:
    slow = sorted(model.runtime for model in oracle.models if model.runtime is not None)[-4:]
    found = account.get_models(min_runtime=slow[0], max_runtime=slow[2])
    assert sorted(model.runtime or 0 for model in found) == slow[:3]


def test_an_empty_list_matches_nothing(account: dbtAccount) -> None:
    assert account.get_models(tags=[]) == []
    assert account.get_models(ModelFilter(model_ids=[])) == []
    assert account.get_projects(ProjectFilter(project_ids=[])) == []


def test_projects_are_included_or_excluded(account: dbtAccount) -> None:
    only = ProjectFilter(projects=[account.project("finance")])
    rest = ProjectFilter(project_ids=["finance"], include_or_exclude="exclude")
    assert [project.project_id for project in account.get_projects(only)] == ["finance"]
    assert [project.project_id for project in account.get_projects(rest)] == ["logistics", "marketing", "storefront"]


def test_the_filter_of_an_account_limits_all_it_answers(account: dbtAccount, oracle: Oracle) -> None:
    part = dbtAccount(filter=ProjectFilter(project_ids=["finance"]), client=account.client)
    finance = oracle.project("finance")
    assert [project.project_id for project in part.projects] == ["finance"]
    assert [model.model_id for model in part.get_models()] == [model.id for model in finance.models]
    assert {model.project_id for model in part.slowest_models(100)} == {"finance"}
    assert [job.job_id for job in part.get_jobs()] == ["301001", "301002"]
    assert {run.job_id for run in part.get_runs(500)} == {"301001", "301002"}


def test_a_project_filter_may_stand_in_for_a_search(account: dbtAccount, oracle: Oracle) -> None:
    found = account.get_models(ProjectFilter(project_ids=["finance"], tags=["daily"]))
    expected = [model.id for model in oracle.project("finance").models if meets(model, tags=["daily"])]
    assert [model.model_id for model in found] == expected


def test_models_are_named_by_id_by_unique_id_or_as_objects(account: dbtAccount) -> None:
    model = account.model("finance.rpt_ar_aging")
    for named in (["finance.rpt_ar_aging"], ["model.finance.rpt_ar_aging"]):
        assert account.get_models(ModelFilter(model_ids=named)) == [model]
    assert account.get_models(ModelFilter(models=[model])) == [model]
    assert [job.job_id for job in account.get_jobs(ModelFilter(models=[model]))] == ["301001"]


@pytest.mark.parametrize("limit", [1, 10, 500])
def test_the_newest_runs_come_first(account: dbtAccount, oracle: Oracle, limit: int) -> None:
    jobs = {job.id for job in oracle.production_jobs}
    expected = [run for run in reversed(oracle.runs) if run.job_id in jobs][:limit]
    found = account.get_runs(limit)
    assert [run.run_id for run in found] == [str(run.id) for run in expected]
    assert [run.runtime for run in found] == [run.runtime for run in expected]


@pytest.mark.slow
def test_runs_are_found_by_the_models_in_them(account: dbtAccount, oracle: Oracle) -> None:
    jobs = {job.id for job in oracle.production_jobs}
    tagged = [
        run
        for run in reversed(oracle.runs)
        if run.job_id in jobs and any(meets(one, tags=["marketing"]) for one in run.results.values())
    ]
    found = account.get_runs(7, tags="marketing")
    assert [run.run_id for run in found] == [str(run.id) for run in tagged[:7]]


@pytest.mark.slow
@pytest.mark.parametrize("last_runs", [1, 3, 10])
def test_the_slowest_models_are_ranked_by_their_mean(account: dbtAccount, oracle: Oracle, last_runs: int) -> None:
    found = account.slowest_models(7, last_runs)
    ranked = [(model.model_id, model.ranked.runtime, model.ranked.runs) for model in found if model.ranked]
    assert ranked == oracle.slowest(oracle.models, last_runs, 7)
    assert found.considered == len(oracle.models)
    assert found.without_runtime == sum(model.mean_of_last(last_runs) is None for model in oracle.models)


@pytest.mark.parametrize("project_id", PROJECTS)
def test_the_slowest_models_of_a_project(account: dbtAccount, oracle: Oracle, project_id: str) -> None:
    chosen = [model for model in oracle.project(project_id).models if meets(model, tags=["daily"])]
    found = account.project(project_id).slowest_models(3, 5, tags=["daily"])
    ranked = [(model.model_id, model.ranked.runtime, model.ranked.runs) for model in found if model.ranked]
    assert ranked == oracle.slowest(chosen, 5, 3)


@pytest.mark.parametrize("last_runs", [1, 5, 100])
def test_the_longest_jobs_are_ranked_by_their_mean_wall_clock(
    account: dbtAccount, oracle: Oracle, last_runs: int
) -> None:
    found = account.longest_running_jobs(4, last_runs)
    ranked = [(int(job.job_id), job.ranked.runtime, job.ranked.runs) for job in found if job.ranked]
    assert ranked == oracle.longest(oracle.production_jobs, last_runs, 4)
    for job in found:
        assert job.ranked is not None
        assert job.get_average_job_runtime(last_runs) == job.ranked.runtime


def test_the_longest_jobs_with_both_filters(account: dbtAccount, oracle: Oracle) -> None:
    models = ModelFilter(model_ids=["finance.dim_dates", "marketing.int_sessions"], materialization="table")
    named = {"finance": "model.common.dim_dates", "marketing": "model.marketing.int_sessions"}
    places = {project.environment_id: named.get(project.id) for project in oracle.production}
    expected = [
        job
        for job in oracle.production_jobs
        if any(meets(one, tags=["daily"]) for one in job.built.values())
        and any(
            one.unique_id == places[job.environment_id] and meets(one, materialization="table")
            for one in job.built.values()
        )
    ]
    assert expected
    found = account.longest_running_jobs(10, 5, SearchFilter(tags=["daily"]), models)
    ranked = [(int(job.job_id), job.ranked.runtime, job.ranked.runs) for job in found if job.ranked]
    assert ranked == oracle.longest(expected, 5, 10)


@pytest.mark.parametrize(
    "ask",
    [
        lambda account: account.slowest_models(0),
        lambda account: account.slowest_models(1, 101),
        lambda account: account.slowest_models(True),
        lambda account: account.longest_running_jobs(1001),
        lambda account: account.get_runs(501),
        lambda account: account.get_runs("5"),
        lambda account: account.get_models(SearchFilter(tags=["a"]), tags=["b"]),
        lambda account: dbtAccount("development"),
        lambda account: dbtAccount(ttl=0),
        lambda account: account.longest_running_jobs(
            filter=ModelFilter(model_ids=["finance.dim_dates"]), model_filter=ModelFilter(tags=["daily"])
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(account: dbtAccount, ask: object) -> None:
    with pytest.raises(InvalidArgumentError):
        ask(account)  # type: ignore[operator]  # each row is a call


@pytest.mark.parametrize(
    "criteria",
    [
        {"min_runtime": 2, "max_runtime": 1},
        {"min_runtime": -1},
        {"max_runtime": float("nan")},
        {"max_runtime": float("inf")},
        {"tags": 5},
        {"tag": ["finance"]},
    ],
)
def test_filters_that_make_no_sense_are_refused(account: dbtAccount, criteria: dict[str, object]) -> None:
    for make in (SearchFilter.model_validate, lambda given: account.get_models(**given)):
        with pytest.raises(ValueError, match=r"min_runtime|max_runtime|tags?"):
            make(criteria)


@pytest.mark.slow
def test_a_folder_of_runs_is_answered_from(demo_folder: Path, tmp_path: Path) -> None:
    (run,) = demo_folder.glob("finance/301001/70437490011508")
    shutil.copy(demo_folder / "account.json", tmp_path)
    shutil.copytree(run, tmp_path / run.relative_to(demo_folder))
    with dbtAccount(artifacts=tmp_path) as account:
        models = {model.unique_id for model in account.project("finance").get_models()}
        built = {one["unique_id"] for one in json.loads((run / "step_2" / "run_results.json").read_text())["results"]}
    assert models
    assert models <= set(json.loads((run / "step_2" / "manifest.json").read_text())["nodes"])
    assert {unique_id for unique_id in built if unique_id.startswith("model.")} <= models

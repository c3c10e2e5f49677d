"""What schedulers put into the environment, as their manuals name it."""

from __future__ import annotations

import pytest

from gateway.archive.artifacts.given_facts import COMMANDS, Commit
from gateway.cli import scheduled
from gateway.cli.options import COMMANDS as WORDS

CASES = {
    "GitHub Actions, a branch": (
        {
            "GITHUB_SHA": "a1",
            "GITHUB_REF_NAME": "main",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_HEAD_REF": "",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/finance",
            "GITHUB_RUN_ID": "77",
        },
        Commit("a1", "main", "https://github.com/acme/finance/actions/runs/77"),
    ),
    "GitHub Actions, a pull request": (
        {"GITHUB_SHA": "a1", "GITHUB_REF_NAME": "12/merge", "GITHUB_HEAD_REF": "fix/x", "GITHUB_RUN_ID": "77"},
        Commit("a1", "fix/x"),
    ),
    "GitHub Actions, a tag": (
        {"GITHUB_SHA": "a1", "GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "tag"},
        Commit("a1"),
    ),
    "GitLab": (
        {"CI_COMMIT_SHA": "b2", "CI_COMMIT_REF_NAME": "main", "CI_JOB_URL": "https://gitlab.com/j/1"},
        Commit("b2", "main", "https://gitlab.com/j/1"),
    ),
    "GitLab, a tag, no job": (
        {
            "CI_COMMIT_SHA": "b2",
            "CI_COMMIT_REF_NAME": "v1",
            "CI_COMMIT_TAG": "v1",
            "CI_PIPELINE_URL": "https://gitlab.com/p/1",
        },
        Commit("b2", None, "https://gitlab.com/p/1"),
    ),
    "Azure": (
        {
            "BUILD_SOURCEVERSION": "c3",
            "BUILD_SOURCEBRANCH": "refs/heads/feature/x",
            "BUILD_SOURCEBRANCHNAME": "x",
            "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/acme/",
            "SYSTEM_TEAMPROJECT": "Data Team",
            "BUILD_BUILDID": "12",
        },
        Commit("c3", "feature/x", "https://dev.azure.com/acme/Data%20Team/_build/results?buildId=12"),
    ),
    "CircleCI": (
        {"CIRCLE_SHA1": "d4", "CIRCLE_BRANCH": "main", "CIRCLE_BUILD_URL": "https://circleci.com/gh/a/b/3"},
        Commit("d4", "main", "https://circleci.com/gh/a/b/3"),
    ),
    "Jenkins": (
        {"GIT_COMMIT": "e5", "GIT_BRANCH": "origin/main", "BUILD_URL": "https://ci.acme.com/job/f/5/"},
        Commit("e5", "main", "https://ci.acme.com/job/f/5/"),
    ),
    "Airflow 2": (
        {
            "AIRFLOW_CTX_DAG_ID": "finance",
            "AIRFLOW_CTX_DAG_RUN_ID": "scheduled__2026-03-11T05:00:00+00:00",
            "AIRFLOW__WEBSERVER__BASE_URL": "https://airflow.acme.com/",
        },
        Commit(
            url="https://airflow.acme.com/dags/finance/grid?dag_run_id=scheduled__2026-03-11T05%3A00%3A00%2B00%3A00"
        ),
    ),
    "Airflow 3": (
        {
            "AIRFLOW_CTX_DAG_ID": "finance",
            "AIRFLOW_CTX_DAG_RUN_ID": "manual__1",
            "AIRFLOW__API__BASE_URL": "https://airflow.acme.com",
        },
        Commit(url="https://airflow.acme.com/dags/finance/runs/manual__1"),
    ),
    "Dagster+": (
        {"DAGSTER_RUN_ID": "r", "DAGSTER_CLOUD_GIT_SHA": "f6", "DAGSTER_CLOUD_GIT_BRANCH": "main"},
        Commit("f6", "main"),
    ),
    "Prefect": (
        {"PREFECT__FLOW_RUN_ID": "9f", "PREFECT_UI_URL": "https://prefect.acme.com"},
        Commit(url="https://prefect.acme.com/runs/flow-run/9f"),
    ),
    "GitLab, a merge request": (
        {
            "CI_COMMIT_SHA": "b2",
            "CI_COMMIT_REF_NAME": "fix/x",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix/x",
        },
        Commit("b2", "fix/x", is_proposed=True),
    ),
    "Buildkite": (
        {
            "BUILDKITE_COMMIT": "g7",
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/finance/builds/9",
            "BUILDKITE_PULL_REQUEST": "false",
        },
        Commit("g7", "main", "https://buildkite.com/acme/finance/builds/9"),
    ),
    "Bitbucket": (
        {
            "BITBUCKET_COMMIT": "h8",
            "BITBUCKET_BRANCH": "main",
            "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.org/acme/finance",
            "BITBUCKET_BUILD_NUMBER": "3",
        },
        Commit("h8", "main", "https://bitbucket.org/acme/finance/pipelines/results/3"),
    ),
    "nothing": ({"HOME": "/root", "GITHUB_SHA": " ", "GIT_BRANCH": "\udcff"}, Commit()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_commit_comes_from_the_variables_of_a_scheduler(case: str) -> None:
    variables, expected = CASES[case]
    assert scheduled.commit_of(variables) == expected


PROPOSALS = [
    {"GITHUB_EVENT_NAME": "pull_request"},
    {"GITHUB_EVENT_NAME": "pull_request_target"},
    {"GITHUB_EVENT_NAME": "merge_group"},
    {"CI_MERGE_REQUEST_IID": "7"},
    {"CI_EXTERNAL_PULL_REQUEST_IID": "7"},
    {"SYSTEM_PULLREQUEST_PULLREQUESTID": "7"},
    {"BUILD_REASON": "PullRequest"},
    {"CIRCLE_PULL_REQUEST": "https://github.com/acme/finance/pull/7"},
    {"CIRCLE_PR_NUMBER": "7"},
    {"CHANGE_ID": "7"},
    {"BUILDKITE_PULL_REQUEST": "7"},
    {"BITBUCKET_PR_ID": "7"},
]
DEPLOYMENTS = [
    {"GITHUB_EVENT_NAME": "push"},
    {"GITHUB_EVENT_NAME": "schedule"},
    {"CI_PIPELINE_SOURCE": "schedule", "CI_MERGE_REQUEST_IID": ""},
    {"BUILD_REASON": "Schedule"},
    {"CIRCLE_PULL_REQUEST": " "},
    {"BUILDKITE_PULL_REQUEST": "false"},
    {"BUILD_URL": "https://ci.acme.com/job/f/5/"},
    {"CI": "true"},
]


@pytest.mark.parametrize("variables", PROPOSALS, ids=str)
def test_a_pipeline_of_a_pull_request_is_known_from_its_variables(variables: dict[str, str]) -> None:
    assert scheduled.commit_of(variables).is_proposed


@pytest.mark.parametrize("variables", DEPLOYMENTS, ids=str)
def test_other_pipelines_are_no_pull_requests(variables: dict[str, str]) -> None:
    assert not scheduled.commit_of(variables).is_proposed


def test_the_help_names_every_command_that_may_be_ignored() -> None:
    assert set(WORDS) == set(COMMANDS)

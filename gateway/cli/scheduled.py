"""What the options and the scheduler's own environment variables say of the run that is read."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from urllib.parse import quote

from gateway.archive.artifacts.given_facts import Commit, GivenFacts
from gateway.settings import environment_variables


def given_facts(options: argparse.Namespace) -> GivenFacts:
    """Names from the options, the commit from the scheduler's variables."""
    return GivenFacts(
        job=options.job,
        run=options.run,
        environment=options.environment,
        project=options.project,
        commit=commit_of(environment_variables()),
        ignored=options.ignore,
    )


def commit_of(variables: Mapping[str, str]) -> Commit:
    """Commit, branch and address of the run; of each the first that is reported. A tag is no branch. Whether a pull
    request started it is known from any of them."""
    known = {name: value.strip() for name, value in variables.items() if value.strip() and _is_text(value)}
    commits = [read(known) for read in _SCHEDULERS]
    return Commit(
        sha=next((commit.sha for commit in commits if commit.sha), None),
        branch=next((commit.branch for commit in commits if commit.branch), None),
        url=next((commit.url for commit in commits if commit.url), None),
        is_proposed=any(commit.is_proposed for commit in commits),
    )


def _is_text(value: str) -> bool:
    """Variables are bytes; those that are no text come with surrogates, which no archive can hold."""
    return value.isprintable()


def _github(env: Mapping[str, str]) -> Commit:
    branch = env.get("GITHUB_REF_NAME") if env.get("GITHUB_REF_TYPE") != "tag" else None
    url = _filled(env, "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}")
    event = env.get("GITHUB_EVENT_NAME", "")
    is_proposed = event.startswith("pull_request") or event == "merge_group"
    return Commit(env.get("GITHUB_SHA"), env.get("GITHUB_HEAD_REF") or branch, url, is_proposed)


def _gitlab(env: Mapping[str, str]) -> Commit:
    ref = env.get("CI_COMMIT_REF_NAME") if "CI_COMMIT_TAG" not in env else None
    branch = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or env.get("CI_COMMIT_BRANCH") or ref
    is_proposed = "CI_MERGE_REQUEST_IID" in env or "CI_EXTERNAL_PULL_REQUEST_IID" in env
    url = env.get("CI_JOB_URL") or env.get("CI_PIPELINE_URL")
    return Commit(env.get("CI_COMMIT_SHA"), branch, url, is_proposed)


def _azure(env: Mapping[str, str]) -> Commit:
    ref = env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or env.get("BUILD_SOURCEBRANCH")
    branch = env.get("BUILD_SOURCEBRANCHNAME")  # the last part of feature/x alone: asked where there is no ref
    if ref:
        branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
    collection = env.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "").rstrip("/")
    project = quote(env.get("SYSTEM_TEAMPROJECT", ""))
    url = _filled(env, "/_build/results?buildId={BUILD_BUILDID}")
    address = f"{collection}/{project}{url}" if collection and project and url else None
    is_proposed = "SYSTEM_PULLREQUEST_PULLREQUESTID" in env or env.get("BUILD_REASON") == "PullRequest"
    return Commit(env.get("BUILD_SOURCEVERSION"), branch, address, is_proposed)


def _circleci(env: Mapping[str, str]) -> Commit:
    is_proposed = "CIRCLE_PULL_REQUEST" in env or "CIRCLE_PR_NUMBER" in env
    return Commit(env.get("CIRCLE_SHA1"), env.get("CIRCLE_BRANCH"), env.get("CIRCLE_BUILD_URL"), is_proposed)


def _jenkins(env: Mapping[str, str]) -> Commit:
    branch = env.get("CHANGE_BRANCH") or env.get("GIT_BRANCH", "").removeprefix("origin/") or None
    return Commit(env.get("GIT_COMMIT"), branch, env.get("BUILD_URL"), is_proposed="CHANGE_ID" in env)


def _buildkite(env: Mapping[str, str]) -> Commit:
    """Of a build without a pull request the variable says "false"."""
    is_proposed = env.get("BUILDKITE_PULL_REQUEST", "false") != "false"
    branch = env.get("BUILDKITE_BRANCH") if "BUILDKITE_TAG" not in env else None
    return Commit(env.get("BUILDKITE_COMMIT"), branch, env.get("BUILDKITE_BUILD_URL"), is_proposed)


def _bitbucket(env: Mapping[str, str]) -> Commit:
    url = _filled(env, "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}")
    return Commit(env.get("BITBUCKET_COMMIT"), env.get("BITBUCKET_BRANCH"), url, "BITBUCKET_PR_ID" in env)


def _airflow(env: Mapping[str, str]) -> Commit:
    """Knows no commit. Airflow 3 names its address otherwise than Airflow 2."""
    quoted = {**env, **{name: quote(env[name], safe="") for name in _AIRFLOW_RUN if name in env}}
    new = _filled(quoted, "{AIRFLOW__API__BASE_URL}/dags/{AIRFLOW_CTX_DAG_ID}/runs/{AIRFLOW_CTX_DAG_RUN_ID}")
    old = "{AIRFLOW__WEBSERVER__BASE_URL}/dags/{AIRFLOW_CTX_DAG_ID}/grid?dag_run_id={AIRFLOW_CTX_DAG_RUN_ID}"
    return Commit(url=new or _filled(quoted, old))


def _dagster(env: Mapping[str, str]) -> Commit:
    """Dagster+ reports the commit; the address has no variable of Dagster's own."""
    return Commit(env.get("DAGSTER_CLOUD_GIT_SHA"), env.get("DAGSTER_CLOUD_GIT_BRANCH"))


def _prefect(env: Mapping[str, str]) -> Commit:
    known = {"PREFECT_FLOW_RUN": env.get("PREFECT__FLOW_RUN_ID") or env.get("PREFECT_FLOW_RUN_ID") or "", **env}
    return Commit(url=_filled(known, "{PREFECT_UI_URL}/runs/flow-run/{PREFECT_FLOW_RUN}"))


_AIRFLOW_RUN = ("AIRFLOW_CTX_DAG_ID", "AIRFLOW_CTX_DAG_RUN_ID")
_SCHEDULERS = (
    *(_github, _gitlab, _azure, _circleci, _jenkins, _buildkite, _bitbucket),
    *(_airflow, _dagster, _prefect),
)


def _filled(env: Mapping[str, str], template: str) -> str | None:
    """The template with its variables; None where one is missing."""
    try:
        address = template.format_map({name: value.rstrip("/") for name, value in env.items() if value})
    except KeyError:
        return None
    return address

"""Every failure has a name and says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from gateway import errors
from gateway.discovery_api import exceptions
from gateway.discovery_api.api import Job, Model, Project, Run, dbtAccount
from gateway.discovery_api.models import ModelFilter, ProjectFilter
from gateway.discovery_api.services import BaseQuery, EnvironmentService, JobService, ModelService
from tests.discovery_api.conftest import TOKEN, Tapped
from tests.serving import Call

ACCOUNT = 70403103900042
FINANCE = 201001


def cloud(url: str, token: str, account_id: int = ACCOUNT) -> dbtAccount:
    return dbtAccount(token=token, discovery_url=f"{url}/graphql", admin_url=url, account_id=account_id, timeout=5)


def test_a_token_that_dbt_knows_is_enough(served: str) -> None:
    with cloud(served, TOKEN) as account:
        assert [project.project_id for project in account.projects] == [
            "finance",
            "logistics",
            "marketing",
            "storefront",
        ]


@pytest.mark.slow
def test_a_token_for_metadata_alone_needs_the_projects_by_name(served: str) -> None:
    projects = [{"name": "Finance", "production_environment_id": FINANCE}]
    source = {"token": TOKEN, "discovery_url": f"{served}/graphql", "account_id": ACCOUNT, "projects": projects}
    with dbtAccount(**source) as account:
        assert [project.project_id for project in account.projects] == ["finance"]
        jobs = account.get_jobs()
        assert [job.job_id for job in jobs] == ["301001", "301002"]
        assert all(job.inferred and job.name is None for job in jobs)
        assert account.get_runs(1)[0].inferred
        assert account.longest_running_jobs()[0].ranked
    with pytest.raises(exceptions.ConfigurationError, match="projects"):
        dbtAccount(**{**source, "projects": None})


def test_a_wrong_token_is_named(served: str) -> None:
    with (
        cloud(served, "wrong-token") as account,
        pytest.raises(exceptions.AuthenticationError, match="DBT_SERVICE_TOKEN") as caught,
    ):
        account.get_projects()
    assert caught.value.code == "UPSTREAM_UNAUTHENTICATED"
    assert "wrong-token" not in str(caught.value), "the token is not told"


def test_a_wrong_account_is_named(served: str) -> None:
    with cloud(served, TOKEN, 1) as account, pytest.raises(exceptions.QueryRejectedError, match="URL and account"):
        account.get_projects()


def test_an_unreachable_host_is_named(unused_tcp_port: int) -> None:
    with (
        cloud(f"http://127.0.0.1:{unused_tcp_port}", TOKEN) as account,
        pytest.raises(exceptions.UnreachableHostError, match=f"127.0.0.1:{unused_tcp_port}") as caught,
    ):
        account.get_projects()
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize(
    ("ask", "error", "hint"),
    [
        (lambda account: account.project("financ"), exceptions.ProjectNotFoundError, "finance"),
        (lambda account: Project("financ", client=account.client).models, exceptions.ProjectNotFoundError, "finance"),
        (
            lambda account: account.get_models(ProjectFilter(project_ids=["financ"])),
            exceptions.ProjectNotFoundError,
            "finance",
        ),
        (lambda account: account.model("finance.rpt_ar_agin"), exceptions.ModelNotFoundError, "finance.rpt_ar_aging"),
        (
            lambda account: Model("rpt_ar_agin", "finance", client=account.client).tags,
            exceptions.ModelNotFoundError,
            "finance.rpt_ar_aging",
        ),
        (
            lambda account: account.slowest_models(filter=ModelFilter(model_ids=["finance.rpt_ar_agin"])),
            exceptions.ModelNotFoundError,
            "finance.rpt_ar_aging",
        ),
        (lambda account: account.model("model.common.dim_dates"), exceptions.AmbiguousModelError, "finance.dim_dates"),
        (lambda account: account.job(3), exceptions.JobNotFoundError, "301001"),
        (lambda account: Job("three", client=account.client).name, exceptions.InvalidArgumentError, "three"),
        (lambda account: account.run(3), exceptions.RunNotFoundError, "get_runs"),
        (lambda account: Run("3", client=account.client).status, exceptions.RunNotFoundError, "get_runs"),
        (lambda account: JobService(account.base_query()).get_job_models(3), exceptions.JobNotFoundError, "job 3"),
        (
            lambda account: EnvironmentService(account.base_query()).get_applied_state(3),
            exceptions.PermissionDeniedError,
            "token",
        ),
        (
            lambda account: ModelService(account.base_query()).get_models_applied(FINANCE, limit=501),
            exceptions.InvalidArgumentError,
            "500",
        ),
        (
            lambda account: ModelService(account.base_query()).get_model_by_name(FINANCE, "x", state="past"),
            exceptions.InvalidArgumentError,
            "Invalid state",
        ),
    ],
)
def test_unknown_ids_and_bad_arguments_are_named(
    account: dbtAccount, ask: object, error: type[exceptions.DiscoveryApiError], hint: str
) -> None:
    with pytest.raises(error, match=hint):
        ask(account)  # type: ignore[operator]  # each row is a call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, exceptions.AuthenticationError),
        (403, exceptions.PermissionDeniedError),
        (404, exceptions.QueryRejectedError),
        (429, exceptions.RateLimitedError),
        (302, exceptions.InvalidResponseError),
        (200, exceptions.InvalidResponseError),
    ],
)
def test_what_dbt_refuses_has_a_name(tapped: Tapped, status: int, error: type[exceptions.DiscoveryApiError]) -> None:
    async def refuse(call: Call) -> Response | None:
        return Response("nothing", status) if call.operation == "EnvironmentModels" else None

    tapped.tap.fault = refuse
    with pytest.raises(error):
        tapped.account.get_models()


@pytest.mark.slow
def test_a_project_that_cannot_be_read_is_not_left_out_silently(tapped: Tapped) -> None:
    def hide_finance(call: Call, answer: dict[str, object]) -> dict[str, object]:
        if call.operation != "EnvironmentModels":
            return answer
        problem = {"message": "You do not have permission to perform this action", "path": ["e0"]}
        data = answer["data"]
        assert isinstance(data, dict)
        return {"data": {**data, "e0": None}, "errors": [problem]}

    tapped.tap.rewrite = hide_finance
    with pytest.raises(exceptions.IncompleteAnswerError, match="ProjectFilter") as caught:
        tapped.account.get_models()
    (missing,) = caught.value.missing
    assert isinstance(missing.error, exceptions.PermissionDeniedError)
    left = {model.project_id for model in caught.value.answer}
    assert left | {missing.project_id} == {"finance", "logistics", "marketing", "storefront"}
    assert missing.project_id not in left


def test_a_failure_is_not_remembered(tapped: Tapped) -> None:
    async def refuse(call: Call) -> Response | None:
        return JSONResponse({}, 503)

    tapped.tap.fault = refuse
    with pytest.raises(exceptions.UnreachableHostError):
        tapped.account.get_projects()
    tapped.tap.fault = None
    assert len(tapped.account.get_projects()) == 4


@pytest.mark.slow
def test_a_look_back_that_is_too_short_warns(tapped: Tapped) -> None:
    (row,) = (run.to_record() for run in tapped.account.get_runs(1))

    def repeat(call: Call, answer: dict[str, object]) -> dict[str, object]:
        if call.operation != "runs":
            return answer
        numbers = range(600)[int(call.query["offset"]) :][: int(call.query["limit"])]
        ids = {"job_definition_id": int(row.job_id), "environment_id": FINANCE}
        many = [{"id": int(row.run_id) - number, "status": 30, **ids} for number in numbers]
        return {"data": many, "extra": {"pagination": {"count": len(many), "total_count": 600}}}

    tapped.account.invalidate()
    tapped.tap.rewrite = repeat
    with pytest.warns(exceptions.IncompleteAnswerWarning, match="newest 500 runs"):
        tapped.account.get_runs(5, tags=["no such tag"])


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        ({"token": "x"}, exceptions.ConfigurationError, "discovery_url"),
        (
            {"discovery_url": "https://x.metadata.us1.dbt.com/graphql"},
            exceptions.ConfigurationError,
            "DBT_SERVICE_TOKEN",
        ),
        ({"artifacts": "a", "store_url": "sqlite:///b"}, exceptions.ConfigurationError, "not both"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(
    options: dict[str, str], error: type[exceptions.DiscoveryApiError], hint: str
) -> None:
    with pytest.raises(error, match=hint):
        dbtAccount(**options)


def test_folders_without_artifacts_are_named(tmp_path: Path) -> None:
    with dbtAccount(artifacts=tmp_path) as account, pytest.raises(exceptions.UnreadableArtifactsError):
        account.get_projects()
    (tmp_path / "manifest.json").write_text(json.dumps([]))
    with dbtAccount(artifacts=tmp_path) as account, pytest.raises(exceptions.DiscoveryApiError):
        account.get_projects()


def test_a_store_that_cannot_be_opened_is_named() -> None:
    with (
        dbtAccount(store_url="sqlite:////no/such/folder/runs.db") as account,
        pytest.raises(exceptions.ConfigurationError, match="no/such/folder"),
    ):
        account.get_projects()


def test_services_without_a_token_name_the_variable() -> None:
    with pytest.raises(ValueError, match="DBT_SERVICE_TOKEN") as caught:
        BaseQuery()
    assert isinstance(caught.value, exceptions.MissingTokenError)


def test_every_failure_of_the_gateway_has_a_name_here() -> None:
    def kinds(failure: type[errors.GatewayError]) -> list[type[errors.GatewayError]]:
        below = (kind for kind in failure.__subclasses__() if kind.__module__ == errors.__name__)
        return [failure, *(one for kind in below for one in kinds(kind))]

    for kind in kinds(errors.UpstreamError):
        assert isinstance(exceptions.named(kind("why")), exceptions.UpstreamError)
    names = {kind: type(exceptions.named(kind("why"))) for kind in kinds(errors.UpstreamError)}
    assert len(set(names.values())) == len(names)

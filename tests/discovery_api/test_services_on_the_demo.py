"""The services against the local platform, and the text of the queries they build."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import build_schema, parse, validate

import gateway.local_platform
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.exceptions import AuthenticationError, UnreachableHostError
from gateway.discovery_api.services import BaseQuery, EnvironmentService, JobService, ModelService
from gateway.discovery_api.services.selection import EnumValue, Operation
from tests.discovery_api.conftest import TOKEN, Tapped
from tests.oracle.account import Oracle

DAILY = 301001
FINANCE = 201001

# What the design prints for one model of a job.
SHAPE = {
    "name": str,
    "unique_id": str,
    "description": str,
    "tags": list,
    "resource_type": str,
    "database": str,
    "schema": str,
    "alias": str,
    "run_id": int,
    "job_id": int,
    "invocation_id": str,
    "thread_id": str,
    "run_generated_at": str,
    "compile_started_at": str,
    "compile_completed_at": str,
    "execute_started_at": str,
    "execute_completed_at": str,
    "execution_time": float,
    "run_elapsed_time": float,
    "status": str,
    "error": type(None),
    "skip": bool,
    "raw_sql": str,
    "compiled_sql": str,
    "raw_code": str,
    "compiled_code": str,
}


def test_the_example_of_the_design_prints_that_shape(account: dbtAccount, oracle: Oracle) -> None:
    service = JobService(account.base_query())
    run = oracle.job(DAILY).runs[0]
    assert service.get_job_metadata(job_id=DAILY) == {"id": DAILY, "run_id": run.id}
    answer = service.get_job_models(job_id=DAILY)
    assert list(answer) == ["models"]
    assert [one["unique_id"] for one in answer["models"]] == sorted(run.manifests[-1].models)
    for one in answer["models"]:
        if one["status"] == "success" and one["unique_id"] != "model.common.dim_dates":
            assert {name: type(value) for name, value in one.items()} == SHAPE
    times = {one["unique_id"]: one["execution_time"] for one in answer["models"] if one["status"] is not None}
    assert times == {unique_id: one.execution_time for unique_id, one in run.results.items()}


def test_code_can_be_left_out(account: dbtAccount) -> None:
    answer = JobService(account.base_query()).get_job_models(DAILY, include_all=True, include_code=False)
    assert all("raw_sql" not in one and "status" in one for one in answer["models"])


@pytest.mark.slow
def test_models_and_tests_of_a_job_are_one_request(tapped: Tapped) -> None:
    service = JobService(tapped.account.base_query())
    tapped.account.get_projects()
    tapped.asked()
    answer = service.get_job_with_models_and_tests(DAILY)
    assert list(tapped.asked().values()) == [1]
    assert list(answer) == ["id", "run_id", "models", "tests"]
    assert answer["models"] == service.get_job_models(DAILY)["models"]
    assert answer["tests"] == service.get_job_tests(DAILY)["tests"]
    one = answer["tests"][0]
    assert service.get_job_test_by_unique_id(DAILY, one["unique_id"]) == one
    assert service.get_job_model_by_unique_id(DAILY, "model.finance.nothing") is None
    assert service.get_job_model_by_unique_id(DAILY, answer["models"][0]["unique_id"]) == answer["models"][0]


def test_environments_of_the_demo(account: dbtAccount, oracle: Oracle) -> None:
    service = EnvironmentService(account.base_query())
    assert service.get_environment_metadata(FINANCE) == {"dbt_project_name": "finance", "adapter_type": "duckdb"}
    applied, definition = service.get_applied_state(FINANCE), service.get_definition_state(FINANCE)
    count = len(oracle.project("finance").models)
    assert applied["resource_counts"]["model"] == definition["resource_counts"]["model"] == count
    assert set(applied) == {"last_updated_at", "resource_counts", "latest_git_sha"}
    assert set(definition) == {"last_updated_at", "resource_counts"}


@pytest.mark.slow
def test_models_of_the_demo_over_several_pages(account: dbtAccount, oracle: Oracle) -> None:
    service = ModelService(account.base_query())
    expected = {model.unique_id: model for model in oracle.project("finance").models}
    for models in (service.get_models_applied(FINANCE, limit=3), service.get_models_applied(FINANCE)):
        assert {model.unique_id for model in models} == expected.keys()
        assert len(models) == len(expected)
    applied = {model.unique_id: model for model in service.get_models_applied(FINANCE)}
    for unique_id, one in expected.items():
        info = applied[unique_id].execution_info
        assert (info or {}).get("execution_time") == one.runtime
        assert applied[unique_id].materialized_type == one.node.materialization
    defined = service.get_models_definition(FINANCE, limit=5)
    assert {model.unique_id: model.raw_code for model in defined}.keys() == expected.keys()
    assert {(model.environment_id, model.resource_type) for model in defined} == {(FINANCE, "model")}
    named = service.get_model_by_name(FINANCE, "rpt_ar_aging", state="definition")
    assert named is not None
    assert named.unique_id == "model.finance.rpt_ar_aging"


def test_histories_of_the_demo(account: dbtAccount, oracle: Oracle) -> None:
    service = ModelService(account.base_query())
    names = ["rpt_ar_aging", "rpt_trial_balance", "nothing"]
    found = service.get_multiple_models_historical_runs(FINANCE, names, last_run_count=4)
    for name in names[:2]:
        history = oracle.model(f"finance.{name}").history[:4]
        assert [run.run_id for run in found[name]] == [str(one.run.id) for one in history]
        assert [run.execution_time for run in found[name] if run.status == "success"] == [
            one.result.execution_time for one in history if one.result.succeeded
        ]
    assert found["nothing"] == []
    options = {"include_code": True, "include_dependencies": True}
    (run,) = service.get_model_historical_runs(FINANCE, "rpt_ar_aging", last_run_count=1, options=options)
    assert run.raw_code == oracle.model("finance.rpt_ar_aging").node.raw_code
    assert run.depends_on
    assert run.status is None


def test_a_service_over_its_own_connection(served: str, caplog: pytest.LogCaptureFixture) -> None:
    with BaseQuery(TOKEN, f"{served}/graphql") as query:
        operation, job = query.create_job_query(DAILY)
        job.run_id()
        with caplog.at_level(logging.WARNING, "dbt_discovery_api"):
            plain = query.execute(operation)
        assert query.execute(operation, return_query=True) == {**plain, "query": str(operation)}
    assert caplog.records == []


class Tardy:
    """An endpoint that takes 1.5 s by its own clock."""

    def __init__(self) -> None:
        self.moments: Iterator[float] = iter([0.0, 1.5])

    def monotonic(self) -> float:
        return next(self.moments)

    def __call__(self, query: str) -> dict[str, Any]:
        return {"data": {}}

    def close(self) -> None:
        pass


def test_a_slow_query_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    tardy = Tardy()
    module = sys.modules["gateway.discovery_api.services.BaseQuery"]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=tardy.monotonic))
    with BaseQuery(TOKEN) as query, caplog.at_level(logging.WARNING, "dbt_discovery_api"):
        query.client = tardy
        query.execute(query.create_job_query(DAILY)[0])
    assert [record.getMessage() for record in caplog.records] == ["query took 1.50 s: query { job(id: 301001) }"]


def test_a_token_may_come_from_the_environment(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_SERVICE_TOKEN", TOKEN)
    with BaseQuery(endpoint=f"{served}/graphql") as query:
        assert JobService(query).get_job_metadata(DAILY)["id"] == DAILY


def test_a_wrong_token_or_address_is_named(served: str, unused_tcp_port: int) -> None:
    with BaseQuery("wrong", f"{served}/graphql") as query, pytest.raises(AuthenticationError):
        JobService(query).get_job_metadata(DAILY)
    with BaseQuery(TOKEN, f"http://127.0.0.1:{unused_tcp_port}") as query, pytest.raises(UnreachableHostError):
        JobService(query).get_job_metadata(DAILY)


def test_a_selection_is_written_as_graphql() -> None:
    operation = Operation()
    job = operation.job(__alias__="mine", id=5)
    job.models(first=2, after='a"\n').unique_id()
    job.run_id()
    job.tests.column_name()
    job.tests.unique_id()
    operation.environment(id=3).definition.resources(filter={"types": [EnumValue("Model")], "tags": ["é"]}).edges.node()
    assert str(operation) == (
        'query { mine: job(id: 5) { models(first: 2, after: "a\\"\\n") { uniqueId } runId '
        "tests { columnName uniqueId } } "
        'environment(id: 3) { definition { resources(filter: {types: [Model], tags: ["é"]}) { edges { node } } } } }'
    )


@pytest.mark.slow
def test_the_queries_of_the_services_fit_the_schema_of_dbt(tapped: Tapped) -> None:
    query = tapped.account.base_query()
    tapped.account.get_projects()
    tapped.asked()
    JobService(query).get_job_with_models_and_tests(DAILY)
    EnvironmentService(query).get_definition_state(FINANCE)
    models = ModelService(query)
    models.get_models_applied(FINANCE)
    models.get_models_definition(FINANCE)
    options = dict.fromkeys(("include_metadata", "include_execution", "include_status", "include_dbt_metadata"), True)
    models.get_model_historical_runs(
        FINANCE, "rpt_ar_aging", options={**options, "include_code": True, "include_dependencies": True}
    )
    folder = Path(next(iter(gateway.local_platform.__path__)))
    schema = build_schema((folder / "discovery.graphql").read_text("utf-8"))
    documents = [call.document for call in tapped.tap.calls]
    assert len(documents) == 5
    for document in documents:
        assert validate(schema, parse(document)) == []

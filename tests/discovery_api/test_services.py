"""The services with a BaseQuery in their place of test, as their callers' own tests use them."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest

from gateway.discovery_api.exceptions import (
    EnvironmentNotFoundError,
    InvalidResponseError,
    JobNotFoundError,
    PermissionDeniedError,
    QueryTooComplexError,
)
from gateway.discovery_api.services import BaseQuery, EnvironmentService, JobService, ModelService
from gateway.discovery_api.services.BaseQuery import BaseQuery as FromItsModule

BUILDERS = (
    "create_job_query",
    "create_environment_query",
    "create_applied_state_query",
    "create_definition_state_query",
)

RUN_METADATA = ("run_id", "job_id", "invocation_id", "thread_id")
CODE = ("raw_sql", "compiled_sql", "raw_code", "compiled_code")
STATUS = ("status", "error", "skip")
DATABASE = ("database", "schema", "alias")
TIMING = ("run_generated_at", "execute_started_at", "execution_time", "run_elapsed_time")
ALWAYS = ("name", "unique_id", "description", "tags", "resource_type")


class Stage:
    """A BaseQuery that answers what it is told, with the operation and the selection that it hands out."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.query = MagicMock(spec=BaseQuery)
        self.operation, self.selection = MagicMock(), MagicMock()
        for builder in BUILDERS:
            getattr(self.query, builder).return_value = (self.operation, self.selection)
        self.query.execute.side_effect = answers


def test_the_class_has_two_addresses() -> None:
    assert FromItsModule is BaseQuery


def test_job_metadata() -> None:
    stage = Stage({"data": {"job": {"id": 7, "runId": 70}}})
    assert JobService(stage.query).get_job_metadata(7) == {"id": 7, "run_id": 70}
    stage.query.create_job_query.assert_called_once_with(7)
    stage.selection.id.assert_called_once_with()
    stage.selection.run_id.assert_called_once_with()
    stage.query.execute.assert_called_once_with(stage.operation)


def test_job_models_with_everything_by_default() -> None:
    stage = Stage({"data": {"job": {"models": [{"uniqueId": "model.a.b", "runElapsedTime": 1.5}]}}})
    assert JobService(stage.query).get_job_models(7) == {
        "models": [{"unique_id": "model.a.b", "run_elapsed_time": 1.5}]
    }
    stage.selection.models.assert_called_once_with()
    for field in (*ALWAYS, *RUN_METADATA, *CODE, *STATUS, *DATABASE, *TIMING):
        getattr(stage.selection.models.return_value, field).assert_called_once_with()
    stage.query.execute.assert_called_once_with(stage.operation)


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ({"include_code": True}, CODE),
        ({"include_code": False}, ()),
        ({"include_all": True, "include_code": False}, (*RUN_METADATA, *STATUS, *DATABASE, *TIMING)),
        ({"include_all": False}, ()),
        ({"include_all": False, "include_status": True}, STATUS),
        ({"include_database": True, "include_run_metadata": True}, (*DATABASE, *RUN_METADATA)),
        ({"include_status": True, "something_else": True}, STATUS),
        ({"something_else": True}, (*RUN_METADATA, *CODE, *STATUS, *DATABASE, *TIMING)),
    ],
)
def test_groups_of_fields_are_chosen_by_name(options: dict[str, bool], selected: tuple[str, ...]) -> None:
    stage = Stage({"data": {"job": {"models": []}}})
    JobService(stage.query).get_job_models(7, **options)
    models = stage.selection.models.return_value
    for field in (*RUN_METADATA, *CODE, *STATUS, *DATABASE, *TIMING):
        assert getattr(models, field).call_count == (field in selected), field
    for field in ALWAYS:
        getattr(models, field).assert_called_once_with()


@pytest.mark.slow
def test_the_database_group_means_nothing_to_tests() -> None:
    stage = Stage({"data": {"job": {"id": 7, "runId": 70, "models": [], "tests": []}}})
    JobService(stage.query).get_job_with_models_and_tests(7, include_database=True)
    models, tests = stage.selection.models.return_value, stage.selection.tests.return_value
    models.status.assert_not_called()
    models.database.assert_called_once_with()
    for field in ("status", "state", "warn", "fail", "column_name", "raw_sql"):
        getattr(tests, field).assert_called_once_with()
    tests.database.assert_not_called()
    tests.thread_id.assert_not_called()


def test_return_query_goes_to_execute_and_nothing_else_does() -> None:
    stage = Stage({"data": {"job": {"tests": []}}, "query": "…"})
    assert JobService(stage.query).get_job_tests(7, return_query=True, include_status=True) == {"tests": []}
    stage.query.execute.assert_called_once_with(stage.operation, return_query=True)


@pytest.mark.parametrize("kind", ["model", "test"])
@pytest.mark.parametrize("answer", [None, {}])
def test_a_node_that_is_not_there_is_none(kind: str, answer: object) -> None:
    stage = Stage({"data": {"job": {kind: answer}}})
    service = JobService(stage.query)
    find = service.get_job_model_by_unique_id if kind == "model" else service.get_job_test_by_unique_id
    assert find(7, f"{kind}.a.b") is None
    getattr(stage.selection, kind).assert_called_once_with(unique_id=f"{kind}.a.b")


def test_keys_become_snake_case_all_the_way_down_but_not_inside_json_scalars() -> None:
    node = {"uniqueId": "model.a.b", "meta": {"ownerTeam": "x"}, "nested": [{"innerKey": {"deepKey": [1, "aB"]}}]}
    stage = Stage({"data": {"job": {"model": node}}})
    assert JobService(stage.query).get_job_model_by_unique_id(7, "model.a.b") == {
        "unique_id": "model.a.b",
        "meta": {"ownerTeam": "x"},
        "nested": [{"inner_key": {"deep_key": [1, "aB"]}}],
    }


def test_a_full_page_of_a_job_is_read_on() -> None:
    first = [{"uniqueId": f"model.a.m{n}", "paginationCursor": f"c{n}"} for n in range(100)]
    stage = Stage({"data": {"job": {"models": first}}}, {"data": {"job": {"models": [{"uniqueId": "model.a.last"}]}}})
    models = JobService(stage.query).get_job_models(7, include_status=True)["models"]
    assert len(models) == 101
    assert models[-1] == {"unique_id": "model.a.last"}
    assert models[0] == {"unique_id": "model.a.m0"}, "the cursor was not asked for by the caller"
    stage.selection.models.assert_called_with(first=100, after="c99")


@pytest.mark.parametrize(
    ("envelope", "error"),
    [
        ({"data": {"job": None}}, JobNotFoundError),
        ({"data": None}, JobNotFoundError),
        (
            {"data": {"job": None}, "errors": [{"message": "You do not have permission to perform this action"}]},
            PermissionDeniedError,
        ),
    ],
)
def test_a_job_that_is_not_there_is_an_exception(envelope: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        JobService(Stage(envelope).query).get_job_models(7)


def test_a_list_that_is_not_whole_is_an_exception() -> None:
    problem = {"message": "This query exceeds the complexity limit.", "path": ["job", "tests"]}
    stage = Stage({"data": {"job": {"id": 7, "runId": 70, "models": [], "tests": None}}, "errors": [problem]})
    with pytest.raises(QueryTooComplexError):
        JobService(stage.query).get_job_with_models_and_tests(7)


def test_environments() -> None:
    stage = Stage(
        {"data": {"environment": {"dbtProjectName": "finance", "adapterType": "duckdb"}}},
        {"data": {"environment": {"applied": {"lastUpdatedAt": "t", "resourceCounts": {"unitTest": 1}}}}},
        {"data": {"environment": {"definition": {"lastUpdatedAt": "t", "resourceCounts": {}}}}},
        {"data": {"environment": {"applied": None}}},
    )
    service = EnvironmentService(stage.query)
    assert service.get_environment_metadata(3) == {"dbt_project_name": "finance", "adapter_type": "duckdb"}
    assert service.get_applied_state(3) == {"last_updated_at": "t", "resource_counts": {"unitTest": 1}}
    assert service.get_definition_state(3, return_query=True) == {"last_updated_at": "t", "resource_counts": {}}
    stage.query.execute.assert_called_with(stage.operation, return_query=True)
    stage.selection.latest_git_sha.assert_called_once_with()
    with pytest.raises(EnvironmentNotFoundError, match="environment 3"):
        service.get_applied_state(3)


def page(names: list[str], *, more: bool = False, cursor: str | None = None, snake: bool = False) -> dict[str, Any]:
    info = {"has_next_page": more, "end_cursor": cursor} if snake else {"hasNextPage": more, "endCursor": cursor}
    edges = [{"node": {"name": name, "uniqueId": f"model.a.{name}", "schema": "s"}} for name in names]
    return {
        "data": {"environment": {"applied": {"models": {"edges": edges, "page_info" if snake else "pageInfo": info}}}}
    }


@pytest.mark.parametrize("snake", [False, True])
def test_models_of_all_pages(snake: bool) -> None:
    stage = Stage(page(["x", "y"], more=True, cursor="c", snake=snake), page(["z"], snake=snake))
    models = ModelService(stage.query).get_models_applied(3, limit=2)
    assert [(model.name, model.unique_id, model.db_schema) for model in models] == [
        ("x", "model.a.x", "s"),
        ("y", "model.a.y", "s"),
        ("z", "model.a.z", "s"),
    ]
    assert [call.kwargs for call in stage.selection.models.call_args_list] == [{"first": 2}, {"first": 2, "after": "c"}]
    info = stage.selection.models.return_value.page_info.return_value
    assert info.has_next_page.call_count == info.has_previous_page.call_count == 2
    stage.selection.models.return_value.edges.node.assert_called_with()


def test_a_page_that_leads_nowhere_is_an_exception() -> None:
    with pytest.raises(InvalidResponseError):
        ModelService(Stage(page(["x"], more=True)).query).get_models_applied(3)


def test_the_first_page_has_300_rows_unless_told_otherwise() -> None:
    stage = Stage(page([]))
    assert ModelService(stage.query).get_models_applied(3) == []
    stage.selection.models.assert_called_once_with(first=300)


def test_models_by_name() -> None:
    assert getattr(ModelService(Stage(page(["x", "y"])).query).get_model_by_name(3, "y"), "name", None) == "y"
    assert ModelService(Stage(page(["x"])).query).get_model_by_name(3, "y") is None


RUN = {"name": "x", "runId": 376739307, "jobId": "7", "executionTime": 1.5, "status": "success", "skip": False}


def test_historical_runs_take_ids_as_numbers_and_as_text() -> None:
    stage = Stage({"data": {"environment": {"applied": {"modelHistoricalRuns": [RUN]}}}})
    (run,) = ModelService(stage.query).get_model_historical_runs(3, "x", last_run_count=4)
    assert (run.run_id, run.job_id, run.execution_time, run.skip) == ("376739307", "7", 1.5, False)
    stage.selection.model_historical_runs.assert_called_once_with(identifier="x", last_run_count=4)
    selected = stage.selection.model_historical_runs.return_value
    selected.tags.assert_called_once_with()
    selected.raw_code.assert_not_called()
    selected.depends_on.assert_not_called()


def test_options_of_historical_runs_replace_the_defaults() -> None:
    stage = Stage({"data": {"environment": {"applied": {"model_historical_runs": []}}}})
    options = {"include_code": True, "include_dependencies": True}
    assert ModelService(stage.query).get_model_historical_runs(3, "x", options=options) == []
    selected = stage.selection.model_historical_runs.return_value
    for field in ("raw_code", "language", "schema", "depends_on", "name"):
        getattr(selected, field).assert_called_once_with()
    for field in ("tags", "status", "run_id", "owner"):
        getattr(selected, field).assert_not_called()


def test_histories_of_several_models_are_one_request() -> None:
    stage = Stage({"data": {"environment": {"applied": {"model_0": [RUN, RUN], "model_1": []}}}})
    found = ModelService(stage.query).get_multiple_models_historical_runs(3, ["x", "y"], last_run_count=2)
    assert {name: len(runs) for name, runs in found.items()} == {"x": 2, "y": 0}
    assert stage.query.execute.call_count == 1
    assert ModelService(stage.query).get_multiple_models_historical_runs(3, []) == {}

"""Models: their latest state, their code, their runs and the jobs that build them, against the artifacts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.oracle.account import Model, Oracle
from tests.oracle.artifacts import FAILED, Result, Run
from tests.serving import Gateway

STATE = "id uniqueId name packageName tags materialization runtime startTime endTime lastRunStatus lastRunError"
OPTIONAL = "description database schema relationName access group version filePath meta"


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def status(word: str) -> str:
    return "FAILURE" if word in FAILED else word.upper()


def state(model: Model) -> dict[str, Any]:
    success, last = model.success, model.last
    return {
        "id": model.id,
        "uniqueId": model.unique_id,
        "name": model.node.name,
        "packageName": model.node.package,
        "tags": list(model.node.tags),
        "materialization": model.node.materialization,
        "runtime": success.result.execution_time if success else None,
        "startTime": iso(success.result.start) if success else None,
        "endTime": iso(success.result.end) if success else None,
        "lastRunStatus": status(last.result.status) if last else None,
        "lastRunError": last.result.error if last else None,
    }


def attempt(run: Run, result: Result) -> dict[str, Any]:
    return {
        "uniqueId": result.unique_id,
        "runId": str(run.id),
        "jobId": str(run.job_id),
        "status": status(result.status),
        "statusText": result.status,
        "runtime": result.runtime,
        "startTime": iso(result.start),
        "endTime": iso(result.end),
        "error": result.error,
        "thread": result.thread,
        "tags": list(result.node.tags),
        "materialization": result.node.materialization,
    }


ATTEMPT = "uniqueId runId jobId status statusText runtime startTime endTime error thread tags materialization"


async def test_every_model_shows_its_last_success_and_its_last_attempt(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(f"{{ account {{ models(first: 100) {{ totalCount nodes {{ {STATE} }} }} }} }}")
    assert data["account"]["models"]["totalCount"] == 52
    assert data["account"]["models"]["nodes"] == [state(model) for model in oracle.models]


async def test_a_failed_attempt_leaves_the_last_success_in_place(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        f'{{ failed: model(id: "finance.int_gl_balances") {{ {STATE} }} '
        f'skipped: model(id: "finance.rpt_trial_balance") {{ {STATE} }} }}'
    )
    failed, skipped = oracle.model("finance.int_gl_balances"), oracle.model("finance.rpt_trial_balance")
    assert data == {"failed": state(failed), "skipped": state(skipped)}
    assert data["failed"]["lastRunStatus"] == "FAILURE"
    assert "Error" in data["failed"]["lastRunError"]
    assert data["skipped"]["lastRunStatus"] == "SKIPPED"
    assert data["skipped"]["runtime"] > 0


async def test_an_ephemeral_model_has_no_runs_and_no_runtime(answers: Gateway) -> None:
    data = await answers.data(
        '{ model(id: "marketing.int_touches") '
        "{ materialization runtime lastRunStatus runs { totalCount nodes { runId } } jobs { nodes { id } } } }"
    )
    assert data["model"] == {
        "materialization": "ephemeral",
        "runtime": None,
        "lastRunStatus": None,
        "runs": {"totalCount": 0, "nodes": []},
        "jobs": {"nodes": []},
    }


async def test_what_the_manifest_says_of_a_model_is_shown_when_asked_for(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(f"{{ account {{ models(first: 100) {{ nodes {{ id {OPTIONAL} }} }} }} }}")
    assert data["account"]["models"]["nodes"] == [
        {
            "id": model.id,
            "description": model.node.description,
            "database": model.node.database,
            "schema": model.node.schema,
            "relationName": model.node.relation,
            "access": model.node.access and model.node.access.upper(),
            "group": model.node.group,
            "version": model.node.version,
            "filePath": model.node.path,
            "meta": model.node.meta,
        }
        for model in oracle.models
    ]


async def test_code_is_shown_as_written_and_as_compiled(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data("{ account { models(first: 100) { nodes { id rawCode compiledCode } } } }")
    assert data["account"]["models"]["nodes"] == [
        {
            "id": model.id,
            "rawCode": model.node.raw_code,
            "compiledCode": model.compiled_code,
        }
        for model in oracle.models
    ]


@pytest.mark.slow
async def test_the_history_of_every_model_is_complete_and_newest_first(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        f"{{ account {{ models(first: 100) {{ nodes {{ id runs(first: 100) {{ "
        f"totalCount nodes {{ {ATTEMPT} }} }} }} }} }} }}"
    )
    assert data["account"]["models"]["nodes"] == [
        {
            "id": model.id,
            "runs": {
                "totalCount": len(model.history),
                "nodes": [attempt(one.run, one.result) for one in model.history],
            },
        }
        for model in oracle.models
    ]


@pytest.mark.parametrize("first", [1, 2, 7])
async def test_the_first_runs_of_a_model_are_its_newest(answers: Gateway, oracle: Oracle, first: int) -> None:
    data = await answers.data(
        'query($first: Int) { model(id: "marketing.int_sessions") { runs(first: $first) '
        "{ totalCount nodes { runId } pageInfo { hasNextPage } } } }",
        first=first,
    )
    history = oracle.model("marketing.int_sessions").history
    assert data["model"]["runs"] == {
        "totalCount": len(history),
        "nodes": [{"runId": str(one.run.id)} for one in history[:first]],
        "pageInfo": {"hasNextPage": True},
    }


@pytest.mark.slow
async def test_two_lengths_of_one_history_in_one_request_do_not_shorten_each_other(
    gateway: Gateway, oracle: Oracle
) -> None:
    data = await gateway.data(
        '{ model(id: "marketing.int_sessions") '
        "{ short: runs(first: 2) { nodes { runId } } long: runs(first: 12) { nodes { runId } } } }"
    )
    history = [{"runId": str(one.run.id)} for one in oracle.model("marketing.int_sessions").history]
    assert data["model"] == {"short": {"nodes": history[:2]}, "long": {"nodes": history[:12]}}


async def test_jobs_that_build_a_model_and_models_that_a_job_builds_agree(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        "{ account { models(first: 100) { nodes { id jobs { totalCount nodes { id } } } } "
        "jobs { nodes { id models { totalCount nodes { id } } } } } }"
    )
    assert data["account"]["models"]["nodes"] == [
        {"id": model.id, "jobs": {"totalCount": len(building), "nodes": [{"id": str(job.id)} for job in building]}}
        for model in oracle.models
        for building in [oracle.jobs_building(model)]
    ]
    assert data["account"]["jobs"]["nodes"] == [
        {"id": str(job.id), "models": {"totalCount": len(built), "nodes": [{"id": model.id} for model in built]}}
        for job in oracle.production_jobs
        for built in [oracle.models_built_by(job)]
    ]


async def test_a_model_knows_its_project_and_its_runs_know_run_and_model(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ model(id: "finance.rpt_ar_aging") { project { id environmentId } '
        "runs(first: 1) { nodes { run { id runtime job { id project { id } } } model { id } } } } }"
    )
    (newest, *_) = oracle.model("finance.rpt_ar_aging").history
    assert data["model"] == {
        "project": {"id": "finance", "environmentId": "201001"},
        "runs": {
            "nodes": [
                {
                    "run": {
                        "id": str(newest.run.id),
                        "runtime": newest.run.runtime,
                        "job": {"id": str(newest.run.job_id), "project": {"id": "finance"}},
                    },
                    "model": {"id": "finance.rpt_ar_aging"},
                }
            ]
        },
    }


async def test_a_staging_model_is_found_in_staging_only_with_staging_runs(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ model(id: "finance.stg_payments", environment: STAGING) '
        "{ runtime runs { totalCount nodes { runId } } jobs { nodes { id } } } }"
    )
    model = next(one for one in oracle.staging[0].models if one.id == "finance.stg_payments")
    assert data["model"] == {
        "runtime": model.runtime,
        "runs": {
            "totalCount": len(model.history),
            "nodes": [{"runId": str(one.run.id)} for one in model.history],
        },
        "jobs": {"nodes": [{"id": "301003"}]},
    }


async def test_the_last_success_is_one_run_whose_figures_belong_together(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        f"{{ account {{ models(first: 100) {{ nodes {{ id runtime lastSuccess {{ id {ATTEMPT} }} }} }} }} }}"
    )
    for shown in data["account"]["models"]["nodes"]:
        model = oracle.model(shown["id"])
        expected = model.success and {
            "id": f"{model.success.run.id}/{model.unique_id}",
            **attempt(model.success.run, model.success.result),
        }
        assert shown["lastSuccess"] == expected
        assert shown["runtime"] == (expected and expected["runtime"])
    assert any(model.success and model.last and model.success.run != model.last.run for model in oracle.models)

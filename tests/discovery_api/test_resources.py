"""Model, Job and Run: every attribute and method, against the artifacts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from gateway.discovery_api.api import Job, Model, Project, Run, dbtAccount
from gateway.discovery_api.exceptions import (
    AmbiguousResourceError,
    InvalidArgumentError,
    ResourceNotFoundError,
)
from gateway.discovery_api.models import ModelFilter, RunStatus, SearchFilter
from tests.discovery_api.conftest import Tapped
from tests.oracle.account import Job as ExpectedJob
from tests.oracle.account import Oracle, meets
from tests.oracle.artifacts import Result
from tests.oracle.artifacts import Run as ExpectedRun
from tests.oracle.failures import read_failures, sentence
from tests.oracle.nodes import read_results
from tests.serving import Call

JOBS = [301001, 301002, 301003, 302001, 302002, 302003, 303001, 303002, 303003, 304001, 304002, 304003]
STATUS = {10: RunStatus.success, 20: RunStatus.failure, 30: RunStatus.cancelled}
WORDS = {"success": "success", "error": "failure", "partial success": "failure", "skipped": "skipped"}


def counting(run: ExpectedRun) -> dict[str, Result]:
    """The models that succeeded in a run."""
    return {unique_id: one for unique_id, one in run.results.items() if one.succeeded}


def ended(job: ExpectedJob, last: int) -> list[ExpectedRun]:
    return [run for run in job.runs if run.is_completed][:last]


def names(oracle: Oracle, environment_id: int) -> dict[str, str]:
    projects = (*oracle.production, *oracle.staging)
    return {
        model.unique_id: model.id
        for project in projects
        if project.environment_id == environment_id
        for model in project.models
    }


# Results of a run


def test_the_results_of_a_run_are_those_of_the_files(account: dbtAccount, oracle: Oracle, demo_folder: Path) -> None:
    run_id = next(run.id for run in reversed(oracle.runs) if run.record["status"] == 20)
    (folder,) = demo_folder.glob(f"*/*/{run_id}")
    expected = [one for _, one in sorted(read_results(folder).items())]
    (run,) = (one for one in account.get_runs(500) if one.run_id == str(run_id))
    assert [
        (one.unique_id, one.status.upper(), one.runtime, one.message, one.failing_rows, one.age_seconds)
        for one in run.get_node_results()
    ] == [(one.unique_id, one.status, one.runtime, one.message, one.failing_rows, one.age) for one in expected]
    bad = run.get_node_results(["test", "model"], [RunStatus.failure])
    assert [one.unique_id for one in bad] == [
        one.unique_id for one in expected if one.resource_type in ("MODEL", "DATA_TEST") and one.status == "FAILURE"
    ]
    for wrong in ("test", ["tests"], ["macro"]):
        with pytest.raises(InvalidArgumentError):
            run.get_node_results(wrong)


@pytest.mark.slow
def test_a_run_says_why_it_failed(account: dbtAccount, demo_folder: Path) -> None:
    folders = {int(path.parent.name): path.parent for path in demo_folder.glob("*/*/*/run.json")}
    run = next(one for one in account.get_runs(500) if one.status == RunStatus.failure and one.get_newly_broken())
    expected = read_failures(folders[int(run.run_id)], read_results(folders[int(run.run_id)]))
    found = run.get_failures()
    assert [(one.message, [skipped.unique_id for skipped in one.skipped]) for one in found] == [
        (one.message, list(one.skipped)) for one in expected
    ]
    assert run.error == sentence(expected)
    broken = [one.unique_id for one in run.get_newly_broken()]
    assert broken == [one.result.unique_id for one in found if one.result and one.is_new]
    assert {one.failing_since for one in found if one.is_new} == {run.run_id}
    assert isinstance(run.get_recovered(), list)
    assert run.title.endswith(" UTC")


def test_a_project_and_a_model_have_resources_around_them(account: dbtAccount, oracle: Oracle) -> None:
    project = account.project("finance")
    seeds = project.get_resources(["seed"])
    assert seeds
    assert [(one.resource_id, one.resource_type) for one in seeds] == [
        (f"finance/{one.unique_id}", "seed") for one in sorted(seeds, key=lambda one: one.unique_id)
    ]
    assert [one.unique_id for one in project.get_resources(["model"])] == sorted(
        model.unique_id for model in oracle.project("finance").models
    )
    model = next(one for one in project.models if one.get_upstream_models())
    around = model.get_lineage("upstream", 1, ["model"])
    assert (around[0].level, around[0].resource.resource_id) == (0, model.model_id)
    assert [one.resource.resource_id for one in around[1:]] == [one.model_id for one in model.get_upstream_models()]
    for wrong in ({"direction": "sideways"}, {"depth": 51}, {"resource_types": ["table"]}):
        with pytest.raises(InvalidArgumentError):
            model.get_lineage(**wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_resources_beyond_models_are_those_of_graphql(account: dbtAccount) -> None:
    project = account.project("finance")
    (exposure, *_) = project.get_exposures()
    found = account.resource(exposure.resource_id)
    assert (found.unique_id, found.resource_type) == (exposure.unique_id, "exposure")
    assert None not in (exposure.owner, exposure.url, exposure.exposure_type)
    assert exposure.model_ids == sorted(exposure.model_ids)
    assert {account.resource(one).resource_type for one in exposure.model_ids} == {"model"}
    assert [one.unique_id for one in project.get_seeds()] == [one.unique_id for one in project.get_resources(["seed"])]
    assert {one.last_run_status for one in [*project.get_seeds(), *project.get_snapshots()]} == {RunStatus.success}
    model = next(one for one in account.project("marketing").models if one.get_columns())
    assert account.get_columns(model.model_id) == model.get_columns()
    assert account.get_columns(exposure.resource_id) == []
    with pytest.raises(ResourceNotFoundError, match="Did you mean"):
        account.resource(exposure.resource_id[:-1])
    with pytest.raises(AmbiguousResourceError) as failure:
        account.resource("macro.dbt.is_incremental")
    assert "finance/macro.dbt.is_incremental" in failure.value.details["candidates"]


# Model


def test_the_last_run_of_a_model_is_its_last_attempt(account: dbtAccount, oracle: Oracle) -> None:
    unlike = 0
    for model, expected in zip(account.get_models(), oracle.models, strict=True):
        last = expected.last
        if last is None:
            assert (model.last_run_status, model.last_run_runtime, model.get_last_run()) == (None, None, None)
            continue
        assert model.last_run_status == WORDS[last.result.status]
        assert model.last_run_runtime == last.result.runtime
        executed = last.result if last.result.runtime is not None else None
        assert model.last_run_start_time == (executed.start if executed else None)
        assert model.last_run_end_time == (executed.end if executed else None)
        assert model.last_run_error == last.result.error
        unlike += expected.success is not last
    assert unlike >= 2, "the demo ends with models whose last attempt is not their last success"


@pytest.mark.parametrize("last_n", [1, 5, 100])
def test_the_runs_of_a_model_are_its_last_attempts(account: dbtAccount, oracle: Oracle, last_n: int) -> None:
    for model_id in ("finance.rpt_trial_balance", "marketing.int_sessions", "logistics.dim_dates"):
        attempts = oracle.model(model_id).history[:last_n]
        runs = account.model(model_id).get_runs(last_n)
        assert [run.run_id for run in runs] == [str(one.run.id) for one in attempts]
        assert [run.runtime for run in runs] == [one.run.runtime for one in attempts]
        done = [run.model_run.runtime for run in runs if run.model_run]
        assert done == [one.result.runtime for one in attempts]


def test_the_runs_of_a_model_are_filtered_by_what_it_did_in_them(account: dbtAccount, oracle: Oracle) -> None:
    history = oracle.model("finance.rpt_ar_aging").history
    quick = [one.run.id for one in history if one.result.runtime is not None and one.result.runtime <= 1.0]
    assert len(quick) >= 2
    assert quick[:2] != [one.run.id for one in history[:2]]
    runs = account.model("finance.rpt_ar_aging").get_runs(2, max_runtime=1.0)
    assert [run.run_id for run in runs] == [str(one) for one in quick[:2]]


@pytest.mark.slow
def test_a_model_gives_its_code(account: dbtAccount, oracle: Oracle) -> None:
    for model in account.project("finance").models:
        expected = oracle.model(model.model_id)
        assert model.get_sql() == expected.node.raw_code
        assert model.get_sql(compiled=True) == expected.compiled_code
        for newest in expected.history[:1]:
            assert model.get_sql(run_id=str(newest.run.id)) == newest.result.node.raw_code
            assert model.get_sql(compiled=True, run_id=str(newest.run.id)) == newest.result.compiled


def test_a_model_is_described(account: dbtAccount, oracle: Oracle) -> None:
    for model in account.project("marketing").models:
        node = oracle.model(model.model_id).node
        assert (model.description, model.database, model.schema) == (node.description, node.database, node.schema)
        assert (model.relation_name, model.group, model.meta) == (node.relation, node.group, node.meta)
        assert (model.name, model.package_name, model.project_id) == (node.name, node.package, "marketing")
        assert (model.file_path, model.access) == (node.path, node.access)


@pytest.mark.slow
def test_a_model_knows_its_neighbours_tests_and_owner(account: dbtAccount, oracle: Oracle) -> None:
    manifests = [one for run in oracle.runs if run.environment_id == 201001 for one in run.manifests]
    content = json.loads(max(manifests, key=lambda one: one.generated_at).path.read_bytes())
    owners = {group["name"]: group["owner"] for group in content["groups"].values()}
    owned = 0
    for model in account.project("finance").models:
        parents = [one for one in content["parent_map"][model.unique_id] if one.startswith("model.")]
        children = content["child_map"][model.unique_id]
        assert [one.unique_id for one in model.get_upstream_models()] == sorted(parents)
        models = sorted(one for one in children if one.startswith("model."))
        assert [one.unique_id for one in model.get_downstream_models()] == models
        tests = {one for one in children if one.startswith(("test.", "unit_test."))}
        assert {test.unique_id for test in model.get_tests()} == tests
        owner = model.get_owner()
        group = content["nodes"][model.unique_id]["group"]
        expected = owners[group]["name"] if group else content["nodes"][model.unique_id]["meta"].get("owner")
        assert (owner.name if owner else None) == expected
        owned += owner is not None
    assert owned >= 1


def test_the_jobs_of_a_model_are_those_that_build_it(account: dbtAccount, oracle: Oracle) -> None:
    for model in account.get_models():
        expected = oracle.jobs_building(oracle.model(model.model_id))
        assert [job.job_id for job in model.get_jobs()] == [str(job.id) for job in expected]


def checked_sources(folder: Path, oracle: Oracle, environment_id: int) -> dict[str, str]:
    """The status of each source by its newest check."""
    found: dict[str, tuple[str, str]] = {}
    for run in oracle.runs:
        if run.environment_id != environment_id:
            continue
        for path in folder.glob(f"*/{run.job_id}/{run.id}/step_*/sources.json"):
            content = json.loads(path.read_bytes())
            for one in content["results"]:
                found[one["unique_id"]] = max(
                    found.get(one["unique_id"], ("", "")), (content["metadata"]["generated_at"], one["status"])
                )
    return {unique_id: status for unique_id, (_, status) in found.items()}


def sources_behind(manifest: Path, unique_id: str) -> set[str]:
    parents = json.loads(manifest.read_bytes())["parent_map"]
    seen: set[str] = set()
    pending = [unique_id]
    while pending:
        fresh = [one for one in parents.get(pending.pop(), []) if one not in seen]
        seen.update(fresh)
        pending += fresh
    return {one for one in seen if one.startswith("source.")}


@pytest.mark.slow
@pytest.mark.parametrize("project_id", ["finance", "logistics", "marketing", "storefront"])
def test_a_model_is_as_fresh_as_its_stalest_source(
    account: dbtAccount, oracle: Oracle, demo_folder: Path, project_id: str
) -> None:
    place = oracle.project(project_id).environment_id
    statuses = checked_sources(demo_folder, oracle, place)
    manifests = [one for run in oracle.runs if run.environment_id == place for one in run.manifests]
    newest = max(manifests, key=lambda one: one.generated_at)
    for model in account.project(project_id).models:
        behind = sources_behind(newest.path, model.unique_id)
        known = [statuses[one] for one in behind if one in statuses]
        worst = next((word for word in ("error", "warn", "pass") if word in known), None)
        expected = {"error": "failure", "warn": "warn", "pass": "success", None: "unknown"}[worst]
        assert model.freshness() == expected
        assert {source.unique_id for source in model.source_freshness()} == behind


WORST = {"failure": "Error", "warn": "Warn", "success": "Pass", "unknown": "Skipped"}


@pytest.mark.slow
def test_one_stale_source_makes_all_models_behind_it_stale(tapped: Tapped, oracle: Oracle) -> None:
    told = {
        "source.finance.ledger.raw_customers": "failure",
        "source.finance.ledger.raw_gl_entries": "unknown",
        "source.finance.ledger.raw_invoices": "warn",
        "source.finance.ledger.raw_payments": "success",
    }

    def tell(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        if call.operation == "EnvironmentSources":
            for edge in answer["data"]["e0"]["applied"]["sources"]["edges"]:
                word = WORST[told[edge["node"]["uniqueId"]]]
                edge["node"]["freshness"] |= {"freshnessStatus": word, "freshnessChecked": True}
        return answer

    tapped.tap.rewrite = tell
    manifests = [one for run in oracle.runs if run.environment_id == 201001 for one in run.manifests]
    newest = max(manifests, key=lambda one: one.generated_at)
    seen = set()
    for model in tapped.account.project("finance").models:
        behind = {told[one] for one in sources_behind(newest.path, model.unique_id)}
        expected = next((word for word in ("failure", "warn", "success") if word in behind), "unknown")
        assert model.freshness() == expected
        seen.add((len(behind) > 1, expected))
    assert {(True, "failure"), (True, "warn"), (False, "unknown")} <= seen


# Job


@pytest.mark.parametrize("job_id", JOBS)
def test_the_last_run_of_a_job_is_its_newest(account: dbtAccount, oracle: Oracle, job_id: int) -> None:
    job, newest = account.job(job_id), oracle.job(job_id).runs[0]
    assert job.last_run_status == STATUS[newest.record["status"]]
    assert (job.last_run_start_time, job.last_run_end_time) == (newest.start, newest.end)
    assert job.last_run_runtime == newest.runtime
    last = job.get_last_run()
    assert last is not None
    assert last.run_id == str(newest.id)
    assert (job.name, job.steps) == (oracle.job(job_id).record["name"], oracle.job(job_id).record["execute_steps"])


@pytest.mark.parametrize("job_id", JOBS)
def test_the_runs_of_a_job_are_its_newest_whatever_their_status(
    account: dbtAccount, oracle: Oracle, job_id: int
) -> None:
    runs = oracle.job(job_id).runs
    for last_n in (1, 5, 500):
        assert [run.run_id for run in account.job(job_id).get_runs(last_n)] == [str(one.id) for one in runs[:last_n]]


@pytest.mark.parametrize("job_id", JOBS)
def test_the_models_of_a_job_are_those_it_builds(account: dbtAccount, oracle: Oracle, job_id: int) -> None:
    built = oracle.models_built_by(oracle.job(job_id))
    job = account.job(job_id)
    assert [model.model_id for model in job.get_models()] == sorted(model.id for model in built)
    tagged = sorted(model.id for model in built if meets(model, tags=["daily"]))
    assert [model.model_id for model in job.get_models(tags=["daily"])] == tagged


@pytest.mark.parametrize("job_id", JOBS)
def test_the_slowest_models_of_a_job_are_those_of_its_deciding_run(
    account: dbtAccount, oracle: Oracle, job_id: int
) -> None:
    run = oracle.job(job_id).deciding_run
    found = account.job(job_id).get_slowest_models(3)
    done = counting(run) if run else {}
    expected = sorted(done.values(), key=lambda one: (-one.execution_time, one.unique_id))[:3]
    assert [model.unique_id for model in found] == [one.unique_id for one in expected]
    assert [model.ranked.runtime for model in found if model.ranked] == [one.execution_time for one in expected]
    assert found.considered - found.without_runtime == len(done)


@pytest.mark.parametrize("job_id", JOBS)
@pytest.mark.parametrize("last_n", [1, 5, 100])
def test_the_runtimes_of_a_job_are_wall_clocks(account: dbtAccount, oracle: Oracle, job_id: int, last_n: int) -> None:
    reports = account.job(job_id).get_runtimes(last_n)
    rows = [(one.job_id, one.run_id, one.model_id, one.runtime, one.start_time, one.end_time) for one in reports]
    runs = ended(oracle.job(job_id), last_n)
    assert rows == [(str(job_id), str(run.id), None, run.runtime, run.start, run.end) for run in runs]


@pytest.mark.parametrize("job_id", JOBS)
def test_the_runtimes_of_a_job_by_model_are_execution_times(account: dbtAccount, oracle: Oracle, job_id: int) -> None:
    known = names(oracle, oracle.job(job_id).environment_id)
    expected = [
        (str(run.id), known[unique_id], one.execution_time, one.start, one.end)
        for run in ended(oracle.job(job_id), 4)
        for unique_id, one in sorted(counting(run).items(), key=lambda item: known.get(item[0], ""))
        if unique_id in known
    ]
    reports = account.job(job_id).get_runtimes(4, by_model=True)
    rows = [(one.run_id, one.model_id, one.runtime, one.start_time, one.end_time) for one in reports]
    assert [row for row in rows if row[1] in known.values()] == expected
    assert len(rows) == sum(len(counting(run)) for run in ended(oracle.job(job_id), 4)), "removed models are listed too"


@pytest.mark.parametrize("job_id", JOBS)
@pytest.mark.parametrize("last_n", [1, 5, 100])
def test_the_average_of_a_job_is_the_mean_wall_clock_of_runs_that_ended_by_themselves(
    account: dbtAccount, oracle: Oracle, job_id: int, last_n: int
) -> None:
    job = oracle.job(job_id)
    runs = ended(job, last_n)
    average = account.job(job_id).get_average_job_runtime(last_n)
    if not runs:
        assert average is None
        return
    assert average == fmean(run.runtime for run in runs)
    assert average is not None
    assert average.runs == len(runs)
    window = job.runs if len(runs) < last_n else job.runs[: job.runs.index(runs[-1]) + 1]
    assert sum(average.left_out.values()) == len(window) - len(runs)


def test_the_average_of_a_job_asks_what_the_job_builds(account: dbtAccount, oracle: Oracle) -> None:
    job = account.job(301001)
    whole = fmean(run.runtime for run in ended(oracle.job(301001), 5))
    assert job.get_average_job_runtime(5, SearchFilter(tags=["sla"])) == whole
    assert job.get_average_job_runtime(5, model_filter=ModelFilter(model_ids=["finance.dim_dates"])) == whole
    built = {model.id for model in oracle.models_built_by(oracle.job(301001))}
    other = next(model.id for model in oracle.project("finance").models if model.id not in built)
    assert job.get_average_job_runtime(5, ModelFilter(model_ids=["finance.dim_dates"])) == whole
    assert job.get_average_job_runtime(5, ModelFilter(model_ids=[other])) is None
    assert job.get_average_job_runtime(5, SearchFilter(tags=["marketing"])) is None
    assert job.get_average_job_runtime(5, SearchFilter(tags=["sla"]), ModelFilter(materialization="seed")) is None


@pytest.mark.parametrize("job_id", JOBS)
@pytest.mark.parametrize(("slowest", "last"), [(1, 1), (5, 5), (None, 3)])
@pytest.mark.parametrize("tag", [None, "daily"])
def test_the_historical_average_goes_over_the_slowest_means(
    account: dbtAccount, oracle: Oracle, job_id: int, slowest: int | None, last: int, tag: str | None
) -> None:
    runs = [counting(run) for run in ended(oracle.job(job_id), last)]
    built = [one for one in oracle.models_built_by(oracle.job(job_id)) if meets(one, tags=[tag] if tag else [])]
    means = {
        model.unique_id: fmean(times)
        for model in built
        if (times := [run[model.unique_id].execution_time for run in runs if model.unique_id in run])
    }
    worst = sorted(means.values(), reverse=True)[:slowest]
    criteria = SearchFilter(tags=[tag]) if tag else None
    average = account.job(job_id).average_historical_model_runtime(slowest, last, criteria)
    if not worst:
        assert average is None
        return
    assert average == pytest.approx(fmean(worst), rel=1e-12)
    assert average is not None
    assert (average.models, average.runs) == (len(worst), len(runs))
    assert average.left_out.get("models without a runtime", 0) == len(built) - len(means)


# Run


def test_every_run_has_its_facts(account: dbtAccount, oracle: Oracle) -> None:
    found = {run.run_id: run for run in account.get_runs(500)}
    for expected in oracle.runs:
        run = found.get(str(expected.id)) or account.run(expected.id)
        assert (run.status, run.runtime) == (STATUS[expected.record["status"]], expected.runtime)
        assert (run.start_time, run.end_time, run.run_completed_at) == (expected.start, expected.end, expected.end)
        assert (run.job_id, run.git_sha) == (str(expected.job_id), expected.record["git_sha"])


@pytest.mark.slow
def test_a_run_knows_its_job_and_its_models(account: dbtAccount, oracle: Oracle) -> None:
    for expected in oracle.runs[::7]:
        run = account.run(expected.id)
        assert run.job == account.job(expected.job_id)
        models = run.get_models()
        assert run.model_count == len(models) == len(expected.results)
        assert [one.unique_id for one in run.get_model_runs()] == sorted(expected.results)
        for model in models:
            assert model.model_run is not None
            result = expected.results[model.model_run.unique_id]
            assert (model.model_run.runtime, model.model_run.status) == (result.runtime, WORDS[result.status])


def test_a_run_knows_its_steps_and_why_it_was_started(account: dbtAccount, oracle: Oracle) -> None:
    for expected in oracle.runs[-3:]:
        run = account.run(expected.id)
        steps = run.get_steps()
        assert [step.index for step in steps] == sorted(step.index for step in steps)
        assert [step.name for step in steps] == [one["name"] for one in expected.record["run_steps"]]
        trigger = run.get_trigger()
        assert trigger is not None
        assert trigger.cause == expected.record["trigger"]["cause"]


def test_the_models_of_a_run_are_filtered_by_what_they_were_in_it(account: dbtAccount, oracle: Oracle) -> None:
    views = [
        (run, unique_id)
        for run in oracle.runs
        for unique_id, one in run.results.items()
        if unique_id == "model.finance.stg_customers" or one.node.materialization == "view"
    ]
    run = views[0][0]
    expected = sorted(one.unique_id for one in run.results.values() if meets(one, materialization="view"))
    found = account.run(run.id).get_models(materialization="view")
    assert [model.model_run.unique_id for model in found if model.model_run] == expected


@pytest.mark.slow
def test_the_slowest_models_of_a_run_and_their_average(account: dbtAccount, oracle: Oracle) -> None:
    for expected in oracle.runs[::5]:
        done = sorted(counting(expected).values(), key=lambda one: (-one.execution_time, one.unique_id))
        run = account.run(expected.id)
        ranked = run.get_slowest_models(4)
        assert [model.model_run.unique_id for model in ranked if model.model_run] == [one.unique_id for one in done[:4]]
        for slowest in (1, 4, None):
            average = run.average_model_runtime(slowest)
            figures = [one.execution_time for one in done[:slowest]]
            assert average == (pytest.approx(fmean(figures), rel=1e-12) if figures else None)


def test_the_average_of_a_run_with_both_filters(account: dbtAccount, oracle: Oracle) -> None:
    expected = next(run for run in reversed(oracle.runs) if run.job_id == 301001 and run.results)
    kept = [
        one.execution_time
        for one in counting(expected).values()
        if meets(one, tags=["daily"], materialization="table") and one.node.name.startswith("rpt_")
    ]
    ids = [f"model.finance.{name}" for name in ("rpt_ar_aging", "rpt_cash_forecast", "rpt_trial_balance")]
    average = account.run(expected.id).average_model_runtime(
        None, SearchFilter(tags=["daily"]), ModelFilter(model_ids=ids, materialization="table")
    )
    assert average == pytest.approx(fmean(kept))


def test_resources_can_be_made_by_id_and_are_read_when_first_looked_at(account: dbtAccount, oracle: Oracle) -> None:
    client = account.client
    assert Job("301001", client=client).name == "Finance daily"
    assert Model("rpt_ar_aging", "finance", client=client).unique_id == "model.finance.rpt_ar_aging"
    assert Project("finance", client=client).model_count == len(oracle.project("finance").models)
    assert Run(oracle.runs[0].id, client=client).runtime == oracle.runs[0].runtime


@pytest.mark.parametrize(
    "pick",
    [
        lambda account: account.projects[0],
        lambda account: account.get_models()[0],
        lambda account: account.get_jobs()[0],
        lambda account: account.get_runs(1)[0],
    ],
)
def test_resources_are_records_too(account: dbtAccount, pick: Callable[[dbtAccount], Project | Model]) -> None:
    resource = pick(account)
    record = resource.to_record()
    shared = [name for name in type(record).model_fields if isinstance(getattr(type(resource), name, None), property)]
    assert len(shared) >= 2
    assert {name: getattr(record, name) for name in shared} == {name: getattr(resource, name) for name in shared}
    assert json.loads(record.model_dump_json())
    assert resource == pick(account)
    assert len({resource, pick(account)}) == 1

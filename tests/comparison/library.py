"""A part of the same questions, asked with the Python library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.settings import Settings
from tests.comparison.compare import Comparison
from tests.comparison.definitions import Definitions, Job, Model, averaged, mean, top
from tests.comparison.questions import LAST_RUNS


def compare_library(folder: Path, store: str) -> Comparison:
    """Models, jobs, runs, means and rankings of production."""
    definitions, found = Definitions(folder), Comparison()
    with dbtAccount(client=Client(ConnectionOptions(Settings(store_url=store), 300.0))) as account:
        models, jobs = definitions.models("production"), definitions.jobs_of("production")
        told = {
            "models": [_model(one) for one in account.get_models()],
            "jobs": [_job(one) for one in account.get_jobs()],
            "runs": [int(one.run_id) for one in account.get_runs(200)],
            "slowest": {runs: _ranked(account.slowest_models(100, runs), "unique_id") for runs in LAST_RUNS},
            "longest": {runs: _ranked(account.longest_running_jobs(100, runs), "job_id") for runs in LAST_RUNS},
        }
    expected = {
        "models": [_expected_model(one) for one in models],
        "jobs": [_expected_job(one, definitions) for one in jobs],
        "runs": [one.id for one in definitions.runs_of("production")],
        "slowest": {
            runs: [
                [one[1], value, count]
                for one, value, count in top([((one.id, one.unique_id), one.times(runs)) for one in models], 100)
            ]
            for runs in LAST_RUNS
        },
        "longest": {
            runs: [
                [str(one), value, count]
                for one, value, count in top(
                    [(one.id, [run.runtime or 0.0 for run in one.window(runs)]) for one in jobs], 100
                )
            ]
            for runs in LAST_RUNS
        },
    }
    found.take(f"{folder.name} library", expected, told)
    return found


def _ranked(found: Any, name: str) -> list[Any]:
    return [[str(getattr(one, name)), one.ranked.runtime, one.ranked.runs] for one in found]


def _model(one: Any) -> dict[str, Any]:
    return {
        "uniqueId": one.unique_id,
        "runtime": one.runtime,
        "status": one.last_run_status and str(one.last_run_status).upper(),
        "lastRuntime": one.last_run_runtime,
        "runs": [int(run.run_id) for run in one.get_runs(100)],
    }


def _expected_model(one: Model) -> dict[str, Any]:
    return {
        "uniqueId": one.unique_id,
        "runtime": one.runtime,
        "status": one.outcome,
        "lastRuntime": one.last.result.runtime if one.last else None,
        "runs": [attempt.run.id for attempt in one.history],
    }


def _job(one: Any) -> dict[str, Any]:
    return {
        "id": str(one.job_id),
        "status": one.last_run_status and str(one.last_run_status).upper(),
        "runtime": one.last_run_runtime,
        "runs": [int(run.run_id) for run in one.get_runs(100)],
        "models": [model.unique_id for model in one.get_models()],
        "average": one.get_average_job_runtime(3),
        "ofModels": one.average_historical_model_runtime(3, 3),
    }


def _expected_job(one: Job, definitions: Definitions) -> dict[str, Any]:
    project = definitions.project_at(one.record["environment_id"])
    built = [model.unique_id for model in project.models if model.unique_id in one.built] if project else []
    window, newest = one.window(3), one.runs[0] if one.runs else None
    results = {name: [found for run in window if (found := run.results.get(name))] for name in built}
    return {
        "id": str(one.id),
        "status": newest and newest.status,
        "runtime": newest and newest.runtime,
        "runs": [run.id for run in one.runs],
        "models": built,
        "average": mean([run.runtime or 0.0 for run in window]),
        "ofModels": averaged(results, 3),
    }

"""An account whose models get slower, each at a run and for a reason of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.archive.written_runs import BEGIN, Command, stamp, write_account, write_run

MIXED, THREADS, VERSION, REFRESH, TOGETHER, HEAVY = 301, 302, 303, 304, 305, 306
RUNS, FEW = 30, 20
FEW_STEP = 10
"""Where all of the jobs with one reason get slower."""

STEPS = {
    "unexplained": 9,
    "own_code": 11,
    "configured": 13,
    "compiled": 15,
    "macro_user": 17,
    "downstream": 19,
    "materialized": 20,
    "more_rows": 21,
}
"""Of each model of the mixed job the first slow run, from 0."""
TOGETHERS = [f"together_{n}" for n in range(5)]
OF_JOBS = {
    THREADS: ["fewer_threads"],
    VERSION: ["newer_dbt"],
    REFRESH: ["refreshed"],
    TOGETHER: TOGETHERS,
    HEAVY: ["heavy"],
}


@dataclass(frozen=True, slots=True)
class Planted:
    """A model's change: in which job, the verdict, and how its first piece of evidence begins (None: there is none)."""

    job: int
    cause: str
    evidence: str | None


PLANTED = {
    "unexplained": Planted(MIXED, "UNKNOWN", None),
    "own_code": Planted(MIXED, "CODE", "The model's own code differs, from run {run} on."),
    "configured": Planted(MIXED, "CODE", "The model's configuration differs: cluster_by, from run {run} on."),
    "compiled": Planted(MIXED, "CODE", "The model's compiled code differs, though not what is written, from"),
    "macro_user": Planted(
        MIXED, "UPSTREAM_CODE", "Macros that the model uses differ: macro.shop.inner, from run {run}"
    ),
    "downstream": Planted(MIXED, "UPSTREAM_CODE", "Code upstream differs: model.shop.upstream, from run {run} on."),
    "materialized": Planted(MIXED, "CODE", "The materialization differs: view before, table since, from run {run} on."),
    "more_rows": Planted(MIXED, "DATA_VOLUME", "Rows written: "),
    "fewer_threads": Planted(THREADS, "ENGINE", "The number of threads differs: 8 before, 2 since, from run {run} on."),
    "newer_dbt": Planted(VERSION, "ENGINE", "dbt's version differs: 1.10.4 before, 1.11.16 since, from run {run} on."),
    "refreshed": Planted(REFRESH, "ENGINE", "Full refreshes differ: no before, yes since, from run {run} on."),
    "heavy": Planted(HEAVY, "CODE", "The model's own code differs, from run {run} on."),
    "together_0": Planted(TOGETHER, "ENGINE", "4 of the 4 other models of the job that could show it changed in the"),
}


def run_id(job: int, run: int) -> int:
    """The id of a job's run, from 0."""
    return job * 1000 + run


def write_planted(root: Path) -> None:
    """The folder of the account."""
    write_account(root, dict.fromkeys([MIXED, *OF_JOBS], "scheduled"))
    chance = Random(22)  # noqa: S311
    for run in range(RUNS):
        names = {name: run >= step for name, step in STEPS.items()}
        rows = {"more_rows": 1000 * (2 if names["more_rows"] else 1) * chance.uniform(0.9, 1.1)}
        seconds = {name: 60 * _noise(chance, run) * (2 if slow else 1) for name, slow in names.items()}
        # Rows that follow nothing.
        rows["unexplained"] = 1000 * chance.uniform(0.5, 2)
        _write(root, MIXED, run, {**seconds, "upstream": 1.0}, rows=rows)
    for job, models in OF_JOBS.items():
        for run in range(FEW):
            factor = 2 if run >= FEW_STEP else 1
            _write(root, job, run, {name: 60 * _noise(chance, run) * factor for name in models}, rows={})


def _noise(chance: Random, run: int) -> float:
    """Above one and below in turn, so that no run goes with the one before."""
    return 1 + chance.uniform(0.01, 0.05) * (1 if run % 2 else -1)


def _write(root: Path, job: int, run: int, seconds: Mapping[str, float], rows: Mapping[str, float]) -> None:
    late = run >= FEW_STEP
    args = {
        "which": "build",
        "threads": 2 if job == THREADS and late else 8,
        **({"full_refresh": True} if job == REFRESH and late else {}),
    }
    results: dict[str, tuple[str | None, float | None]] = {
        f"model.shop.{name}": ("success", round(told, 3)) for name, told in seconds.items()
    }
    # The job whose wall clock follows that of its only model.
    wall = timedelta(seconds=seconds["heavy"]) if job == HEAVY else timedelta(minutes=9)
    command = Command(BEGIN + timedelta(days=run, hours=job - MIXED), results, args)
    facts = {"started_at": stamp(command.ended - wall)}
    folder = write_run(root, run_id(job, run), job, [command], facts) / "step_1"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["nodes"] = {f"model.shop.{name}": _node(name, run) for name in _ALL}
    manifest["macros"] = _macros(run)
    report = json.loads((folder / "run_results.json").read_text())
    if job == VERSION and not late:
        report["metadata"]["dbt_version"] = "1.10.4"
    for result in report["results"]:
        name = result["unique_id"].rpartition(".")[2]
        result["adapter_response"] = {"rows_affected": round(rows[name])} if name in rows else {}
        result["compiled_code"] = _compiled(name, run)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "run_results.json").write_text(json.dumps(report))


_ALL = [*STEPS, "upstream", "between", *(name for names in OF_JOBS.values() for name in names)]


def _slow(name: str, run: int) -> bool:
    return name in STEPS and run >= STEPS[name]


def _node(name: str, run: int) -> dict[str, Any]:
    # Code of the model at the top of "downstream", not its own.
    own = {"heavy": run >= FEW_STEP, "own_code": _slow("own_code", run), "upstream": _slow("downstream", run)}
    new_code = own.get(name, False)
    parents = {"downstream": ["model.shop.between"], "between": ["model.shop.upstream"]}.get(name, [])
    config: dict[str, Any] = {"materialized": "view" if name == "materialized" else "table", "meta": {"run": run}}
    if name == "materialized" and _slow(name, run):
        config["materialized"] = "table"
    if name == "configured":
        config["cluster_by"] = ["day"] if _slow(name, run) else None
    return {
        "unique_id": f"model.shop.{name}",
        "name": name,
        "resource_type": "model",
        "package_name": "shop",
        "config": config,
        "raw_code": f"select '{name}'" + (" -- new" if new_code else ""),
        "depends_on": {"nodes": parents, "macros": ["macro.shop.outer"] if name == "macro_user" else []},
    }


def _macros(run: int) -> dict[str, Any]:
    """One that calls another, which changes; and one of dbt, which changes at every run."""
    code = {
        "macro.shop.outer": "{{ inner() }}",
        "macro.shop.inner": "1" if _slow("macro_user", run) else "2",
        "macro.dbt.run_query": str(run),
    }
    calls = {"macro.shop.outer": ["macro.shop.inner", "macro.dbt.run_query"]}
    return {
        name: {
            "unique_id": name,
            "name": name.rpartition(".")[2],
            "resource_type": "macro",
            "package_name": name.split(".")[1],
            "macro_sql": text,
            "depends_on": {"macros": calls.get(name, [])},
        }
        for name, text in code.items()
    }


def _compiled(name: str, run: int) -> str:
    """Of a model that nothing explains it holds the time of the run."""
    if name == "unexplained":
        return f"select {run}"
    return f"select '{name}'" + (" -- new" if name == "compiled" and _slow(name, run) else "")

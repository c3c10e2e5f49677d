"""A small account in which every text and every id says which environment it belongs to.

Texts hold a token such as `zq3x0042z`: the 42nd of environment 3. Ids are numbers such as 70433200000042 of the same
meaning. Whatever reaches a caller who may not see environment 3 must hold none of them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

TOKEN = re.compile(rb"zq([1-9])x\d{4}z|7043([1-9])[1-9]00\d{6}")
_CURSOR = re.compile(rb'"(Wy[A-Za-z0-9_-]+)"')
_FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
_VERSIONS = {"manifest": "manifest/v12", "run_results": "run-results/v6", "sources": "sources/v3"}
SHARED_NAME = "twins"
SHARED = 9
"""The owner of what environments 1 and 2 have in common: their project's name and number."""


@dataclass
class Place:
    """One environment with its project, and the texts and ids that are its own.

    `project_name` is the dbt project's name; places that share one are told apart by their environment only.
    """

    owner: int
    project_id: int
    project_name: str
    deployment: str = "production"
    serial: Any = field(default_factory=lambda: count(1))
    models: list[str] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    job_names: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    @property
    def environment_id(self) -> int:
        return number(self.owner, 1, 1)

    def text(self, words: str = "") -> str:
        """A text nobody else has."""
        return f"{words}zq{self.owner}x{next(self.serial):04d}z"


def number(owner: int, kind: int, serial: int) -> int:
    """An id nobody else has."""
    return int(f"7043{owner}{kind}00{serial:06d}")


def owners_in(content: bytes) -> dict[bytes, int]:
    """Every token and id in some bytes, also inside cursors, with the environment it belongs to."""
    texts = [content, *(base64.urlsafe_b64decode(one + b"=" * (-len(one) % 4)) for one in _CURSOR.findall(content))]
    return {found[0]: int(found[1] or found[2]) for text in texts for found in TOKEN.finditer(text)}


def places() -> list[Place]:
    """Six environments: two of one project, two projects that share a name, and two that stand alone."""
    name = [f"zq{owner}x0000z_shop" for owner in range(10)]
    return [
        Place(1, number(SHARED, 4, 1), name[SHARED]),
        Place(2, number(SHARED, 4, 1), name[SHARED], "staging"),
        Place(3, number(3, 4, 1), name[3]),
        Place(4, number(4, 4, 1), name[4]),
        Place(5, number(5, 4, 1), SHARED_NAME),
        Place(6, number(6, 4, 1), SHARED_NAME),
    ]


def write_account(out: Path, all_places: Sequence[Place]) -> None:
    """Writes the account as an archive folder, and notes in each place what it holds."""
    jobs: list[dict[str, Any]] = []
    owners = {place.project_id: str(place.project_id)[4] for place in all_places}
    projects = {one: f"Display zq{owner}x9999z" for one, owner in owners.items()}
    for place in all_places:
        place.models = [f"model.{place.project_name}.{place.text(f'm{n}_')}" for n in range(4)]
        for serial in (1, 2):
            jobs.append(_job(place, serial))
            place.jobs.append(jobs[-1]["id"])
            place.job_names.append(jobs[-1]["name"])
    environments = [
        {
            "id": place.environment_id,
            "project_id": place.project_id,
            "name": place.text("Place "),
            "type": "deployment",
            "deployment_type": place.deployment,
        }
        for place in all_places
    ]
    listed = [{"id": one, "name": name} for one, name in projects.items()]
    account = {"account": {"id": 42, "name": "Everybody"}, "projects": listed}
    _write(out / "account.json", {**account, "environments": environments, "jobs": jobs})
    for place in all_places:
        manifest = _manifest(place)
        for index in range(5):
            _write_run(out, place, jobs, manifest, index)


def _job(place: Place, serial: int) -> dict[str, Any]:
    return {
        "id": number(place.owner, 2, serial),
        "environment_id": place.environment_id,
        "job_type": "scheduled",
        "project_id": place.project_id,
        "name": place.text("Job "),
        "description": place.text("What "),
        "execute_steps": [place.text("dbt build --select ")],
        "schedule": {"cron": "0 5 * * *"},
    }


def _manifest(place: Place) -> dict[str, Any]:
    source = f"source.{place.project_name}.raw.{place.text('s')}"
    group = place.text("g")
    nodes = {}
    for before, unique_id in zip([source, *place.models], place.models, strict=False):
        node = _node(place, unique_id, before, group)
        test = _test(place, unique_id)
        nodes |= {unique_id: node, test["unique_id"]: test}
    owner = {"name": place.text("Team "), "email": place.text() + "@example.com"}
    shared = {"package_name": place.project_name, "path": "m.yml", "original_file_path": "m.yml"}
    freshness = {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 2, "period": "hour"}}
    return {
        "nodes": nodes,
        "sources": {
            source: {
                "unique_id": source,
                "resource_type": "source",
                "name": source.rpartition(".")[2],
                **shared,
                "database": "raw",
                "schema": "raw",
                "source_name": "raw",
                "identifier": place.text(),
                "tags": [],
                "fqn": [],
                "loader": "",
                "freshness": freshness,
                "description": place.text(),
                "columns": {},
                "source_description": place.text(),
                "meta": {},
                "config": {"enabled": True},
            }
        },
        "groups": {
            f"group.{place.project_name}.{group}": {
                "name": group,
                "resource_type": "group",
                "owner": owner,
                **shared,
                "unique_id": f"group.{place.project_name}.{group}",
            }
        },
        "macros": {},
        "exposures": {},
        "metrics": {},
        "docs": {},
        "parent_map": {one: node["depends_on"]["nodes"] for one, node in nodes.items()},
    }


def _node(place: Place, unique_id: str, parent: str, group: str) -> dict[str, Any]:
    name = unique_id.rpartition(".")[2]
    tags = ["shared", place.text("t")]
    config = {"enabled": True, "materialized": "table", "tags": tags, "group": group}
    return {
        "unique_id": unique_id,
        "name": name,
        "resource_type": "model",
        "package_name": place.project_name,
        "path": f"{name}.sql",
        "original_file_path": f"models/{name}.sql",
        "fqn": [place.project_name, name],
        "database": place.text("db"),
        "schema": place.text("s"),
        "alias": place.text("a"),
        "columns": {},
        "config": {**config, "meta": {"secret": place.text()}},
        "tags": tags,
        "meta": {"secret": place.text()},
        "description": place.text("About "),
        "language": "sql",
        "raw_code": place.text("select "),
        "group": group,
        "depends_on": {"nodes": [parent], "macros": []},
        "relation_name": place.text("r"),
        "access": "protected",
    }


def _test(place: Place, unique_id: str) -> dict[str, Any]:
    name = place.text("not_null_")
    return {
        "unique_id": f"test.{place.project_name}.{name}",
        "name": name,
        "resource_type": "test",
        "tags": [],
        "package_name": place.project_name,
        "path": f"{name}.sql",
        "original_file_path": f"tests/{name}.sql",
        "fqn": [place.project_name, name],
        "alias": name,
        "database": "d",
        "schema": "s",
        "columns": {},
        "config": {"enabled": True, "severity": "ERROR"},
        "meta": {},
        "description": "",
        "language": "sql",
        "depends_on": {"nodes": [unique_id], "macros": []},
        "raw_code": place.text(),
        "column_name": place.text(),
    }


def _write_run(
    out: Path, place: Place, jobs: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], index: int
) -> None:
    run_id = number(place.owner, 3, index + 1)
    place.runs.append(run_id)
    job = next(one for one in jobs if one["id"] == place.jobs[index % 2])
    began = _FIRST_DAY + timedelta(hours=6 * index, minutes=place.owner)
    ended = began + timedelta(seconds=30)
    keys = {"PROJECT_ID": place.project_id, "ENVIRONMENT_ID": place.environment_id, "JOB_ID": job["id"]}
    env = {f"DBT_CLOUD_{name}": str(value) for name, value in {**keys, "RUN_ID": run_id, "ACCOUNT_ID": 42}.items()}
    folder = out / f"place_{place.owner}" / str(job["id"]) / str(run_id)
    results = [_result(place, one, began, index) for one in manifest["nodes"]]
    checks = [_check(place, one, ended) for one in manifest["sources"]]
    bodies: dict[str, dict[str, Any]] = {
        "manifest": dict(manifest),
        "run_results": {"results": results, "elapsed_time": 30.0, "args": {"which": "build"}},
        "sources": {"results": checks, "elapsed_time": 1.0},
    }
    for kind, body in bodies.items():
        metadata = {
            "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{_VERSIONS[kind]}.json",
            "dbt_version": "1.11.16",
            "generated_at": _iso(ended),
            "invocation_id": place.text(),
            "env": env,
            **({"project_name": place.project_name, "adapter_type": "duckdb"} if kind == "manifest" else {}),
        }
        _write(folder / "step_1" / f"{kind}.json", {"metadata": metadata, **body})
    _write(folder / "run.json", _run(place, job, run_id, (began, ended), index))


def _result(place: Place, unique_id: str, began: datetime, index: int) -> dict[str, Any]:
    failed = unique_id == place.models[2] and index in (2, 4)
    ended = began + timedelta(seconds=2 + place.owner + index)
    timing = [{"name": name, "started_at": _iso(began), "completed_at": _iso(ended)} for name in ("compile", "execute")]
    passed = "pass" if unique_id.startswith("test.") else "success"
    return {
        "status": "error" if failed else passed,
        "timing": timing,
        "thread_id": place.text("Thread-"),
        "execution_time": (ended - began).total_seconds(),
        "adapter_response": {},
        "failures": None,
        "message": place.text("Database Error ") if failed else "OK",
        "unique_id": unique_id,
        "compiled": True,
        "compiled_code": place.text("select "),
        "relation_name": place.text(),
    }


def _check(place: Place, unique_id: str, ended: datetime) -> dict[str, Any]:
    criteria = {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 2, "period": "hour"}}
    return {
        "unique_id": unique_id,
        "max_loaded_at": _iso(ended - timedelta(hours=3)),
        "snapshotted_at": _iso(ended),
        "max_loaded_at_time_ago_in_s": 10800.0,
        "status": "error",
        "criteria": criteria,
        "adapter_response": {},
        "timing": [],
        "thread_id": "Thread-1",
        "execution_time": 0.1,
    }


def _run(
    place: Place, job: Mapping[str, Any], run_id: int, times: tuple[datetime, datetime], index: int
) -> dict[str, Any]:
    began, ended = times
    status = 20 if index in (2, 4) else 10
    step = {"index": 1, "name": place.text("Invoke "), "status": status}
    return {
        "id": run_id,
        "job_definition_id": job["id"],
        "project_id": place.project_id,
        "account_id": 42,
        "environment_id": place.environment_id,
        "status": status,
        "git_sha": place.text(),
        "dbt_version": "1.11.16",
        "status_message": place.text("It ended ") if status == 20 else None,
        "git_branch": place.text("branch-"),
        "trigger": {"cause": place.text("scheduled "), "cause_category": "scheduled", "git_branch": "main"},
        "created_at": _iso(began),
        "started_at": _iso(began),
        "finished_at": _iso(ended),
        "run_steps": [{**step, "started_at": _iso(began), "finished_at": _iso(ended)}],
    }


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")

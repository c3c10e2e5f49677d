"""The clients of dbt Cloud that Airflow and Dagster publish work on the platform unchanged: each call they make that
reads, and each that would change something is refused with 403."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning
from tests.local_platform.third_party import ORCHESTRATORS, Outside, missing, reachable
from tests.served_platform import ACCOUNT

RUN = 70437490011508

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(missing(ORCHESTRATORS) is not None, reason=missing(ORCHESTRATORS) or ""),
]


@pytest.fixture(scope="module")
def outside(demo_store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    archive = Archive.open(demo_store)
    app = create_platform(archive, token="s3cret")
    with reachable(app, tmp_path_factory.mktemp("orchestrators"), ACCOUNT, "s3cret") as found:
        yield found
    archive.close()


def ids(rows: list[Any]) -> list[int]:
    return [row["id"] for row in rows]


@pytest.mark.slow
def test_airflows_hook(outside: Outside, reckoning: Reckoning) -> None:
    found = outside.session("airflow", str(ACCOUNT), str(RUN))
    told = reckoning.account
    assert (found["root"], found["tested"]) == (200, [True, "Successfully connected to dbt Cloud."])
    assert found["account"]["id"] == ACCOUNT
    assert ids(found["projects"]) == ids(told["projects"])
    assert found["project"]["id"] == 101001
    assert ids(found["environments"]) == [one["id"] for one in told["environments"] if one["project_id"] == 101001]
    assert found["environment"]["id"] == 201001
    of_project = [job for job in told["jobs"] if job["project_id"] == 101001]
    assert ids(found["jobs"]) == ids(of_project)
    assert found["job"]["id"] == found["by_name"]["id"] == 301001
    of_job = sorted((run["id"] for run in reckoning.runs if run["job_definition_id"] == 301001), reverse=True)
    assert ids(found["runs"]) == of_job
    assert ids(found["get_runs"]) == sorted(of_job)[:2]
    run = next(run for run in reckoning.runs if run["id"] == RUN)
    assert (found["run"]["id"], found["status"], found["waited"]) == (RUN, run["status"], True)
    assert [step["name"] for step in found["run"]["run_steps"]] == [step["name"] for step in run["run_steps"]]
    assert all(step["logs"] for step in found["run"]["run_steps"])
    assert found["run"]["job"]["id"] == 301001
    assert found["artifacts"] == ["manifest.json", "run_results.json", "sources.json"]
    assert found["results"] > 0
    for call in ("triggered", "retried", "cancelled"):
        assert found[call] == "AirflowException: 403:Forbidden"


@pytest.mark.slow
def test_dagsters_client(outside: Outside, reckoning: Reckoning) -> None:
    found = outside.session("dagster", str(ACCOUNT), str(RUN))
    told = reckoning.account
    assert found["account"]["id"] == ACCOUNT
    assert (found["project"]["id"], found["environment"]["id"], found["job"]["id"]) == (101001, 201001, 301001)
    assert ids(found["jobs"]) == [job["id"] for job in told["jobs"] if job["environment_id"] == 201001]
    of_place = [run["id"] for run in reckoning.runs if run["environment_id"] == 201001]
    rows, total = found["batch"]
    assert total == len(of_place)
    assert set(ids(rows)) <= set(of_place)
    assert found["active"] == []
    assert found["run"]["id"] == found["polled"]["id"] == RUN
    assert found["artifacts"] == ["manifest.json", "run_results.json", "sources.json"]
    assert {"metadata", "nodes", "sources"} <= set(found["manifest"])
    assert found["results"] > 0
    assert all(f"=== Step: {step['name']} ===" in found["logs"] for step in found["run"]["run_steps"])
    assert "ERROR" in found["logs"]
    assert (found["triggered"], found["cancelled"]) == ("Failure", "Failure")

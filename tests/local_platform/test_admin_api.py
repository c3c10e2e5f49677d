"""The Admin API over the demo: envelope, lists, filters, ordering, pages, related things, artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning, moment
from tests.oracle.failures import read_failures, sentence
from tests.oracle.nodes import read_results
from tests.served_platform import ACCOUNT, Platform

FAILED_RUN, FAILED_JOB = 70437490011508, 301001


def in_time(reckoning: Reckoning) -> list[int]:
    """The ids of all runs, oldest first."""
    return [run["id"] for run in sorted(reckoning.runs, key=lambda run: (run["created_at"], run["id"]))]


def every_run(platform: Platform, **params: str) -> list[dict]:
    """All runs that meet the parameters, page by page."""
    found: list[dict] = []
    while page := platform.get("runs/", offset=len(found), **params)["data"]:
        found += page
    return found


def test_every_answer_is_in_the_envelope(platform: Platform) -> None:
    body = platform.get("projects/")
    assert body["status"] == {"code": 200, "is_success": True, "user_message": "Success!", "developer_message": ""}
    assert body["extra"]["pagination"] == {"count": 4, "total_count": 4}
    assert body["extra"]["filters"] == {"limit": 100, "offset": 0, "state": "active", "account_id": ACCOUNT}


def test_the_account_is_listed(platform: Platform, reckoning: Reckoning) -> None:
    [account] = platform.http.get("/api/v3/accounts/").json()["data"]
    assert {name: account[name] for name in ("id", "name")} == reckoning.account["account"]
    assert platform.get("")["data"] == account


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_projects_and_environments_are_those_of_the_account(
    platform: Platform, reckoning: Reckoning, version: str
) -> None:
    base = f"/api/{version}/accounts/{ACCOUNT}"
    projects = platform.http.get(f"{base}/projects/").json()["data"]
    assert [(each["id"], each["name"]) for each in projects] == [
        (each["id"], each["name"]) for each in reckoning.account["projects"]
    ]
    names = ("id", "project_id", "name", "type", "deployment_type")
    found = platform.http.get(f"{base}/environments/").json()["data"]
    assert [[each[name] for name in names] for each in found] == [
        [each[name] for name in names] for each in reckoning.account["environments"]
    ]
    of_one = platform.http.get(f"{base}/projects/101001/environments/").json()["data"]
    assert [each["id"] for each in of_one] == [201001, 201002]


@pytest.mark.slow
def test_single_things_are_looked_up_by_id(platform: Platform, reckoning: Reckoning) -> None:
    for name in ("projects", "environments", "jobs"):
        for expected in reckoning.account[name]:
            found = platform.get(f"{name}/{expected['id']}/")["data"]
            assert (found["id"], found["name"]) == (expected["id"], expected["name"])
    nested = platform.get("projects/101001/environments/201002/")["data"]
    assert nested["deployment_type"] == "staging"


def test_environments_are_filtered_by_deployment_type(platform: Platform) -> None:
    staging = platform.get("environments/", deployment_type="staging")["data"]
    assert [each["id"] for each in staging] == [201002]
    both = platform.get("environments/", deployment_type__in="production,staging", project_id=101001)["data"]
    assert [each["id"] for each in both] == [201001, 201002]
    assert platform.get("environments/", name="Staging")["extra"]["pagination"]["total_count"] == 1


def test_jobs_are_those_of_the_account(platform: Platform, reckoning: Reckoning) -> None:
    names = ("id", "name", "project_id", "environment_id", "execute_steps", "job_type")
    found = platform.get("jobs/")["data"]
    assert [[each[name] for name in names] for each in found] == [
        [each[name] for name in names] for each in reckoning.account["jobs"]
    ]
    assert "most_recent_run" not in found[0]
    of_project = platform.get("jobs/", project_id__in="[101001,101003]", environment_id=203001)["data"]
    assert {each["id"] for each in of_project} == {303001, 303002, 303003}
    assert [each["id"] for each in platform.get("jobs/", name__icontains="HOURLY")["data"]] == [301002, 302002, 303002]


def test_the_most_recent_runs_ride_along_when_asked_for(platform: Platform, reckoning: Reckoning) -> None:
    related = json.dumps(["most_recent_run", "most_recent_completed_run", "environment"])
    for job in platform.get("jobs/", include_related=related)["data"]:
        runs = [run for run in reckoning.runs if run["job_definition_id"] == job["id"]]
        newest = max(runs, key=lambda run: (run["created_at"], run["id"]))
        assert job["most_recent_run"]["id"] == job["most_recent_completed_run"]["id"] == newest["id"]
        assert job["most_recent_completed_run"]["status"] == newest["status"]
        assert job["environment"]["id"] == job["environment_id"]
    [one] = [platform.get("jobs/301001/", include_related="['most_recent_run']")["data"]]
    assert one["most_recent_run"]["id"] == FAILED_RUN
    assert "most_recent_run" not in platform.get("jobs/301001/", include_related="most_recent")["data"]


def test_runs_report_their_outcome_and_their_times(platform: Platform, reckoning: Reckoning) -> None:
    found = {run["id"]: run for run in every_run(platform)}
    assert set(found) == {run["id"] for run in reckoning.runs}
    for expected in reckoning.runs:
        run = found[expected["id"]]
        same = (
            "status",
            "status_humanized",
            "project_id",
            "environment_id",
            "job_definition_id",
            "git_sha",
            "git_branch",
        )
        assert [run[name] for name in same] == [expected[name] for name in same]
        flags = ("is_success", "is_error", "is_cancelled", "is_complete")
        assert [run[name] for name in flags] == [expected[name] for name in flags]
        for name in ("created_at", "dequeued_at", "started_at", "finished_at"):
            assert moment(run[name]) == moment(expected[name])
        assert run["job_id"] == run["job_definition_id"]
        assert run["created_at"].endswith("+00:00")
        seconds = int((moment(expected["finished_at"]) - moment(expected["started_at"])).total_seconds())
        assert run["run_duration"] == f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"job_definition_id": 301001}, lambda run: run["job_definition_id"] == 301001),
        ({"job_definition_id__in": "301001,302002"}, lambda run: run["job_definition_id"] in {301001, 302002}),
        ({"project_id": 101002}, lambda run: run["project_id"] == 101002),
        ({"project_id__in": "[101002, 101003]"}, lambda run: run["project_id"] in {101002, 101003}),
        ({"environment_id": 201002}, lambda run: run["environment_id"] == 201002),
        ({"status": 30}, lambda run: run["status"] == 30),
        ({"status__in": "[20,30]"}, lambda run: run["status"] in {20, 30}),
        (
            {"status__in": "[20,30]", "project_id": 101001},
            lambda run: run["status"] == 20 and run["project_id"] == 101001,
        ),
        ({"id__gt": 70437490011000}, lambda run: run["id"] > 70437490011000),
        (
            {"created_at__range": '["2026-03-05","2026-03-06T12:00:00Z"]'},
            lambda run: "2026-03-05" <= run["created_at"] <= "2026-03-06T12:00:00Z",
        ),
        (
            {"finished_at__range": "2026-03-10T00:00:00Z,2026-03-11"},
            lambda run: "2026-03-10" <= run["finished_at"] <= "2026-03-11",
        ),
    ],
)
def test_runs_are_filtered(platform: Platform, reckoning: Reckoning, params: dict, wanted: object) -> None:
    expected = {run["id"] for run in reckoning.runs if wanted(run)}
    assert expected
    body = platform.get("runs/", **params)
    assert {run["id"] for run in body["data"]} == expected
    assert body["extra"]["pagination"] == {"count": len(expected), "total_count": len(expected)}


@pytest.mark.parametrize("key", ["id", "created_at", "finished_at"])
def test_runs_are_ordered_both_ways(platform: Platform, reckoning: Reckoning, key: str) -> None:
    # By id means by time: ids of dbt Core runs say nothing about it.
    time = "created_at" if key == "id" else key
    expected = [run["id"] for run in sorted(reckoning.runs, key=lambda run: (run[time], run["id"]))]
    assert [run["id"] for run in every_run(platform, order_by=key)] == expected
    assert [run["id"] for run in every_run(platform, order_by=f"-{key}")] == expected[::-1]


def test_runs_are_listed_by_id_unless_said_otherwise(platform: Platform, reckoning: Reckoning) -> None:
    assert [run["id"] for run in every_run(platform)] == in_time(reckoning)
    assert platform.get("runs/")["extra"]["order_by"] == "id"


def test_pages_walk_through_every_run_once(platform: Platform, reckoning: Reckoning) -> None:
    seen: list[int] = []
    while True:
        body = platform.get("runs/", limit=30, offset=len(seen))
        assert body["extra"]["pagination"]["total_count"] == len(reckoning.runs)
        if not body["data"]:
            break
        seen += [run["id"] for run in body["data"]]
    assert seen == in_time(reckoning)


def test_a_limit_above_a_hundred_is_a_hundred(platform: Platform) -> None:
    assert platform.get("runs/", limit=5000)["extra"]["filters"]["limit"] == 100


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "x"},
        {"offset": -1},
        {"order_by": "duration"},
        {"status": "failed"},
        {"created_at__range": "yesterday"},
        {"created_at__range": "2026-03-01"},
    ],
)
def test_a_value_that_makes_no_sense_is_400(platform: Platform, params: dict) -> None:
    answer = platform.http.get(f"/api/v2/accounts/{ACCOUNT}/runs/", params=params)
    assert (answer.status_code, answer.json()["status"]["is_success"]) == (400, False)


def test_one_run_shows_its_steps_and_its_trigger(platform: Platform, reckoning: Reckoning) -> None:
    expected = next(run for run in reckoning.runs if run["id"] == FAILED_RUN)
    run = platform.get(f"runs/{FAILED_RUN}/")["data"]
    assert run["trigger"]["cause_category"] == expected["trigger"]["cause_category"]
    names = ("index", "name", "status", "status_humanized", "started_at", "finished_at")
    steps = [[step[name] for name in names] for step in run["run_steps"]]
    assert steps == [[step[name] for name in names] for step in expected["run_steps"]]
    related = platform.get("runs/", pk=FAILED_RUN, include_related='["job","environment"]')["data"][0]
    assert (related["job"]["id"], related["environment"]["id"]) == (FAILED_JOB, 201001)


def test_a_run_that_left_no_artifacts_is_known_here(platform: Platform, reckoning: Reckoning) -> None:
    with_files = {command.run["id"] for command in reckoning.commands}
    [silent, *_] = [run for run in reckoning.runs if run["id"] not in with_files]
    assert platform.get(f"runs/{silent['id']}/")["data"]["status"] == silent["status"]
    assert platform.get(f"runs/{silent['id']}/artifacts/")["data"] is None


def test_artifacts_are_listed_and_sent_as_dbt_wrote_them(platform: Platform, demo_folder: Path) -> None:
    assert platform.get(f"runs/{FAILED_RUN}/artifacts/")["data"] == [
        "manifest.json",
        "run_results.json",
        "sources.json",
    ]
    base = f"/api/v2/accounts/{ACCOUNT}/runs/{FAILED_RUN}/artifacts"
    folder = demo_folder / "finance" / str(FAILED_JOB) / str(FAILED_RUN)
    last = platform.http.get(f"{base}/run_results.json")
    assert last.content == (folder / "step_2" / "run_results.json").read_bytes()
    first = platform.http.get(f"{base}/sources.json", params={"step": 1})
    assert first.content == (folder / "step_1" / "sources.json").read_bytes()
    assert int(first.headers["content-length"]) == len(first.content)


def test_a_step_has_its_own_files_and_those_dbt_left_from_the_steps_before(
    platform: Platform, demo_folder: Path
) -> None:
    path = f"runs/{FAILED_RUN}/artifacts/"
    assert platform.get(path, step=1)["data"] == ["manifest.json", "sources.json"]
    assert platform.get(path, step=2)["data"] == ["manifest.json", "run_results.json", "sources.json"]
    assert platform.get(path, step=3)["data"] is None
    folder = demo_folder / "finance" / str(FAILED_JOB) / str(FAILED_RUN)
    for step in (1, 2):
        answer = platform.http.get(f"/api/v2/accounts/{ACCOUNT}/{path}manifest.json", params={"step": step})
        assert answer.content == (folder / f"step_{step}" / "manifest.json").read_bytes()
    left = platform.http.get(f"/api/v2/accounts/{ACCOUNT}/{path}sources.json", params={"step": 2})
    assert left.content == (folder / "step_1" / "sources.json").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        f"runs/{FAILED_RUN}/artifacts/catalog.json",
        f"runs/{FAILED_RUN}/artifacts/run_results.json?step=1",
        f"runs/{FAILED_RUN}/artifacts/sources.json?step=3",
        f"runs/{FAILED_RUN}/artifacts/../run.json",
        f"runs/{FAILED_RUN}/artifacts//etc/passwd",
        "runs/1/",
        "jobs/1/",
        "projects/1/",
        "environments/1/",
        "jobs/301003/artifacts/catalog.json",
    ],
)
def test_what_does_not_exist_is_404_in_the_envelope(platform: Platform, path: str) -> None:
    answer = platform.http.get(f"/api/v2/accounts/{ACCOUNT}/{path}")
    assert answer.status_code == 404
    if answer.headers["content-type"] == "application/json":
        assert (answer.json()["status"]["code"], answer.json()["data"]) == (404, None)


def test_another_account_sees_nothing(platform: Platform) -> None:
    for path in ("projects/", "runs/", f"runs/{FAILED_RUN}/", ""):
        assert platform.http.get(f"/api/v2/accounts/7/{path}").status_code == 404


def test_a_path_without_its_slash_is_redirected(platform: Platform) -> None:
    client = TestClient(create_platform(platform.archive), follow_redirects=False)
    answer = client.get(f"/api/v2/accounts/{ACCOUNT}/runs?limit=1")
    assert answer.status_code in {301, 302, 307, 308}
    assert answer.headers["location"].endswith(f"/api/v2/accounts/{ACCOUNT}/runs/?limit=1")


def test_a_step_is_found_by_its_id(platform: Platform) -> None:
    steps = platform.get(f"runs/{FAILED_RUN}/", include_related='["run_steps"]')["data"]["run_steps"]
    assert len(steps) == 2
    for step in steps:
        assert platform.get(f"steps/{step['id']}/")["data"] == step
        assert step["account_id"] == ACCOUNT
        seconds = int((moment(step["finished_at"]) - moment(step["started_at"])).total_seconds())
        assert step["duration"] == f"00:{seconds // 60:02d}:{seconds % 60:02d}"
    for missing in (steps[-1]["id"] + 1, 5, 10**15):
        assert platform.http.get(f"/api/v2/accounts/{ACCOUNT}/steps/{missing}/").status_code == 404


@pytest.mark.parametrize(("name", "file"), [("has_docs_generated", "catalog"), ("has_sources_generated", "sources")])
def test_runs_are_found_by_what_they_left(platform: Platform, reckoning: Reckoning, name: str, file: str) -> None:
    left = {command.run["id"] for command in reckoning.commands if file in command.files}
    assert left
    assert {run["id"] for run in every_run(platform) if run[name]} == left
    assert {run["id"] for run in platform.get("runs/", **{name: "true"})["data"]} == left
    others = {run["id"] for run in reckoning.runs} - left
    assert {run["id"] for run in every_run(platform, **{name: "False"})} == others


@pytest.mark.parametrize(
    ("path", "params", "wanted"),
    [
        ("projects/", {"state": 1, "pk": 101001}, [101001]),
        ("projects/", {"state": 2}, []),
        ("environments/", {"state": "all", "project_id__in": "[101001]"}, [201001, 201002]),
        ("environments/", {"pk": 203001}, [203001]),
        ("jobs/", {"state": 2}, []),
        ("jobs/", {"is_system": "true"}, []),
        ("jobs/", {"is_system": "false", "pk__in": "[301002,301001]"}, [301001, 301002]),
        ("runs/", {"pk": FAILED_RUN, "state": 1}, [FAILED_RUN]),
        ("runs/", {"deferring_run_id": 5}, []),
        ("runs/", {"dbt_version__in": '["0.1.0"]'}, []),
    ],
)
def test_every_published_filter_narrows(platform: Platform, path: str, params: dict, wanted: list[int]) -> None:
    assert [each["id"] for each in platform.get(path, **params)["data"]] == wanted


def test_jobs_are_found_by_having_a_schedule(platform: Platform, reckoning: Reckoning) -> None:
    scheduled = {job["id"] for job in reckoning.account["jobs"] if job["schedule"]}
    found = {job["id"] for job in platform.get("jobs/", triggers_schedule="true")["data"]}
    assert found == scheduled
    assert 0 < len(found) < len(reckoning.account["jobs"])


# What clients may read of each thing, from the published description of the API.
PUBLISHED = {
    "projects/101001/": "id name account_id description dbt_project_subdirectory type state docs_job_id"
    " freshness_job_id semantic_layer_config_id connection_id repository_id created_at updated_at",
    "environments/201001/": "id account_id project_id name type deployment_type dbt_version raw_dbt_version"
    " use_custom_branch custom_branch state is_deferrable enable_dbt_state enable_model_query_history credentials_id"
    " connection_id primary_profile_id created_at updated_at",
    "jobs/301001/": "id account_id project_id environment_id name description dbt_version execute_steps job_type"
    " triggers settings execution schedule generate_docs run_generate_sources deferring_environment_id is_deferrable"
    " run_failure_count state created_at updated_at",
    f"runs/{FAILED_RUN}/": "id trigger_id account_id project_id environment_id job_definition_id job_id status"
    " status_humanized status_message dbt_version git_branch git_sha created_at updated_at dequeued_at started_at"
    " finished_at should_start_at in_progress is_complete is_success is_error is_cancelled is_running duration"
    " queued_duration run_duration duration_humanized queued_duration_humanized run_duration_humanized"
    " created_at_humanized finished_at_humanized href artifacts_saved has_docs_generated has_sources_generated"
    " blocked_by deferring_run_id retrying_run_id can_retry retry_not_supported_reason trigger run_steps",
}


@pytest.mark.slow
def test_a_failed_run_says_what_failed_first_in_it(platform: Platform, demo_folder: Path) -> None:
    body = platform.get("runs/", status=20)
    assert len(body["data"]) == body["extra"]["pagination"]["total_count"]
    expected = {}
    for path in demo_folder.glob("*/*/*/run.json"):
        record = json.loads(path.read_bytes())
        if record["status"] == 20:
            failures = read_failures(path.parent, read_results(path.parent))
            expected[record["id"]] = record.get("status_message") or (sentence(failures) if failures else None)
    assert {run["id"]: run["status_message"] for run in body["data"]} == expected
    assert sum(message is not None for message in expected.values()) > 3
    assert {run["status_message"] for run in platform.get("runs/", status=10)["data"]} == {None}


@pytest.mark.parametrize("path", PUBLISHED)
def test_every_published_field_is_there(platform: Platform, path: str) -> None:
    assert set(PUBLISHED[path].split()) <= set(platform.get(path)["data"])


def test_durations_are_told_to_people_too(platform: Platform, reckoning: Reckoning) -> None:
    expected = next(run for run in reckoning.runs if run["id"] == FAILED_RUN)
    run = platform.get(f"runs/{FAILED_RUN}/")["data"]
    seconds = int((moment(expected["finished_at"]) - moment(expected["started_at"])).total_seconds())
    assert run["run_duration_humanized"] == f"{seconds} seconds"
    assert run["finished_at_humanized"].endswith(" ago")


@pytest.mark.parametrize(
    "path",
    [
        f"accounts/{2**70}/",
        f"accounts/{ACCOUNT}/runs/{2**63}/",
        f"accounts/{ACCOUNT}/jobs/{10**30}/",
        f"accounts/{ACCOUNT}/runs/{10**30}/artifacts/manifest.json",
        f"accounts/{ACCOUNT}/invites/",
        "nonsense",
    ],
)
def test_an_address_that_leads_nowhere_is_404_in_the_envelope(platform: Platform, path: str) -> None:
    answer = platform.http.get(f"/api/v2/{path}")
    assert (answer.status_code, answer.json()["status"]["is_success"], answer.json()["data"]) == (404, False, None)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 10**30},
        {"offset": 2**63},
        {"status": 10**30},
        {"id__gt": "9" * 5000},
        {"pk__in": f"[{2**63}]"},
        {"has_docs_generated": "perhaps"},
        {"state": "gone"},
    ],
)
def test_a_number_that_no_archive_could_hold_is_400_in_the_envelope(platform: Platform, params: dict) -> None:
    answer = platform.http.get(f"/api/v2/accounts/{ACCOUNT}/runs/", params=params)
    assert (answer.status_code, answer.json()["data"]) == (400, None)


def test_text_that_no_archive_could_hold_finds_nothing_or_is_400(platform: Platform) -> None:
    for path, name in (("runs", "dbt_version"), ("jobs", "name__icontains")):
        answer = platform.http.get(f"/api/v2/accounts/{ACCOUNT}/{path}/", params={name: "a\0b"})
        assert (answer.status_code, answer.json()["data"]) in ((200, []), (400, None))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "jobs/301001/run/"),
        ("POST", "jobs/301001/rerun/"),
        ("POST", f"runs/{FAILED_RUN}/cancel/"),
        ("POST", f"runs/{FAILED_RUN}/retry/"),
        ("POST", "jobs/"),
        ("PUT", "projects/101001/"),
        ("PATCH", "environments/201001/"),
        ("DELETE", "jobs/301001/"),
    ],
)
def test_calls_that_would_change_something_are_refused_with_what_to_do(
    platform: Platform, method: str, path: str
) -> None:
    answer = platform.http.request(method, f"/api/v2/accounts/{ACCOUNT}/{path}", json={"cause": "test"})
    assert (answer.status_code, answer.json()["data"], answer.json()["status"]["code"]) == (403, None, 403)
    assert f"{method} /api/v2/accounts/{ACCOUNT}/{path} is refused" in answer.json()["status"]["user_message"]
    assert "gateway exec" in answer.json()["status"]["user_message"]

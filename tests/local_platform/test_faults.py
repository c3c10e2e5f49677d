"""The platform misbehaves when a test asks for it, and never otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from gateway.local_platform.faults.switches import SWITCHES, Faults, parse_faults
from tests.local_platform.reckoning import Reckoning, millis, moment
from tests.served_platform import ACCOUNT, Platform

pytestmark = pytest.mark.sqlite_by_day

QUERY = "{ environment(id: 201001) { dbtProjectName } job(id: 301001) { id runId } }"
RIGHT = {"environment": {"dbtProjectName": "finance"}, "job": {"id": 301001, "runId": 70437490011508}}


@pytest.fixture
def faulty(platform: Platform) -> TestClient:
    """A platform that takes faults by header."""
    return TestClient(create_platform(platform.archive, faults=Faults()))


def ask(client: TestClient, fault: str, query: str = QUERY) -> Any:
    return client.post("/graphql", json={"query": query}, headers={"x-platform-fault": fault})


def test_without_faults_nothing_is_wrong(faulty: TestClient) -> None:
    assert faulty.post("/graphql", json={"query": QUERY}).json() == {"data": RIGHT}


def test_the_header_is_refused_where_faults_are_off(platform: Platform) -> None:
    answer = ask(platform.http, "forbidden")
    assert answer.status_code == 400
    assert "switched off" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        "nonsense",
        "latency=soon",
        "latency=0.1,nonsense",
        "latency=nan",
        "latency=-1",
        "server-error=200",
        "server-error=nan",
        "oversized=inf",
        "rate-limited=1e300",
    ],
)
def test_a_fault_that_is_not_known_is_named(faulty: TestClient, wrong: str) -> None:
    answer = ask(faulty, wrong)
    assert answer.status_code == 400
    name = wrong.rpartition(",")[2].partition("=")[0]
    assert name in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("unauthenticated", 401),
        ("unauthenticated-200", 200),
        ("forbidden", 403),
        ("rate-limited", 429),
        ("server-error", 502),
        ("server-error=503", 503),
    ],
)
def test_requests_are_refused_in_both_apis(faulty: TestClient, fault: str, status: int) -> None:
    headers = {"x-platform-fault": fault}
    admin = faulty.get(f"/api/v2/accounts/{ACCOUNT}/runs/", headers=headers)
    discovery = ask(faulty, fault)
    assert (admin.status_code, discovery.status_code) == (status, status)
    if fault.startswith("server-error"):
        assert discovery.headers["content-type"].startswith("text/html")
    else:
        assert discovery.json()["errors"]
        assert admin.json()["status"]["is_success"] is False


def test_a_rate_limit_shows_when_to_come_back_only_if_asked_to(faulty: TestClient) -> None:
    assert ask(faulty, "rate-limited=300").headers["retry-after"] == "300"
    assert "retry-after" not in ask(faulty, "rate-limited").headers


def test_a_truncated_body_ends_in_the_middle(faulty: TestClient) -> None:
    whole = faulty.post("/graphql", json={"query": QUERY}).content
    assert ask(faulty, "truncated").content == whole[: len(whole) // 2]


def test_an_oversized_body_is_padded_but_still_json(faulty: TestClient) -> None:
    answer = ask(faulty, "oversized=100000")
    assert len(answer.content) > 100_000
    assert answer.json() == {"data": RIGHT}


def test_a_slow_drip_and_latency_change_nothing_but_time(faulty: TestClient) -> None:
    assert ask(faulty, "slow-drip=0.001, latency=0.001").json() == {"data": RIGHT}


def test_numbers_take_another_type(faulty: TestClient) -> None:
    assert ask(faulty, "wrong-types").json()["data"]["job"] == {"id": [301001], "runId": [70437490011508]}


def test_a_part_fails_while_the_rest_is_answered(faulty: TestClient) -> None:
    body = ask(faulty, "partial-errors").json()
    assert body["data"] == {**RIGHT, "environment": None}
    assert body["errors"][0]["path"] == ["environment"]


def test_a_document_above_the_budget_is_too_complex(faulty: TestClient) -> None:
    answer = ask(faulty, "complexity=4")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "COMPLEXITY_EXCEEDED")
    assert ask(faulty, "complexity=5").json() == {"data": RIGHT}
    spread = "query { ...A ...A } fragment A on Query { environment(id: 201001) { dbtProjectName } }"
    assert ask(faulty, "complexity=3", spread).status_code == 400


@pytest.mark.slow
def test_big_numbers_come_as_text(faulty: TestClient) -> None:
    assert ask(faulty, "big-int-text").json()["data"]["job"] == {"id": "301001", "runId": "70437490011508"}
    assert ask(faulty, "latency=0").json() == {"data": RIGHT}


def test_job_lists_are_cut_at_a_hundred_rows(faulty: TestClient) -> None:
    query = "{ job(id: 301001) { macros { uniqueId } } }"
    assert len(ask(faulty, "latency=0", query).json()["data"]["job"]["macros"]) > 400
    assert len(ask(faulty, "capped-job-lists", query).json()["data"]["job"]["macros"]) == 100


def test_faults_given_at_creation_are_on_for_every_request(platform: Platform) -> None:
    client = TestClient(create_platform(platform.archive, faults=parse_faults("forbidden")))
    assert client.post("/graphql", json={"query": QUERY}).status_code == 403
    assert client.get("/api/v3/accounts/").status_code == 403


def test_metadata_may_lag_behind_a_finished_run(platform: Platform, new_store: Callable[[], str]) -> None:
    behind = Archive.open(new_store())
    client = TestClient(create_platform(platform.archive, lagging=behind))
    assert client.get(f"/api/v2/accounts/{ACCOUNT}/runs/70437490011508/").json()["data"]["is_complete"] is True
    assert client.post("/graphql", json={"query": "{ job(id: 301001) { runId } }"}).json() == {"data": {"job": None}}
    behind.close()


def updated_at(reckoning: Reckoning, environment_id: int, behind: int) -> datetime:
    """When the environment's state was updated last, so many runs ago; to the millisecond, as the API reports it."""
    ends: dict[int, datetime] = {}
    for command in reckoning.commands_of(environment_id):
        run = command.run["id"]
        ends[run] = max(ends.get(run, command.generated_at), command.generated_at)
    return moment(millis(sorted(ends.values(), reverse=True)[behind].isoformat()))


@pytest.mark.slow
@pytest.mark.parametrize("behind", [0, 1, 2, 5])
def test_discovery_may_be_some_runs_behind_the_admin_api(faulty: TestClient, reckoning: Reckoning, behind: int) -> None:
    query = "{ environment(id: 201001) { applied { lastUpdatedAt } } }"
    for _ in range(2):  # nothing of it is remembered
        answer = ask(faulty, f"metadata-lag={behind}", query).json()["data"]["environment"]["applied"]
        assert moment(answer["lastUpdatedAt"]) == updated_at(reckoning, 201001, behind)
        now = faulty.post("/graphql", json={"query": query}).json()["data"]["environment"]["applied"]
        assert moment(now["lastUpdatedAt"]) == updated_at(reckoning, 201001, 0)
    newest = faulty.get(
        f"/api/v2/accounts/{ACCOUNT}/runs/70437490011508/", headers={"x-platform-fault": "metadata-lag"}
    )
    assert newest.json()["data"]["is_complete"] is True


@pytest.mark.slow
def test_a_run_whose_metadata_lags_is_missing_from_histories_and_jobs(faulty: TestClient) -> None:
    query = """{ job(id: 301001) { runId } environment(id: 201001) { applied {
      modelHistoricalRuns(uniqueId: "model.finance.fct_invoices", lastRunCount: 3) { runId } } } }"""
    now = faulty.post("/graphql", json={"query": query}).json()["data"]
    then = ask(faulty, "metadata-lag=1", query).json()["data"]
    assert now["job"]["runId"] == 70437490011508
    assert then["job"]["runId"] < now["job"]["runId"]
    history = now["environment"]["applied"]["modelHistoricalRuns"]
    assert then["environment"]["applied"]["modelHistoricalRuns"][:2] == history[1:]


@pytest.mark.slow
def test_every_switch_is_described(empty_archive: Archive) -> None:
    page = (Path(__file__).parents[2] / "docs" / "local-platform.md").read_text("utf-8")
    for name, (description, _) in SWITCHES.items():
        assert re.search(rf"\| `{name}`[^|]*\| {re.escape(description)}", page), name
    client = TestClient(create_platform(empty_archive, faults=Faults()))
    for name in SWITCHES:
        value = "=0" if name in {"latency", "slow-drip", "oversized"} else ""
        assert ask(client, f"{name}{value}", "{ __typename }").status_code in {200, 400, 401, 403, 429, 502}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SWITCHES))
def test_every_switch_works_by_header_and_by_setting_and_is_off_by_default(platform: Platform, name: str) -> None:
    """Both ways give the same answer, which is not what is answered without."""
    switch = {"latency": "latency=0.001", "slow-drip": "slow-drip=0.001", "oversized": "oversized=99"}.get(name, name)
    switch = "complexity=1" if name == "complexity" else switch
    query = "{ job(id: 301001) { runId macros { uniqueId } } environment(id: 201001) { dbtProjectName } }"
    right = TestClient(create_platform(platform.archive, faults=Faults())).post("/graphql", json={"query": query})
    by_header = ask(TestClient(create_platform(platform.archive, faults=Faults())), switch, query)
    always = TestClient(create_platform(platform.archive, faults=parse_faults(switch)))
    by_setting = always.post("/graphql", json={"query": query})
    assert (by_header.status_code, by_header.content) == (by_setting.status_code, by_setting.content)
    if name not in {"latency", "slow-drip"}:
        assert (by_header.status_code, by_header.content) != (right.status_code, right.content)


def test_requests_are_counted_by_client(platform: Platform) -> None:
    app = create_platform(platform.archive)
    client = TestClient(app)
    for partner in ("one", "two", "one"):
        client.post("/graphql", json={"query": QUERY}, headers={"X-dbt-partner-source": partner})
    assert app.state.requests.by_client == {"one": 2, "two": 1}
    assert client.get("/platform/requests").status_code == 404


@pytest.mark.slow
def test_the_counts_can_be_read_and_set_to_zero_where_faults_are_on(platform: Platform) -> None:
    app = create_platform(platform.archive, faults=parse_faults("rate-limited"), token="s3cret")
    client = TestClient(app, headers={"Authorization": "Bearer s3cret", "X-dbt-partner-source": "mine"})
    assert client.post("/graphql", json={"query": QUERY}).status_code == 429
    assert client.get("/api/v3/accounts/").status_code == 429
    assert client.get("/platform/requests").json() == {
        "total": 2,
        "clients": {"mine": 2},
        "latest": {"mine": {"POST /graphql": 1, "GET /api/v3/accounts/": 1}},
    }
    assert TestClient(app).get("/platform/requests").status_code == 401
    assert client.delete("/platform/requests").json() == {"total": 0, "clients": {}, "latest": {}}


def test_a_document_nested_without_end_is_refused(platform: Platform) -> None:
    deep = "{ a" * 20_000 + "}" * 20_000
    assert platform.post(deep).status_code == 400


@pytest.mark.parametrize("fault", ["wrong-types", "partial-errors", "truncated"])
def test_a_body_that_is_no_json_is_no_crash(faulty: TestClient, fault: str) -> None:
    answer = faulty.get("/nowhere", headers={"x-platform-fault": fault})
    assert answer.status_code == 404

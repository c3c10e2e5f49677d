"""The platform on a network: the token comes first, and what is asked of it has bounds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.cli import run
from gateway.cli.options import build_parser
from gateway.local_platform.app import create_platform
from gateway.local_platform.discovery.execution.endpoint import MOST_BODY_BYTES
from tests.served_platform import Platform

pytestmark = pytest.mark.sqlite_by_day

HUGE = "x" * 60_000


def test_nothing_of_a_request_without_the_token_is_read(empty_archive: Archive) -> None:
    client = TestClient(create_platform(empty_archive, token="s3cret"))

    for query in ("{ __schema { queryType { name } } }", "{ __typename }", "{" + "__typename " * 10_000 + "}"):
        answer = client.post("/graphql", json={"query": query})
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.slow
async def test_a_body_is_not_received_before_the_token_fits(empty_archive: Archive) -> None:
    app = create_platform(empty_archive, token="s3cret")
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": [], "query_string": b"", "client": None}
    await app({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, receive, send)
    assert sent[0]["status"] == 401


@pytest.mark.slow
def test_names_of_clients_are_cut_counted_and_not_believed_unasked(empty_archive: Archive) -> None:
    app = create_platform(empty_archive, token="s3cret")
    client = TestClient(app)
    for number in range(20):
        client.get(f"/api/v2/{HUGE}", headers={"x-dbt-partner-source": f"{number}{HUGE}"})
    assert app.state.requests.by_client == {"testclient": 20}
    assert max(len(path) for _, path, _ in app.state.requests.records) == 200
    headers = {"Authorization": "Token s3cret"}
    for number in range(1100):
        client.get("/api/v2/", headers={**headers, "x-dbt-partner-source": f"{number} {HUGE}"})
    assert len(app.state.requests.by_client) == 1001
    assert app.state.requests.by_client["others"] == 101
    assert max(map(len, app.state.requests.by_client)) == 200
    client.post("/graphql", json={"query": "{ __typename }", "operationName": HUGE}, headers=headers)
    assert len(app.state.requests.records[-1][2]) == 200


def test_a_body_has_a_bound(platform: Platform) -> None:
    answer = platform.http.post("/graphql", content=b" " * (MOST_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.slow
def test_a_document_has_a_bound(platform: Platform) -> None:
    answer = platform.post("{" + "__typename " * 20_000 + "}")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "GRAPHQL_PARSE_FAILED")


LINEAGE = """
query ($id: BigInt!, $select: String!) {
  environment(id: $id) { applied { lineage(filter: {select: $select}) { uniqueId } } }
}
"""


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        ("tag:a " * 1001, "1,001 selectors are more than are evaluated"),
        ("tag:a," * 1001, "more than are evaluated"),
        ("x" * 501, "more than 500 characters"),
        ("9" * 5000 + "+m", "more than 500 characters"),
    ],
)
def test_selectors_have_a_bound(platform: Platform, select: str, reason: str) -> None:
    [error, *_] = platform.errors(LINEAGE, id=201001, select=select)
    assert reason in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("arguments", "allowed", "host", "status"),
    [
        ((), "", "localhost:8001", 200),
        ((), "", "127.0.0.1", 200),
        # A page whose name was bound to this machine's address after it was loaded.
        ((), "", "rebound.example", 400),
        ((), "platform.example", "platform.example", 200),
        ((), "platform.example", "localhost", 400),
        (("--host", "0.0.0.0", "--token", "s3cret"), "", "whatever.example", 200),  # noqa: S104  # names are unknown
        (("--host", "0.0.0.0", "--token", "s3cret"), "platform.example", "whatever.example", 400),  # noqa: S104
    ],
)
def test_it_answers_to_its_own_names_only(
    demo_store: str, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], allowed: str, host: str, status: int
) -> None:
    answered: list[int] = []

    def serve(create: Callable[[], Any], *_: object) -> int:
        client = TestClient(create(), headers={"Authorization": "Token s3cret", "Host": host})
        answered.append(client.post("/graphql", json={"query": "{ __typename }"}).status_code)
        return 0

    monkeypatch.setattr("gateway.cli.servers.serve", serve)
    if allowed:
        monkeypatch.setenv("GATEWAY_ALLOWED_HOSTS", allowed)
    options = build_parser().parse_args(["platform", "--store", demo_store, "--port", "0", *arguments])
    assert (run(options), answered) == (0, [status])


def _platform(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "platform", "--port", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


@pytest.mark.slow
def test_it_does_not_start_open_on_a_network() -> None:
    done = _platform("--host", "::")
    assert done.returncode == 2
    assert "GATEWAY_PLATFORM_TOKEN" in done.stderr
    assert done.stderr.count("\n") == 1

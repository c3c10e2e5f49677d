"""A gateway below a path, behind proxies that pass the path on and proxies that take it off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.errors import ConfigurationError
from gateway.settings import Settings, load_settings

QUERY = {"query": "{ account { name } }"}
BROWSER = {"accept": "text/html"}


@pytest.fixture(scope="module")
def client(demo_store: str) -> Iterator[TestClient]:
    settings = Settings(store_url=demo_store, path_prefix="/data/dbt", open=True)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("prefix", ["/data/dbt", ""])
def test_every_path_is_served_with_the_prefix_and_without(client: TestClient, prefix: str) -> None:
    for _ in range(4):  # by the application, then from kept answers
        assert client.post(f"{prefix}/graphql", json=QUERY).json()["data"] == {"account": {"name": "Harbor & Pine"}}
    assert client.post(f"{prefix}/graphql/", json=QUERY).status_code == 200
    assert client.get(f"{prefix}/livez").status_code == 200
    assert "<title>" in client.get(f"{prefix}/").text
    assert "<title>" in client.get(f"{prefix}/graphiql").text
    redirect = client.get(f"{prefix}/graphql", headers=BROWSER, follow_redirects=False)
    assert (redirect.status_code, redirect.headers["location"]) == (303, "graphiql")
    with client.websocket_connect(f"{prefix}/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"


def test_the_prefix_alone_leads_to_the_pages(client: TestClient) -> None:
    response = client.get("/data/dbt?run=1", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (308, "dbt/?run=1")
    assert "<title>" in client.get("/data/dbt").text


def test_paths_that_only_begin_alike_are_none_of_it(client: TestClient) -> None:
    assert client.get("/data/dbtx/livez").status_code == 404
    assert client.get("/data/livez").status_code == 404


@pytest.mark.parametrize("prefix", ["dbt", "/dbt/", "/", "//dbt", "/d bt", "/dbt?x"])
def test_a_prefix_that_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("GATEWAY_PATH_PREFIX", prefix)
    with pytest.raises(ConfigurationError, match="must begin with a slash and not end with one, such as /dbt"):
        load_settings({})

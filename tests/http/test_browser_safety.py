"""What a foreign web page can and cannot do with a visitor's browser."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from starlette.applications import Starlette

from gateway.http.edge import EdgePolicy, create_edge
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import post, send

TARGET = "/graphql?query=" + quote("{ greeting }")
OURS, FOREIGN = "https://app.example", "https://evil.example"


@pytest.fixture
def open_app(executor: SmallExecutor) -> Starlette:
    return create_edge(executor, EdgePolicy(allowed_origins=(OURS,)), Readable())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Origin": FOREIGN}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": OURS, "Sec-Fetch-Site": "cross-site"}, 200),
        ({"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "GraphQL-Require-Preflight": "1"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "X-Apollo-Operation-Name": "A"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Apollo-Require-Preflight": ""}, 403),
    ],
    ids=str,
)
async def test_a_simple_get_is_answered_only_for_pages_that_may_read_it(
    open_app: Starlette, headers: dict[str, str], status: int
) -> None:
    response = await send(open_app, "GET", TARGET, headers)
    assert response.status == status
    if status == 403:
        assert response.codes == ["CSRF_PREVENTED"]


async def test_an_allowed_origin_may_read_answers_and_refusals(open_app: Starlette) -> None:
    for query, status in (("{ greeting }", 200), ("{", 400)):
        response = await post(open_app, {"query": query}, {"Origin": OURS})
        assert response.status == status
        assert response.headers["access-control-allow-origin"] == OURS


async def test_a_foreign_origin_may_read_nothing(open_app: Starlette) -> None:
    response = await post(open_app, {"query": "{ greeting }"}, {"Origin": FOREIGN})
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(("origin", "status"), [(OURS, 200), (FOREIGN, 400), ("null", 400), (OURS + ".evil", 400)])
async def test_only_an_allowed_origin_passes_the_preflight(open_app: Starlette, origin: str, status: int) -> None:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = await send(open_app, "OPTIONS", "/graphql", headers)
    assert response.status == status
    assert (response.headers.get("access-control-allow-origin") == origin) == (status == 200)
    assert "access-control-allow-credentials" not in response.headers


async def test_no_origin_is_allowed_unless_configured(app: Starlette) -> None:
    headers = {"Origin": OURS, "Access-Control-Request-Method": "POST"}
    response = await send(app, "OPTIONS", "/graphql", headers)
    assert response.status == 405
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("gateway.example", 200),
        ("GATEWAY.example:8000", 200),
        ("a.team.example", 200),
        ("a.b.team.example:443", 200),
        ("[::1]:8000", 200),
        ("team.example", 400),
        ("evil.example", 400),
        ("gateway.example.evil.example", 400),
        ("evilteam.example", 400),
        ("", 400),
        ("[::1", 400),
        ("gateway.example, evil.example", 400),
        ("gateway.example@evil.example", 400),
    ],
)
async def test_only_known_hosts_are_answered(executor: SmallExecutor, host: str, status: int) -> None:
    known = ("gateway.example", "*.team.example", "[::1]")
    app = create_edge(executor, EdgePolicy(allowed_hosts=known), Readable())
    response = await post(app, {"query": "{ greeting }"}, {"Host": host})
    assert response.status == status
    if status == 400:
        assert response.codes == ["HOST_NOT_ALLOWED"]
        assert b"evil" not in response.body


async def test_probes_are_answered_under_any_name(executor: SmallExecutor) -> None:
    app = create_edge(executor, EdgePolicy(allowed_hosts=("gateway.example",)), Readable())
    for path in ("/livez", "/readyz"):
        assert (await send(app, "GET", path, {"Host": "10.0.0.7:8000"})).status == 200
    assert (await send(app, "GET", "/", {"Host": "10.0.0.7:8000"})).status == 400

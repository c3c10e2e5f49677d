"""Callers who bring their own dbt tokens: dbt is asked with them, and what one may read another is never told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.app import create_app
from gateway.errors import CallerTokenRefused, ConfigurationError, UpstreamError, UpstreamRateLimited
from gateway.hierarchy.objects.visibility import EVERYTHING
from gateway.http.authentication import Credentials
from gateway.http.known_callers import KnownCallers
from gateway.identity.errors import Unauthenticated
from gateway.services.bundle import Upstream
from gateway.services.resilience.policy import ResiliencePolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.tokens.token_proofs import TokenProofs
from gateway.services.tokens.token_services import TokenServices
from gateway.services.transport.http_transport import TransportLimits, TransportRequest, TransportResponse
from gateway.settings import Settings, load_settings
from gateway.telemetry.usage import current_usage
from tests.clock import Clock
from tests.identity.callers import Holder, known_to

QUERY = "{ account { projects { nodes { id models { totalCount } } } jobs { totalCount } } }"
ANNA, BERT = "dbtu_anna_canary_1", "dbtu_bert_canary_2"


class PerToken:
    """A platform that knows some tokens, and refuses environments to those that may not see them."""

    def __init__(self, allowed: Mapping[str, bool]) -> None:
        self.allowed = dict(allowed)
        self.asked: Counter[str] = Counter()
        self._platform: ASGIApp | None = None

    def wrap(self, platform: ASGIApp) -> Any:
        self._platform = platform
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = Headers(scope=scope).get("authorization", "").removeprefix("Token ")
        self.asked[token] += 1
        body = await Request(scope, receive).body()
        if token not in self.allowed:
            await JSONResponse({"status": {"code": 401}}, 401)(scope, receive, send)
            return
        if not self.allowed[token] and scope["path"].endswith(("/projects/", "/environments/", "/jobs/")):
            empty = {"status": {"code": 200}, "data": [], "extra": {"pagination": {"count": 0, "total_count": 0}}}
            await JSONResponse(empty)(scope, receive, send)
            return

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        assert self._platform is not None
        await self._platform(scope, again, send)


async def ask(client: httpx2.AsyncClient, headers: Mapping[str, str]) -> Any:
    return (await client.post("/graphql", json={"query": QUERY}, headers=dict(headers))).json()


class Opened:
    """A gateway that passes tokens through."""

    def __init__(self, settings: Settings, platform: PerToken) -> None:
        self.app = create_app(settings.model_copy(update={"pass_through_tokens": True}), wrap_platform=platform.wrap)

    async def __aenter__(self) -> httpx2.AsyncClient:
        self._lifespan = self.app.router.lifespan_context(self.app)
        await self._lifespan.__aenter__()
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://localhost")
        return self._client

    async def __aexit__(self, *error: Any) -> None:
        await self._client.aclose()
        await self._lifespan.__aexit__(*error)


@pytest.mark.slow
async def test_each_token_reads_facts_of_its_own(settings: Settings) -> None:
    platform = PerToken({ANNA: True, BERT: False})
    async with Opened(settings, platform) as client:
        for _ in range(3):
            anna = await ask(client, {"X-dbt-Token": ANNA})
            bert = await ask(client, {"X-dbt-Token": BERT})
            assert len(anna["data"]["account"]["projects"]["nodes"]) == 4
            assert bert["data"]["account"] == {"projects": {"nodes": []}, "jobs": {"totalCount": 0}}
        assert set(platform.asked) == {ANNA, BERT}
        asked = dict(platform.asked)
        await ask(client, {"X-dbt-Token": ANNA})
        assert platform.asked == asked, "what a token has read is kept for it"


@pytest.mark.slow
async def test_without_a_token_of_his_own_nobody_is_answered(settings: Settings) -> None:
    platform = PerToken({ANNA: True})
    async with Opened(settings, platform) as client:
        await ask(client, {"X-dbt-Token": ANNA})
        for headers in ({}, {"Authorization": f"Bearer {ANNA}"}, {"X-dbt-Token": ""}, {"X-dbt-Token": "x" * 513}):
            assert (await ask(client, headers))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", headers
        for token in ("dbtu_nobody", "x" * 512, "x"):
            unknown = await ask(client, {"X-dbt-Token": token})
            assert {error["extensions"]["code"] for error in unknown["errors"]} == {"UNAUTHENTICATED"}
            refused = await client.post("/graphql", json={"query": QUERY}, headers={"X-dbt-Token": token})
            assert (refused.status_code, refused.json().get("data", "none")) == (401, "none")
            assert refused.headers["WWW-Authenticate"]
            assert "X-dbt-Token" in refused.json()["errors"][0]["message"]
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/metrics", headers={"X-dbt-Token": ANNA})).status_code == 403


@pytest.mark.slow
async def test_keys_say_who_may_come_and_the_token_what_is_read(settings: Settings) -> None:
    holder = Holder("finance", ("finance",))
    platform = PerToken({ANNA: True})
    async with Opened(known_to(settings, holder), platform) as client:
        both = await ask(client, {"X-dbt-Token": ANNA, "X-API-Key": holder.key})
        assert [one["id"] for one in both["data"]["account"]["projects"]["nodes"]] == ["finance"]
        for headers in ({"X-dbt-Token": ANNA}, {"X-API-Key": holder.key}):
            assert (await ask(client, headers))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.slow
async def test_tokens_are_not_written_anywhere(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    platform = PerToken({ANNA: True})
    async with Opened(settings, platform) as client:
        answers = [await ask(client, {"X-dbt-Token": token}) for token in (ANNA, BERT)]
        metrics = (await client.get("/metrics")).text
    name = f"dbt token {hashlib.sha256(ANNA.encode()).hexdigest()[:12]}"
    assert f'"caller":"{name}"' in caplog.text
    assert "canary" not in caplog.text + json.dumps(answers) + metrics


@pytest.mark.parametrize("token", [b"", b"x" * 513, "dbtu_ä".encode(), b"dbtu_\xff", b"dbtu_\x00", b"a\nb", None])
async def test_what_no_token_can_be_is_refused_unsent(token: bytes | None) -> None:
    with pytest.raises(Unauthenticated):
        await KnownCallers(None, None, pass_through=True).caller(Credentials(dbt_token=token))


async def test_who_comes_with_a_token_alone_sees_what_it_sees_and_may_do_nothing_else() -> None:
    told = await KnownCallers(None, None, pass_through=True).caller(Credentials(dbt_token=b"dbtu_anna"))
    assert told.dbt_token is not None
    assert told.dbt_token.get_secret_value() == "dbtu_anna"
    assert (told.visibility, told.scopes, told.until) == (EVERYTHING, frozenset(), None)


async def test_four_thousand_callers_are_remembered_and_the_first_to_go_came_first() -> None:
    callers = KnownCallers(None, None, pass_through=True)
    given = [Credentials(dbt_token=b"dbtu_%d" % number) for number in range(4_097)]
    for one in given:
        await callers.caller(one)
    assert [callers.known_caller(one) is None for one in given[:3]] == [True, False, False]
    await callers.caller(given[0])
    assert [callers.known_caller(one) is None for one in given] == [one is given[3] for one in given]


class Bundles:
    """Opens and closes what is no service, and counts."""

    def __init__(self) -> None:
        self.open: Counter[str] = Counter()
        self.opened: dict[str, SimpleNamespace] = {}

    def __call__(self, token: SecretStr) -> Any:
        bundles, name = self, token.get_secret_value()

        class One:
            async def __aenter__(self) -> Any:
                await asyncio.sleep(0)
                bundles.open[name] += 1
                return bundles.opened.setdefault(name, SimpleNamespace(name=name, poller=SimpleNamespace(listeners=0)))

            async def __aexit__(self, *_: Any) -> None:
                bundles.open[name] -= 1

        return One()


async def test_few_tokens_are_kept_and_none_for_long() -> None:
    bundles, clock = Bundles(), Clock()
    kept = TokenServices(bundles, 2, clock)
    for name in "abcb":
        assert (await kept.of(SecretStr(name))).name == name
    assert +bundles.open == Counter("bc")
    clock.now += 600
    await kept.of(SecretStr("c"))
    clock.now += 301
    await kept.of(SecretStr("c"))
    assert +bundles.open == Counter("c")
    clock.now += 4_099
    assert (await kept.of(SecretStr("c"))).name == "c"
    await kept.close()
    assert +bundles.open == Counter()


async def test_those_to_whom_somebody_listens_stay() -> None:
    bundles, clock = Bundles(), Clock()
    kept = TokenServices(bundles, 2, clock)
    for name in "ab":
        (await kept.of(SecretStr(name))).poller.listeners = 1
    clock.now += 10_000
    await kept.of(SecretStr("c"))
    assert +bundles.open == Counter("abc"), "two listen, the third is just being used"
    await kept.of(SecretStr("d"))
    assert +bundles.open == Counter("abd")
    bundles.opened["a"].poller.listeners = 0
    await kept.of(SecretStr("d"))
    assert +bundles.open == Counter("bd")


async def test_two_at_once_share_one() -> None:
    bundles = Bundles()
    kept = TokenServices(bundles, 2)
    await asyncio.gather(*(kept.of(SecretStr("a")) for _ in range(5)))
    assert bundles.open == Counter("a")


def test_local_runs_take_no_tokens() -> None:
    with pytest.raises(ConfigurationError, match="discovery_url"):
        load_settings({"pass_through_tokens": True})
    cloud = {"discovery_url": "https://dbt.example/graphql", "admin_url": "https://dbt.example", "account_id": 1}
    assert load_settings({**cloud, "pass_through_tokens": True}).service_token is None


@pytest.mark.slow
async def test_made_up_tokens_are_tried_once_and_push_nobody_out(settings: Settings) -> None:
    platform = PerToken({ANNA: True, BERT: True})
    async with Opened(settings.model_copy(update={"pass_through_kept": 2}), platform) as client:
        for token in (ANNA, BERT):
            await ask(client, {"X-dbt-Token": token})
        asked = dict(platform.asked)
        for _ in range(3):
            made_up = (ask(client, {"X-dbt-Token": f"dbtu_made_up_{number}"}) for number in range(60))
            for answer in await asyncio.gather(*made_up):
                (error,) = answer["errors"]
                assert error["extensions"]["code"] == "UNAUTHENTICATED"
                assert "X-dbt-Token" in error["message"]
        assert sum(platform.asked.values()) - sum(asked.values()) == 60
        for token in (ANNA, BERT):
            await ask(client, {"X-dbt-Token": token})
            assert platform.asked[token] == asked[token], "what was read with it is still known"


async def test_a_refused_token_is_tried_again_after_a_minute() -> None:
    clock, transport = Clock(), Answering()
    proofs = TokenProofs(Upstream(transport, "http://dbt/graphql", "http://dbt", 7), 5.0, clock)
    transport.status = 401
    for seconds, sent in ((0, 1), (59, 1), (2, 2)):
        clock.now += seconds
        with pytest.raises(CallerTokenRefused):
            await proofs.prove("hash", SecretStr(ANNA))
        assert len(transport.sent) == sent
    clock.now += 61
    transport.status = 403
    await proofs.prove("hash", SecretStr(ANNA))
    assert {one.url for one in transport.sent} == {"http://dbt/api/v2/accounts/7/"}
    assert len({*transport.callers}) == 1, "one turn for all"


@pytest.mark.parametrize("status", [302, 429, 500, 503])
async def test_what_says_nothing_of_a_token_is_not_remembered(status: int) -> None:
    transport = Answering()
    proofs = TokenProofs(Upstream(transport, "http://dbt/graphql", None, 7), 5.0)
    transport.status = status
    with pytest.raises(UpstreamError):
        await proofs.prove("hash", SecretStr(ANNA))
    transport.status = 200
    await proofs.prove("hash", SecretStr(ANNA))
    assert [one.url for one in transport.sent] == ["http://dbt/graphql"] * 2


class Answering:
    """A wire that notes what is sent and by whom, and answers with a status."""

    def __init__(self) -> None:
        self.status = 200
        self.limited: set[str] = set()
        self.sent: list[TransportRequest] = []
        self.callers: list[str | None] = []

    async def send(self, request: TransportRequest) -> TransportResponse:
        self.sent.append(request)
        self.callers.append(current_usage().caller)
        token = request.token.get_secret_value() if request.token else ""
        return TransportResponse(429 if token in self.limited else self.status, {"retry-after": "60"}, b"{}")

    async def close(self) -> None:
        return None


async def test_a_429_closes_its_token_and_a_second_one_everybody() -> None:
    clock, inner = Clock(), Answering()
    policy, limits = ResiliencePolicy(), TransportLimits()
    transport = ResilientTransport(inner, policy, limits, TransportDependencies(clock=clock))

    async def send(token: str, *, proven: bool = True) -> str:
        try:
            await transport.send(
                TransportRequest("GET", "http://dbt/", api="admin", token=SecretStr(token), proven=proven)
            )
        except UpstreamRateLimited:
            return "closed"
        return "sent"

    inner.limited = {"a", "x", "y"}
    assert [await send(one, proven=False) for one in "xy"] == ["closed"] * 2
    assert [await send(one) for one in "aabc"] == ["closed", "closed", "sent", "sent"]
    assert [one.token.get_secret_value() for one in inner.sent if one.token] == ["x", "y", "a", "b", "c"]
    inner.limited = {"b"}
    assert [await send(one) for one in "bc"] == ["closed"] * 2
    assert len(inner.sent) == 6, "dbt counts them together: nobody is sent"
    clock.now += 61
    inner.limited = set()
    assert [await send(one) for one in "abcx"] == ["sent"] * 4
    await transport.close()

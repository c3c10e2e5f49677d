"""API keys: who holds one is let in as whom it names, in headers only, and a changed file counts without a restart."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.errors import ConfigurationError
from gateway.http.authentication import Credentials
from gateway.http.known_callers import KnownCallers
from gateway.identity import api_keys
from gateway.identity.api_keys import ApiKey, ApiKeys, hash_of_key, new_key
from gateway.identity.caller import Caller
from gateway.settings import Settings, load_settings
from gateway.settings.entries import ApiKeySetting, read_api_keys
from tests.clock import Moments
from tests.identity.callers import Holder, known_to
from tests.serving import serving

QUESTION = {"query": "{ account { id } }"}
ANNA = Holder("anna", ("finance",))
BERT = Holder("bert", ("marketing",), scopes=("metrics",))


async def ask(app: Starlette, headers: Mapping[str, str], path: str = "/graphql") -> httpx2.Response:
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway.test") as client,
    ):
        return await client.post(path, json=QUESTION, headers=dict(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ANNA.key},
        {"Authorization": f"Bearer {ANNA.key}"},
        {"Authorization": f"bearer  {ANNA.key} "},
        {"X-API-Key": ANNA.key, "Authorization": "Basic YTpi"},
    ],
)
async def test_a_key_in_a_header_lets_its_holder_in(settings: Settings, headers: Mapping[str, str]) -> None:
    assert (await ask(create_app(known_to(settings, ANNA)), headers)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {ANNA.key}"},
        {"Authorization": ANNA.key},
        {"X-API-Key": ANNA.key[:-1]},
        {"X-API-Key": ANNA.key + "x"},
        {"X-API-Key": ANNA.key.upper()},
        {"X-API-Key": hash_of_key(ANNA.key)},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong", "Authorization": f"Bearer {ANNA.key}"},
        {"Cookie": f"api_key={ANNA.key}"},
    ],
)
async def test_anything_else_is_refused(settings: Settings, headers: Mapping[str, str]) -> None:
    reply = await ask(create_app(known_to(settings, ANNA)), headers)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
    assert [error["extensions"] for error in reply.json()["errors"]] == [{"code": "UNAUTHENTICATED"}]
    assert ANNA.key not in reply.text


async def test_a_key_in_the_address_is_no_credential(settings: Settings) -> None:
    app = create_app(known_to(settings, ANNA))
    assert (await ask(app, {}, f"/graphql?api_key={ANNA.key}&access_token={ANNA.key}")).status_code == 401


async def test_two_keys_at_once_are_none(settings: Settings) -> None:
    app = create_app(known_to(settings, ANNA, BERT))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway.test") as client,
    ):
        twice = [("X-API-Key", ANNA.key), ("X-API-Key", BERT.key)]
        assert (await client.post("/graphql", json=QUESTION, headers=twice)).status_code == 401


async def test_nobody_is_read_before_he_is_known(settings: Settings) -> None:
    """A stranger's body is not even looked at."""
    app = create_app(known_to(settings, ANNA))

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"x-api-key", b"wrong")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    async with app.router.lifespan_context(app):
        await app({**scope, "client": ("127.0.0.1", 1), "app": app}, receive, send)
    assert sent[0]["status"] == 401


@pytest.mark.slow
async def test_the_explorer_and_probes_need_no_key_and_metrics_need_theirs(settings: Settings) -> None:
    async with serving(known_to(settings, ANNA, BERT)) as gateway:
        for path, headers, status in (
            ("/livez", {}, 200),
            ("/readyz", {}, 200),
            ("/graphiql", {}, 200),
            ("/metrics", {}, 401),
            ("/metrics", {"X-API-Key": ANNA.key}, 403),
            ("/metrics", {"X-API-Key": BERT.key}, 200),
            ("/metrics", {"Authorization": f"Bearer {BERT.key}"}, 200),
        ):
            assert (await gateway.client.get(path, headers=headers)).status_code == status, (path, headers)
    async with serving(known_to(settings, ANNA).model_copy(update={"open_metrics": True})) as gateway:
        assert (await gateway.client.get("/metrics")).status_code == 200


async def test_the_log_names_the_holder_and_not_the_key(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(known_to(settings, ANNA)) as gateway:
        await ANNA.ask(gateway, "{ account { id } }")
        await gateway.client.post("/graphql", json=QUESTION, headers={"X-API-Key": "dbtgw_almost"})
    assert '"caller":"key anna"' in caplog.text
    assert ANNA.key not in caplog.text
    assert "dbtgw_" not in caplog.text


def write(file: Path, *holders: Holder) -> None:
    """A configuration file that lets these in, put in place whole."""
    lines = []
    for one in holders:
        lines += ["[[api_keys]]", f'name = "{one.name}"', f'sha256 = "{one.setting.sha256}"']
        lines += [f"projects = {list(one.projects)}", ""]
    new = file.with_suffix(".new")
    new.write_text("\n".join(lines), "utf-8")
    os.replace(new, file)


@pytest.mark.slow
async def test_a_changed_file_counts_without_a_restart(
    demo_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_keys, "_CHECK_SECONDS", 0.0)
    file = tmp_path / "gateway.toml"
    write(file, ANNA)
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    async with serving(load_settings({"store_url": demo_store})) as gateway:

        async def statuses() -> list[int]:
            return [(await one.ask(gateway, "{ account { id } }")).status for one in (ANNA, BERT)]

        assert await statuses() == [200, 401]
        write(file, BERT)
        assert await statuses() == [401, 200]
        file.write_text("[[api_keys]]\nname = 5", "utf-8")
        assert await statuses() == [401, 200]
        assert "stay" in caplog.text
        write(file)
        assert await statuses() == [401, 401]
        file.unlink()
        assert await statuses() == [401, 401]


async def test_a_key_ends(settings: Settings) -> None:
    now = datetime.now(UTC)
    entries = (
        ANNA.setting.model_copy(update={"expires": now - timedelta(seconds=1)}),
        BERT.setting.model_copy(update={"expires": now + timedelta(hours=1)}),
    )
    async with serving(settings.model_copy(update={"api_keys": entries})) as gateway:
        assert [(await one.ask(gateway, "{ account { id } }")).status for one in (ANNA, BERT)] == [401, 200]


def test_a_key_is_good_until_its_last_moment_and_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    known = ApiKeys(lambda: [ApiKey(hash_of_key(ANNA.key), Caller("anna"), end)])
    for now, is_good in ((end - timedelta(microseconds=1), True), (end, False), (end + timedelta(days=1), False)):
        monkeypatch.setattr(api_keys, "datetime", SimpleNamespace(now=lambda _: now))  # noqa: B023
        assert (known.find(ANNA.key.encode()) is not None) == is_good


def test_a_file_is_looked_at_every_two_seconds_and_read_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments()
    monkeypatch.setattr(api_keys, "time", moments)
    file, readings = tmp_path / "keys", []
    file.write_text("a")
    known = ApiKeys(lambda: readings.append(file.read_text()) or [], file)  # type: ignore[func-returns-value]
    first = known.refresh()
    generations = []
    for second, text in ((1.9, "ab"), (2.0, None), (3.9, "abc"), (4.0, None), (6.0, None), (8.0, "abcd")):
        moments.passed = second
        if text is not None:
            file.write_text(text)
        generations.append(known.refresh() - first)
    assert readings == ["a", "ab", "abc", "abcd"]
    assert generations == [0, 1, 1, 2, 2, 3]


async def test_who_has_a_key_that_ends_is_remembered_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments()
    monkeypatch.setattr("gateway.http.known_callers.time", moments)
    end = datetime.fromtimestamp(moments.time() + 30, UTC)
    keys = [ApiKey(ANNA.setting.sha256, Caller("anna"), end), ApiKey(BERT.setting.sha256, Caller("bert"))]
    callers = KnownCallers(ApiKeys(lambda: keys), None)
    anna, bert = (Credentials(api_key=one.key.encode()) for one in (ANNA, BERT))
    told = [await callers.caller(one) for one in (anna, bert)]
    assert told == [Caller("anna", until=told[0].until), Caller("bert")]
    assert told[0].until == pytest.approx(moments.monotonic() + 30)
    for moments.passed, known in ((29.9, told), (30.1, [None, told[1]]), (60.0, [None, None])):
        assert [callers.known_caller(one) for one in (anna, bert)] == known


def test_a_new_key_is_found_by_its_hash_only() -> None:
    keys = [new_key() for _ in range(50)]
    assert len(set(keys)) == 50
    assert all(re.fullmatch("dbtgw_[0-9A-Za-z]{43}", key) for key in keys)
    callers = [Caller(str(place)) for place in range(50)]
    known = ApiKeys(lambda: [ApiKey(hash_of_key(key), one) for key, one in zip(keys, callers, strict=True)])
    assert [known.find(key.encode()) for key in keys] == [
        ApiKey(hash_of_key(key), one) for key, one in zip(keys, callers, strict=True)
    ]
    assert known.find(new_key().encode()) is None


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"sha256": "ABC"}, "sha256"),
        ({"sha256": "0" * 63 + "G"}, "sha256"),
        ({"name": ""}, "name"),
        ({"environments": [0]}, "environments"),
        ({"environments": ["production"]}, "environments"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires": datetime(2027, 1, 1)}, "expires"),  # noqa: DTZ001  # without a zone, on purpose
        ({"projects": None}, "projects"),
        ({"key": "secret"}, "key"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(entry: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_settings({"api_keys": [{**ANNA.setting.model_dump(), **entry}]})


def test_an_entry_must_say_which_projects(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[[api_keys]]\nname = "anna"\nsha256 = "{ANNA.setting.sha256}"\n', "utf-8")
    with pytest.raises(ConfigurationError, match="projects"):
        read_api_keys(file)


@pytest.mark.parametrize("same", ["name", "sha256"])
def test_no_two_keys_are_the_same(same: str) -> None:
    other = BERT.setting.model_copy(update={same: getattr(ANNA.setting, same)})
    with pytest.raises(ConfigurationError, match=same):
        load_settings({"api_keys": [ANNA.setting, other]})


def test_open_and_keys_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="open"):
        load_settings({"open": True, "api_keys": [ANNA.setting]})


def test_an_entry_is_what_the_command_writes() -> None:
    assert ApiKeySetting.model_validate({**ANNA.setting.model_dump()}) == ANNA.setting

"""Settings as people write them, and what they are told of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.app import trouble_with_dbt
from gateway.errors import ConfigurationError
from gateway.settings import Settings, load_settings
from tests.chaos.faults import raw_server
from tests.identity.test_own_tokens import ANNA
from tests.services.test_secrets import says
from tests.sharing.conftest import free_port


@pytest.mark.parametrize(
    ("written", "hosts"),
    [("a", ("a",)), ("a,b", ("a", "b")), (" a , b ,", ("a", "b")), ('["a", "b"]', ("a", "b")), ("", ())],
)
def test_lists_have_commas_or_are_json(monkeypatch: pytest.MonkeyPatch, written: str, hosts: tuple[str, ...]) -> None:
    monkeypatch.setenv("GATEWAY_ALLOWED_HOSTS", written)
    monkeypatch.setenv("GATEWAY_CORS_ORIGINS", "http://x")
    monkeypatch.setenv("GATEWAY_JWT_ALGORITHMS", "ES256,ES384")
    settings = load_settings()
    assert settings.allowed_hosts == hosts
    assert settings.cors_origins == ("http://x",)
    assert settings.jwt_algorithms == ("ES256", "ES384")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("QUERY_DEPTH", "deep", ["GATEWAY_QUERY_DEPTH is 'deep'", "valid integer", "Deepest nesting"]),
        ("QUERY_DEPHT", "3", ["GATEWAY_QUERY_DEPHT is no setting", "Did you mean GATEWAY_QUERY_DEPTH?"]),
        ("CACHE_SECONDS", "-1", ["GATEWAY_CACHE_SECONDS is '-1'", "greater than 0"]),
        ("ALLOWED_HOSTS", "[a", ["GATEWAY_ALLOWED_HOSTS is '[a'", "commas"]),
        ("JWT_ALGORITHMS", "RS256,HS256", ["GATEWAY_JWT_ALGORITHMS.1 is 'HS256'", "'RS256'"]),
        ("PROJECTS", "shop", ["GATEWAY_PROJECTS is no JSON"]),
        ("API_KEYS", "[{}", ["GATEWAY_API_KEYS is no JSON"]),
        ("OPEN", "perhaps", ["GATEWAY_OPEN is 'perhaps'"]),
        ("DISCOVERY_URL", "ftp://dbt.example", ["GATEWAY_DISCOVERY_URL is 'ftp://dbt.example'", "https://HOST"]),
        ("DISCOVERY_URL", "https://me:canary@dbt.example", ["GATEWAY_DISCOVERY_URL:", "https://HOST"]),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_given_and_what_would_do(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: list[str]
) -> None:
    monkeypatch.setenv(f"GATEWAY_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert [part for part in told if part not in caught.value.message] == []
    assert "\n" not in caught.value.message
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("token", ["", "a", "1234567"])
@pytest.mark.parametrize("variable", ["GATEWAY_SERVICE_TOKEN", "DBT_SERVICE_TOKEN"])
def test_a_token_that_would_be_masked_in_every_answer_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, token: str
) -> None:
    cloud: dict[str, object] = {"discovery_url": "https://dbt.invalid", "admin_url": "https://dbt.invalid"}
    monkeypatch.setenv(variable, token)
    with pytest.raises(ConfigurationError, match="GATEWAY_SERVICE_TOKEN has fewer than 8 characters") as caught:
        load_settings({**cloud, "account_id": 1})
    assert not token or f"'{token}'" not in caught.value.message
    monkeypatch.setenv(variable, token + "12345678")
    assert load_settings({**cloud, "account_id": 1}).uses_dbt_cloud


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('# ours\nquery_depth = "deep"\n', ["line 2: query_depth is 'deep'", "valid integer"]),
        ("metrics = true\nquery_depht = 3\n", ["line 2: query_depht is no setting", "Did you mean query_depth?"]),
        (
            '[[projects]]\nname = "a"\nproduction_environment_id = 1\n\n[[projects]]\nname = "b"\nproduction = 2\n',
            ["line 7: projects.1.production"],
        ),
        (
            '[[api_keys]]\nname = "a"\nsha256 = "short"\nprojects = ["*"]\n',
            ["line 3: api_keys.0.sha256 is 'short'", "[0-9a-f]"],
        ),
        ('cors_origins = ["http://x", 1]\n', ["line 1: cors_origins.1 is 1"]),
        ("query_depth = \n", ["not a valid configuration file"]),
    ],
)
def test_a_wrong_line_of_the_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, told: list[str]
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(text, "utf-8")
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert [part for part in [str(file), *told] if part not in caught.value.message] == []


def cloud(port: int) -> Settings:
    url = f"http://127.0.0.1:{port}"
    return Settings(discovery_url=f"{url}/graphql", admin_url=url, account_id=7, service_token=ANNA, upstream_retries=0)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("401 Unauthorized", "{}", "UPSTREAM_UNAUTHENTICATED"),
        ("404 Not Found", "{}", "NOT_FOUND"),
        ("200 OK", "<html>", "UPSTREAM_INVALID_RESPONSE"),
    ],
)
async def test_what_dbt_refuses_is_reported_at_start(status: str, body: str, code: str) -> None:
    async with raw_server(says(status, body)) as port:
        (told,) = await trouble_with_dbt(cloud(port))
    assert told is not None
    assert told.startswith(code)
    assert ANNA not in told


async def test_a_wrong_host_is_reported_at_start() -> None:
    (told,) = await trouble_with_dbt(cloud(free_port()))
    assert told is not None
    assert told.startswith("UPSTREAM_UNAVAILABLE: dbt at 127.0.0.1:")


async def test_local_runs_are_not_asked() -> None:
    assert await trouble_with_dbt(Settings()) == ()

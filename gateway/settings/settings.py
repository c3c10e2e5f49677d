"""Every setting of the gateway, and the only reader of the environment and of the configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gateway.errors import ConfigurationError
from gateway.settings import problems
from gateway.settings.alerting import AlertSettings
from gateway.settings.entries import (
    ApiKeySetting,
    Networks,
    ProjectSetting,
    Texts,
    is_loopback,
    is_trustworthy,
    is_web_address,
    problem_with_keys,
)
from gateway.settings.jwt import JwtSettings
from gateway.settings.mirroring import MirrorSettings
from gateway.settings.neighbours import NeighbourSettings
from gateway.settings.paths import PathSettings
from gateway.settings.prices import PriceSettings
from gateway.settings.problems import UNSIGNED, Given, deny_local, explain_settings, problem_with_tables, refuse_unknown
from gateway.settings.queries import QuerySettings

Seconds = Annotated[float, Field(gt=0)]
SecondsOrNever = Annotated[float, Field(ge=0)]


class Settings(
    QuerySettings, JwtSettings, MirrorSettings, AlertSettings, PriceSettings, PathSettings, NeighbourSettings
):
    """All settings. Each is read from `GATEWAY_<NAME>`, else from the TOML file that `GATEWAY_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="forbid", frozen=True, populate_by_name=True)

    discovery_url: str | None = Field(
        default=None, description="URL of dbt's Discovery API, e.g. https://PREFIX.metadata.us1.dbt.com/graphql."
    )
    admin_url: str | None = Field(
        default=None, description="URL of dbt's Admin API host, e.g. https://PREFIX.us1.dbt.com."
    )
    account_id: int | None = Field(default=None, description="The dbt account to serve.")
    service_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GATEWAY_SERVICE_TOKEN", "DBT_SERVICE_TOKEN"),
        description="dbt service token with permission to read metadata and jobs. Falls back to DBT_SERVICE_TOKEN.",
    )
    projects: tuple[ProjectSetting, ...] = Field(
        default=(),
        description="Projects and their environment ids. Needed without an Admin API, or where dbt marks no "
        "production environment.",
    )
    artifacts: Path | None = Field(default=None, description="Folder of dbt artifacts to serve instead of dbt Cloud.")
    store_url: str | None = Field(
        default=None, description="URL of an SQL archive of runs to serve instead of dbt Cloud, e.g. sqlite:///runs.db."
    )
    platform_token: SecretStr | None = Field(
        default=None, description="Token that clients of gateway platform must send."
    )
    revision_interval: Seconds = Field(
        default=30.0, description="Seconds between two checks for changes in an environment."
    )
    topology_seconds: Seconds = Field(
        default=60.0, description="How long, in seconds, the list of projects, environments and jobs is cached."
    )
    request_seconds: Seconds = Field(default=30.0, description="Time limit of one GraphQL request, in seconds.")
    upstream_seconds: Seconds = Field(default=20.0, description="Time limit of one request to dbt, in seconds.")
    upstream_connections: int = Field(default=20, ge=1, le=200, description="Most concurrent requests to dbt.")
    upstream_response_bytes: int = Field(
        default=128 * 1024 * 1024, ge=1024, description="Largest decoded response accepted from dbt, in bytes."
    )
    upstream_retries: int = Field(
        default=2,
        ge=0,
        le=2,
        description="Most retries of a request to dbt after a lost connection or a 502, 503 or 504.",
    )
    discovery_requests_per_minute: int | None = Field(
        default=None,
        ge=0,
        description="Limit on requests to the Discovery API per minute, shared fairly between callers; 0: no limit. "
        "Unset: 450 for dbt Cloud, which allows 500, and no limit for local runs. Workers without "
        "cache_url get an equal part each.",
    )
    admin_requests_per_minute: int | None = Field(
        default=None,
        ge=0,
        description="Limit on requests to the Admin API per minute; 0: no limit. Unset: 4,500 for dbt Cloud, which "
        "allows 5,000, and no limit for local runs.",
    )
    cooldown_seconds: Seconds = Field(
        default=300.0, description="Seconds without requests to dbt after a 429 that has no Retry-After."
    )
    calls_per_operation: int | None = Field(
        default=None,
        ge=0,
        description="Most requests to dbt that one operation may cause; 0: no limit. Unset: 250 for dbt Cloud, no "
        "limit for local runs.",
    )
    plain_http: bool = Field(default=False, description="Allow http:// for dbt's URLs on other machines.")
    stale_seconds: SecondsOrNever = Field(
        default=60.0,
        description="Serve data up to this many seconds old, marked as stale, while it is being refreshed. 0 disables.",
    )
    stale_if_error_seconds: SecondsOrNever = Field(
        default=3600.0,
        description="Serve data up to this many seconds old, marked as stale, while dbt is unavailable. 0 disables.",
    )
    least_max_age: float = Field(
        default=1.0, ge=0, description="Lower bound for Cache-Control: max-age in requests, in seconds."
    )
    cache_url: SecretStr | None = Field(
        default=None,
        description="URL of a Redis or Valkey in which replicas share data and rate limits, e.g. redis://host:6379/0; "
        "a cluster as redis+cluster://host:6379,host:6379, Sentinel as redis+sentinel://host:26379,host:26379/service.",
    )
    cache_secret: SecretStr | None = Field(
        default=None, description="Secret that signs shared data. Unset: service_token."
    )
    cache_seconds: Seconds = Field(default=0.15, description="Time limit of one call to Redis, in seconds.")
    history_source: Literal["archive", "discovery"] = Field(
        default="archive", description="Source of finished runs: the archive, where there is one, or the Discovery API."
    )
    archive_url: SecretStr | None = Field(
        default=None, description="URL of an SQL archive of finished runs, used together with dbt Cloud."
    )
    webhook_secret: SecretStr | None = Field(default=None, description="Secret of dbt's webhook. Unset: no webhooks.")
    webhook_window_seconds: Seconds = Field(
        default=600.0, description="Most seconds between a webhook's timestamp and the gateway's clock."
    )
    cache_bytes: int = Field(
        default=1024**3,
        ge=1024,
        description="Size of the cache in memory, in bytes. The least recently used data is dropped.",
    )
    config: Path | None = Field(
        default=None, description="The TOML file itself. Its [[api_keys]] are reloaded when it changes."
    )
    open: bool = Field(
        default=False,
        description="Answer requests without authentication. When false and no callers are configured, only this "
        "machine is served.",
    )
    api_keys: tuple[ApiKeySetting, ...] = Field(
        default=(), description="API keys and what their holders may see. gateway key new writes an entry."
    )
    pass_through_tokens: bool = Field(
        default=False,
        description="Call dbt with each caller's own token (X-dbt-Token) instead of service_token.",
    )
    pass_through_kept: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="How many callers' tokens have cached data. The least recently used are dropped.",
    )
    authenticated_schema: bool = Field(
        default=False,
        description="Mark entities @authenticated in the subgraph schema, for routers that support it.",
    )
    open_metrics: bool = Field(
        default=False, description="Serve /metrics without authentication. When false, callers need the scope metrics."
    )
    cors_origins: Texts = Field(default=(), description="Origins of web pages that may call the gateway.")
    allowed_hosts: Texts = Field(default=(), description="Accepted Host headers. Empty: any; put a proxy in front.")
    introspection: bool = Field(default=True, description="Allow introspection (__schema, __type).")
    subgraph_sdl: bool | None = Field(
        default=None, description="Answer _service { sdl } for composition. Unset: as introspection."
    )
    suggestions: bool = Field(
        default=True,
        description="Suggest names in error messages. When this and introspection are off, errors reveal nothing of "
        "the schema.",
    )
    body_bytes: int = Field(default=256 * 1024, ge=1024, description="Largest request body, in bytes.")
    response_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="Largest response, in bytes. A larger one is refused."
    )
    automatic_documents: bool = Field(
        default=True, description="Let clients register queries by hash (automatic persisted queries)."
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="Manifest of trusted documents (ids and texts, or Apollo's format). Limits do not apply to them.",
    )
    only_trusted_documents: bool = Field(default=False, description="Execute trusted documents only.")
    response_cache_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Size of the response cache, in bytes; 0: none."
    )
    compression: bool = Field(default=True, description="Compress responses of 1 KiB and more (zstd, br, gzip).")
    concurrent_operations: int = Field(
        default=200, ge=1, description="Most concurrent operations in one process. More get 503."
    )
    waiting_seconds: Seconds = Field(
        default=0.05,
        description="Target queueing delay, in seconds. Above it the gateway lowers its concurrency and answers 503.",
    )
    fast_path: bool = Field(default=True, description="Compile operations. Answers are the same without.")
    connections: int = Field(default=1000, ge=1, description="Most connections of one process. More get 503.")
    connections_per_address: int | None = Field(
        default=None,
        ge=1,
        description="Most connections of one address; more get 503. Unset: half of connections. Does not apply to "
        "trusted_proxies.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of proxies in front, e.g. 10.0.0.0/8, whose X-Forwarded-For is used.",
    )
    live_connections: int = Field(
        default=500, ge=0, description="Most WebSockets and event streams of one process. More get 429."
    )
    live_connections_per_caller: int = Field(
        default=50,
        ge=1,
        description="Most WebSockets and event streams of one caller, or of one address where callers have no name.",
    )
    live_operations: int = Field(default=20, ge=1, description="Most concurrent operations on one WebSocket.")
    drain_seconds: SecondsOrNever = Field(
        default=0.0,
        description="Seconds after SIGTERM in which requests are still accepted and /readyz fails, so that load "
        "balancers notice.",
    )
    metrics: bool = Field(default=True, description="Serve Prometheus metrics at /metrics.")
    operation_log: bool = Field(default=False, description="Log each operation as a line of JSON on stderr.")
    slow_seconds: Seconds = Field(
        default=5.0, description="Operations that take this many seconds or more are logged as slow."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("GATEWAY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Collector for OpenTelemetry traces over OTLP/HTTP, e.g. http://collector:4318. Needs the extra "
        "tracing. Falls back to OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    trace_upstream: bool = Field(default=False, description="Send the trace of a request on to dbt (traceparent).")
    discovery_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = Field(
        default=None,
        validation_alias=AliasChoices("GATEWAY_DISCOVERY_LOG_LEVEL", "DBT_DISCOVERY_LOG_LEVEL"),
        description="Log level of the Python library's services (logger dbt_discovery_api). Falls back to "
        "DBT_DISCOVERY_LOG_LEVEL.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get("GATEWAY_CONFIG")
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(file))) if file else sources

    @field_validator("discovery_url", "admin_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and not is_web_address(url):
            raise ValueError("must be https://HOST…, without a user name or password in it")
        return url

    @model_validator(mode="after")
    def _is_encrypted(self) -> Settings:
        for name in ("discovery_url", "admin_url"):
            url = urlsplit(getattr(self, name) or "")
            if url.scheme == "http" and not self.plain_http and not is_loopback(url.hostname or ""):
                raise ValueError(f"{name} must begin with https://: the token is sent there (or set plain_http)")
        return self

    @model_validator(mode="after")
    def _tells_callers_apart(self) -> Settings:
        problem = _problem_with_callers(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def knows_callers(self) -> bool:
        """True when callers are asked who they are, by key, token or their own dbt token."""
        return bool(self.api_keys or self.jwt_issuer or self.pass_through_tokens)

    @property
    def uses_dbt_cloud(self) -> bool:
        """True when a Discovery address is configured; else artifacts, an archive or the demo are served."""
        return self.discovery_url is not None

    @property
    def sharing_secret(self) -> str:
        """What facts in Redis are signed with; empty where there is nothing to sign them with."""
        secrets = (self.cache_secret, self.service_token)
        return next((secret.get_secret_value() for secret in secrets if secret and secret.get_secret_value()), "")

    @property
    def rates(self) -> tuple[int | None, int | None]:
        """Requests a minute to the Discovery API and to the Admin API; None: any number. Unset: a tenth below what dbt
        allows, and no bounds for local runs."""
        usual = (450, 4500) if self.uses_dbt_cloud else (0, 0)
        rates = (self.discovery_requests_per_minute, self.admin_requests_per_minute)
        discovery, admin = (usual[n] if rate is None else rate for n, rate in enumerate(rates))
        return discovery or None, admin or None

    def for_one_of(self, workers: int) -> Settings:
        """The same for one of several processes: where no Redis counts their requests to dbt together, each may make
        its part of them."""
        if workers == 1 or self.cache_url is not None:
            return self
        discovery, admin = (0 if rate is None else max(1, rate // workers) for rate in self.rates)
        return self.model_copy(update={"discovery_requests_per_minute": discovery, "admin_requests_per_minute": admin})

    def beside_mirror(self) -> Settings:
        """The same where a mirror takes its part of the requests to dbt, and no Redis counts them together."""
        if self.cache_url is not None:
            return self
        left = 1 - self.mirror_share
        discovery, admin = (0 if rate is None else max(1, round(rate * left)) for rate in self.rates)
        return self.model_copy(update={"discovery_requests_per_minute": discovery, "admin_requests_per_minute": admin})


def environment_variables() -> Mapping[str, str]:
    """What schedulers say of the run they started, beside our own settings."""
    return os.environ


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment and the configuration file, with `overrides` (from the command line) on top.

    Raises ConfigurationError that names the setting and what is wrong with it.
    """
    file = os.environ.get("GATEWAY_CONFIG")
    if file and not Path(file).is_file():
        raise ConfigurationError(f"GATEWAY_CONFIG names {file}, which is not a readable file.")
    refuse_unknown(os.environ, Settings.model_fields)
    by_hand = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        settings = Settings(**by_hand)
    except ValidationError as invalid:
        sources = Given(os.environ, Path(file) if file else None, by_hand)
        raise ConfigurationError(explain_settings(invalid, Settings.model_fields, sources)) from None
    except SettingsError:
        raise ConfigurationError(problem_with_tables(os.environ)) from None
    except (OSError, ValueError) as broken:
        raise ConfigurationError(f"{file} is not a valid configuration file: {broken}") from None
    _check_consistency(settings)
    return settings


def _problem_with_callers(settings: Settings) -> str | None:
    token_settings = (settings.jwt_issuer, settings.jwt_audience, settings.jwt_keys_url)
    if any(token_settings) and not all(token_settings):
        return "signed tokens need all of jwt_issuer, jwt_audience and jwt_keys_url"
    if settings.jwt_keys_url and not is_trustworthy(settings.jwt_keys_url):
        return "jwt_keys_url must begin with https:// (http:// on this machine only)"
    if len({algorithm[:2] for algorithm in settings.jwt_algorithms}) > 1:
        return "jwt_algorithms must all be of one family: RS, PS, ES or EdDSA"
    if settings.open and settings.knows_callers:
        return "open and API keys or tokens are both set: choose one"
    return problem_with_keys(settings.api_keys)


def _check_consistency(settings: Settings) -> None:
    if settings.purge and not settings.cache_tags:
        raise ConfigurationError("purge names caches, but answers have no tags: set cache_tags.")
    if settings.artifacts and settings.store_url:
        raise ConfigurationError("Both artifacts and store_url are set: choose the folder or the archive, not both.")
    if settings.only_trusted_documents and settings.trusted_documents is None:
        raise ConfigurationError("only_trusted_documents is set: name their manifest in trusted_documents.")
    if settings.cache_url is not None and not settings.sharing_secret:
        raise ConfigurationError(UNSIGNED)
    if not settings.uses_dbt_cloud:
        deny_local(settings.archive_url, settings.pass_through_tokens)
        return
    if settings.artifacts or settings.store_url:
        raise ConfigurationError(
            "discovery_url is set, and so is artifacts or store_url: choose dbt Cloud or local runs."
        )
    problems.check_service_token(settings.service_token, is_needed=not settings.pass_through_tokens)
    if settings.account_id is None:
        raise ConfigurationError("discovery_url is set, but no account: set GATEWAY_ACCOUNT_ID.")
    if settings.admin_url is None and not settings.projects:
        raise ConfigurationError(
            "discovery_url is set: set GATEWAY_ADMIN_URL too, or list [[projects]] with their environment ids in the "
            "file that GATEWAY_CONFIG names."
        )

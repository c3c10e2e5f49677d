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
from gateway.settings.entries import (
    Algorithms,
    ApiKeySetting,
    Networks,
    ProjectSetting,
    Texts,
    is_loopback,
    is_trustworthy,
    is_web_address,
    problem_with_keys,
)
from gateway.settings.mirroring import MirrorSettings
from gateway.settings.paths import PathSettings
from gateway.settings.prices import PriceSettings
from gateway.settings.problems import UNSIGNED, Given, deny_local, explain_settings, problem_with_tables, refuse_unknown
from gateway.settings.queries import QuerySettings

Seconds = Annotated[float, Field(gt=0)]
SecondsOrNever = Annotated[float, Field(ge=0)]


class Settings(QuerySettings, MirrorSettings, PriceSettings, PathSettings):
    """All settings. Each is read from `GATEWAY_<NAME>`, else from the TOML file that `GATEWAY_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="forbid", frozen=True, populate_by_name=True)

    discovery_url: str | None = Field(
        default=None, description="dbt's Discovery API, e.g. https://PREFIX.metadata.us1.dbt.com/graphql."
    )
    admin_url: str | None = Field(default=None, description="dbt's Admin API host, e.g. https://PREFIX.us1.dbt.com.")
    account_id: int | None = Field(default=None, description="The dbt account to serve.")
    service_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GATEWAY_SERVICE_TOKEN", "DBT_SERVICE_TOKEN"),
        description="dbt service token that may read metadata and jobs. Falls back to DBT_SERVICE_TOKEN.",
    )
    projects: tuple[ProjectSetting, ...] = Field(
        default=(),
        description="Projects and their environment ids: without an Admin API, or where dbt marks no production.",
    )
    artifacts: Path | None = Field(default=None, description="Folder of dbt artifacts to serve instead of dbt Cloud.")
    store_url: str | None = Field(
        default=None, description="SQL archive of runs to serve instead of dbt Cloud, e.g. sqlite:///runs.db."
    )
    platform_token: SecretStr | None = Field(default=None, description="The token clients of gateway platform send.")
    revision_interval: Seconds = Field(
        default=30.0, description="Seconds between two checks whether an environment's facts have changed."
    )
    topology_seconds: Seconds = Field(
        default=60.0, description="Seconds for which the list of projects, environments and jobs is believed."
    )
    request_seconds: Seconds = Field(default=30.0, description="Seconds one GraphQL request may take in all.")
    upstream_seconds: Seconds = Field(default=20.0, description="Seconds one call to dbt may take.")
    upstream_connections: int = Field(default=20, ge=1, le=200, description="Calls to dbt under way at once.")
    upstream_response_bytes: int = Field(
        default=128 * 1024 * 1024, ge=1024, description="Largest decoded answer accepted from dbt, in bytes."
    )
    upstream_retries: int = Field(
        default=2, ge=0, le=2, description="Most retries of a call to dbt after a lost connection or a 502, 503 or 504."
    )
    discovery_requests_per_minute: int | None = Field(
        default=None,
        ge=0,
        description="Requests to the Discovery API in a minute, shared fairly by callers; 0: no bounds. Unset: 450 for "
        "dbt Cloud, which allows 500, and no bounds for local runs. Workers without cache_url have a part of it each.",
    )
    admin_requests_per_minute: int | None = Field(
        default=None,
        ge=0,
        description="Requests to the Admin API in a minute; 0: no bounds. Unset: 4,500 for dbt Cloud, which allows "
        "5,000, and no bounds for local runs.",
    )
    cooldown_seconds: Seconds = Field(
        default=300.0, description="Seconds for which dbt is left alone after a 429 without Retry-After."
    )
    calls_per_operation: int | None = Field(
        default=None,
        ge=0,
        description="Requests to dbt that one operation may cause; 0: any number. Unset: 250 for dbt Cloud, any number "
        "for local runs.",
    )
    plain_http: bool = Field(
        default=False, description="Whether dbt may be addressed by http:// elsewhere than on this machine."
    )
    stale_seconds: SecondsOrNever = Field(
        default=60.0, description="Facts true so many seconds ago may be told, marked, while newer are read; 0: never."
    )
    stale_if_error_seconds: SecondsOrNever = Field(
        default=3600.0, description="Facts true so many seconds ago may be told, marked, while dbt is down; 0: never."
    )
    least_max_age: float = Field(
        default=1.0, ge=0, description="Seconds: a caller who asks for fresher facts than this gets facts this old."
    )
    cache_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that replicas share facts and request budgets through, e.g. redis://host:6379/0.",
    )
    cache_secret: SecretStr | None = Field(default=None, description="Signs shared facts; unset: service_token does.")
    cache_seconds: Seconds = Field(default=0.15, description="Seconds one call to Redis may take.")
    history_source: Literal["archive", "discovery"] = Field(
        default="archive", description="Where finished runs are read: archive, if one is served; or discovery, the API."
    )
    archive_url: SecretStr | None = Field(default=None, description="SQL archive of finished runs beside dbt Cloud.")
    webhook_secret: SecretStr | None = Field(default=None, description="Secret of dbt's webhook; unset: no webhooks.")
    webhook_window_seconds: Seconds = Field(default=600.0, description="Seconds a webhook's own time may be off ours.")
    cache_bytes: int = Field(
        default=1024**3, ge=1024, description="Bytes of facts kept in memory before the least used are dropped."
    )
    config: Path | None = Field(
        default=None, description="The TOML file itself; [[api_keys]] in it are read again whenever it changes."
    )
    open: bool = Field(
        default=False,
        description="Whether everybody is answered, unasked who he is; without it and without callers, this machine.",
    )
    api_keys: tuple[ApiKeySetting, ...] = Field(
        default=(), description="Who may ask with an API key, and what he may see; gateway key new writes an entry."
    )
    jwt_issuer: str | None = Field(default=None, description="Whose signed tokens (JWT) are believed: their iss.")
    jwt_audience: str | None = Field(default=None, description="For whom tokens must be meant: their aud.")
    jwt_keys_url: str | None = Field(
        default=None, description="Where the issuer publishes its keys (JWKS), by HTTPS; it is the only address asked."
    )
    jwt_algorithms: Algorithms = Field(
        default=("RS256",), min_length=1, description="Algorithms of tokens' signatures, all of one family."
    )
    jwt_leeway_seconds: float = Field(
        default=10.0, ge=0, le=30, description="Seconds by which the issuer's clock and ours may differ."
    )
    jwt_projects_claim: str = Field(
        default="dbt_projects", description='Claim that lists the projects a token lets its holder see; "*": all.'
    )
    jwt_environments_claim: str | None = Field(
        default=None, description="Claim that lists the environment ids a token is restricted to; must be there then."
    )
    jwt_scopes_claim: str = Field(default="scope", description="Claim that lists scopes: introspection, metrics.")
    jwt_name_claim: str = Field(default="sub", description="Claim by which a token's holder is named in logs.")
    jwt_all_projects_by_default: bool = Field(
        default=False, description="Whether a token without the claim of projects lets its holder see all of them."
    )
    pass_through_tokens: bool = Field(
        default=False,
        description="Whether dbt is asked with each caller's own token (X-dbt-Token) instead of service_token.",
    )
    pass_through_kept: int = Field(
        default=50, ge=1, le=10_000, description="Callers' dbt tokens whose facts are kept; the least used are dropped."
    )
    authenticated_schema: bool = Field(
        default=False,
        description="Whether the schema for routers marks entities @authenticated; for routers that know it.",
    )
    open_metrics: bool = Field(
        default=False, description="Whether /metrics is shown to everybody; else to callers with the scope metrics."
    )
    cors_origins: Texts = Field(default=(), description="Origins whose pages may call the gateway.")
    allowed_hosts: Texts = Field(
        default=(), description="Host headers that are answered; empty: any (put a proxy in front)."
    )
    introspection: bool = Field(default=True, description="Whether the schema may be asked for (__schema, __type).")
    subgraph_sdl: bool | None = Field(
        default=None, description="Whether _service { sdl } is answered to composers; left out: as introspection is."
    )
    suggestions: bool = Field(
        default=True,
        description="Whether errors propose names; without this and introspection they tell nothing of the schema.",
    )
    body_bytes: int = Field(default=256 * 1024, ge=1024, description="Largest body of a request, in bytes.")
    response_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="Longest answer, in bytes; a longer one is refused."
    )
    automatic_documents: bool = Field(
        default=True, description="Whether clients may register queries by hash (automatic persisted queries)."
    )
    trusted_documents: Path | None = Field(
        default=None, description="Manifest of trusted documents (ids and texts, or Apollo's); no limits apply."
    )
    only_trusted_documents: bool = Field(default=False, description="Whether nothing but trusted documents is run.")
    response_cache_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Bytes of answers kept to be given again as they are; 0: none."
    )
    compression: bool = Field(
        default=True, description="Whether answers of 1 KiB and more are compressed (zstd, br, gzip)."
    )
    concurrent_operations: int = Field(
        default=200, ge=1, description="Operations one process executes at once; more are refused with 503."
    )
    waiting_seconds: Seconds = Field(
        default=0.05,
        description="Seconds requests may wait for their turn in a busy process, on average; beyond that fewer "
        "operations run at once, and more requests are refused with 503.",
    )
    fast_path: bool = Field(default=True, description="Whether operations are compiled; answers are the same without.")
    connections: int = Field(default=1000, ge=1, description="Connections one process holds; more get 503.")
    connections_per_address: int | None = Field(
        default=None,
        ge=1,
        description="Connections of one address; more get 503. Unset: half of connections. Not for trusted_proxies.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of proxies in front, e.g. 10.0.0.0/8; their X-Forwarded-For counts.",
    )
    live_connections: int = Field(
        default=500, ge=0, description="WebSockets and event streams one process holds; more are refused with 429."
    )
    live_connections_per_caller: int = Field(
        default=50, ge=1, description="WebSockets and event streams of one caller; without a name, of one address."
    )
    live_operations: int = Field(default=20, ge=1, description="Operations that may run on one WebSocket.")
    drain_seconds: SecondsOrNever = Field(
        default=0.0,
        description="Seconds after SIGTERM in which /readyz says no and requests are still taken, for load balancers.",
    )
    metrics: bool = Field(default=True, description="Whether Prometheus metrics are served at /metrics.")
    operation_log: bool = Field(default=False, description="Whether each operation is a line of JSON on stderr.")
    slow_seconds: Seconds = Field(default=5.0, description="Seconds from which an operation is logged as slow.")
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("GATEWAY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Collector that takes OpenTelemetry traces over OTLP/HTTP, e.g. http://collector:4318; needs the "
        "extra tracing. Falls back to OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    trace_upstream: bool = Field(default=False, description="Whether dbt is told the trace of a call (traceparent).")
    discovery_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = Field(
        default=None,
        validation_alias=AliasChoices("GATEWAY_DISCOVERY_LOG_LEVEL", "DBT_DISCOVERY_LOG_LEVEL"),
        description="What the Python library's services log (logger dbt_discovery_api). Falls back to "
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
    """What schedulers tell of the run they started, beside our own settings."""
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
        given = Given(os.environ, Path(file) if file else None, by_hand)
        raise ConfigurationError(explain_settings(invalid, Settings.model_fields, given)) from None
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
        return "open is set beside API keys or tokens: ask callers who they are, or do not"
    return problem_with_keys(settings.api_keys)


def _check_consistency(settings: Settings) -> None:
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
        raise ConfigurationError("discovery_url is set beside artifacts or store_url: serve dbt Cloud or local runs.")
    problems.check_service_token(settings.service_token, is_needed=not settings.pass_through_tokens)
    if settings.account_id is None:
        raise ConfigurationError("discovery_url is set, but no account: set GATEWAY_ACCOUNT_ID.")
    if settings.admin_url is None and not settings.projects:
        raise ConfigurationError(
            "discovery_url is set: set GATEWAY_ADMIN_URL too, or list [[projects]] with their environment ids in the "
            "file that GATEWAY_CONFIG names."
        )

"""Settings that are sensible one by one, and contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.settings.entries import is_trustworthy, problem_with_keys
from gateway.settings.problems import UNSIGNED

if TYPE_CHECKING:
    from gateway.settings.settings import Settings


def problem_with_callers(settings: Settings) -> str | None:
    """What is wrong with who may ask; None when nothing is."""
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


def check_consistency(settings: Settings) -> None:
    """Raises ConfigurationError for settings that contradict each other."""
    if settings.artifacts and settings.store_url:
        raise ConfigurationError("Both artifacts and store_url are set: choose the folder or the archive, not both.")
    if settings.only_trusted_documents and settings.trusted_documents is None:
        raise ConfigurationError("only_trusted_documents is set: name their manifest in trusted_documents.")
    if settings.cache_url is not None and not settings.sharing_secret:
        raise ConfigurationError(UNSIGNED)
    if not settings.uses_dbt_cloud:
        if settings.pass_through_tokens:
            raise ConfigurationError("pass_through_tokens is set, but no discovery_url: local runs take no dbt tokens.")
        return
    if settings.artifacts or settings.store_url:
        raise ConfigurationError("discovery_url is set beside artifacts or store_url: serve dbt Cloud or local runs.")
    if settings.service_token is None and not settings.pass_through_tokens:
        raise ConfigurationError("discovery_url is set, but no token: set GATEWAY_SERVICE_TOKEN or DBT_SERVICE_TOKEN.")
    if settings.account_id is None:
        raise ConfigurationError("discovery_url is set, but no account: set GATEWAY_ACCOUNT_ID.")
    if settings.admin_url is None and not settings.projects:
        raise ConfigurationError(
            "discovery_url is set: set GATEWAY_ADMIN_URL too, or list [[projects]] with their environment ids in the "
            "file that GATEWAY_CONFIG names."
        )

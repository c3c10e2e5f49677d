"""From settings to who may ask: the Authenticator of the edge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway.http.authentication import Authenticator, EverybodyAuthenticator, ThisMachineAuthenticator
from gateway.http.known_callers import KnownCallers
from gateway.identity.api_keys import ApiKey, ApiKeys
from gateway.identity.caller import Caller, Scope
from gateway.identity.grants import visibility_of
from gateway.identity.key_set import KeySet
from gateway.identity.published_keys import PublishedKeys
from gateway.identity.signed_tokens import ClaimNames, SignedTokens, TokenPolicy
from gateway.settings import Settings
from gateway.settings.entries import ApiKeySetting, read_api_keys


def authenticator_of(settings: Settings) -> Authenticator:
    """Who may ask a gateway of these settings: callers it knows, else everybody if it is open, else this machine."""
    if settings.knows_callers:
        return KnownCallers(_keys(settings), _tokens(settings), settings.pass_through_tokens)
    return EverybodyAuthenticator() if settings.open else ThisMachineAuthenticator()


def _keys(settings: Settings) -> ApiKeys | None:
    if not settings.api_keys:
        return None
    file = settings.config
    if file is None or read_api_keys(file) != settings.api_keys:
        # They come from the environment, which does not change.
        return ApiKeys(partial(_api_keys, settings.api_keys))
    return ApiKeys(lambda: _api_keys(read_api_keys(file)), file)


def _api_keys(configured: Sequence[ApiKeySetting]) -> list[ApiKey]:
    return [ApiKey(key.sha256, _holder(key), key.expires) for key in configured]


def _holder(key: ApiKeySetting) -> Caller:
    visibility = visibility_of(key.projects, key.environments)
    return Caller(f"key {key.name}", visibility, frozenset(map(Scope, key.scopes)))


def _tokens(settings: Settings) -> SignedTokens | None:
    if settings.jwt_issuer is None or settings.jwt_audience is None or settings.jwt_keys_url is None:
        return None
    claims = ClaimNames(
        projects=settings.jwt_projects_claim,
        environments=settings.jwt_environments_claim,
        scopes=settings.jwt_scopes_claim,
        name=settings.jwt_name_claim,
        all_by_default=settings.jwt_all_projects_by_default,
    )
    policy = TokenPolicy(
        settings.jwt_issuer, settings.jwt_audience, settings.jwt_algorithms, settings.jwt_leeway_seconds, claims
    )
    return SignedTokens(policy, KeySet(PublishedKeys(settings.jwt_keys_url), settings.jwt_algorithms))

"""The settings of signed tokens (JWT)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.entries import Algorithms


class JwtSettings(BaseSettings):
    """Which tokens of an identity provider are accepted; docs/authentication.md explains them."""

    jwt_issuer: str | None = Field(default=None, description="Issuer (iss) of accepted JWTs.")
    jwt_audience: str | None = Field(default=None, description="Audience (aud) that JWTs must have.")
    jwt_keys_url: str | None = Field(
        default=None, description="HTTPS URL of the issuer's keys (JWKS). No other address is asked for keys."
    )
    jwt_algorithms: Algorithms = Field(
        default=("RS256",), min_length=1, description="Accepted signature algorithms, all of one family."
    )
    jwt_leeway_seconds: float = Field(
        default=10.0,
        ge=0,
        le=30,
        description="Tolerated difference between the issuer's clock and the gateway's, in seconds.",
    )
    jwt_projects_claim: str = Field(
        default="dbt_projects", description='Claim with the projects that a caller may see; "*": all.'
    )
    jwt_environments_claim: str | None = Field(
        default=None, description="Claim with the environment ids that a caller may see. When set, tokens must have it."
    )
    jwt_scopes_claim: str = Field(default="scope", description="Claim with the scopes: introspection, metrics.")
    jwt_name_claim: str = Field(default="sub", description="Claim with the caller's name in logs.")
    jwt_all_projects_by_default: bool = Field(
        default=False, description="Let tokens without the projects claim see all projects."
    )

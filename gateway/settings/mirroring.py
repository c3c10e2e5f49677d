"""The settings of the mirror of dbt Cloud."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings


class MirrorSettings(BaseSettings):
    """What `gateway mirror` and `serve --mirror` bring into the archive, and how much of dbt's limits they take."""

    mirror_days: int = Field(
        default=365, ge=1, description="How many days of dbt Cloud's runs the mirror reads; dbt keeps 365."
    )
    mirror_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description="Part of the requests per minute to each of dbt's APIs that the mirror may use. With serve "
        "--mirror the gateway has the rest; replicas with cache_url count together.",
    )
    mirror_interval: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="Seconds between two checks of the mirror for finished runs."
    )

"""The tables of the configuration file: what one entry of `[[projects]]` or `[[api_keys]]` holds."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, model_validator


class ProjectSetting(BaseModel):
    """One `[[projects]]` entry of the configuration file, for use without the Admin API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    production_environment_id: int | None = None
    staging_environment_id: int | None = None

    @model_validator(mode="after")
    def _has_an_environment(self) -> ProjectSetting:
        if self.production_environment_id is None and self.staging_environment_id is None:
            raise ValueError(f"project {self.name} needs production_environment_id or staging_environment_id")
        return self


class ApiKeySetting(BaseModel):
    """One `[[api_keys]]` entry of the configuration file: who holds a key, and what it lets him see.

    `gateway key new` writes it. `"*"` stands for all projects, or all environments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    projects: tuple[str, ...]
    environments: tuple[PositiveInt | Literal["*"], ...] = ("*",)
    scopes: tuple[Literal["introspection", "metrics"], ...] = ()
    expires: AwareDatetime | None = None

"""The settings that say what is served at which path."""

from __future__ import annotations

import re

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class PathSettings(BaseSettings):
    """Paths other than `/graphql`, and the prefix of all of them."""

    path_prefix: str = Field(
        default="",
        description="Prefix of all paths, e.g. /dbt, behind a proxy that passes it on. A proxy that removes it needs "
        "no setting.",
    )
    pages: bool = Field(default=True, description="Serve pages about runs, models and jobs at /.")
    explorer: bool = Field(default=True, description="Serve GraphiQL at /graphiql.")
    mcp: bool = Field(default=False, description="Serve tools for agents (Model Context Protocol) at /mcp.")

    @field_validator("path_prefix")
    @classmethod
    def _is_a_path(cls, prefix: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", prefix):
            raise ValueError("must begin with a slash and not end with one, such as /dbt")
        return prefix

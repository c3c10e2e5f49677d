"""The settings that limit what a query may ask for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings


class QuerySettings(BaseSettings):
    """Limits of one query, and of one caller's queries together."""

    query_characters: int = Field(default=32 * 1024, ge=1, description="Longest query, in characters.")
    query_tokens: int = Field(default=1500, ge=1, description="Most tokens in a query; parsing takes 10 µs each.")
    query_depth: int = Field(default=20, ge=1, description="Deepest nesting of fields in a query.")
    query_fields: int = Field(default=1000, ge=1, description="Most fields in a query, with fragments expanded.")
    query_root_fields: int = Field(default=20, ge=1, description="Most fields at the root of a query.")
    query_aliases: int = Field(default=60, ge=0, description="Most aliases in a query, with fragments expanded.")
    query_directives: int = Field(default=60, ge=0, description="Most directives in a query, with fragments expanded.")
    query_arguments: int = Field(
        default=300, ge=0, description="Most arguments and input fields in the text of a query; use variables instead."
    )
    limits: Literal["enforce", "measure"] = Field(
        default="enforce",
        description="Refuse queries beyond the limits on depth, fields, root fields, aliases, directives and "
        "arguments, or only count them in metrics and in the operation log.",
    )
    query_cost: int = Field(default=100_000, ge=1, description="Highest estimated cost of a query (docs/edge.md).")
    query_cost_mode: Literal["enforce", "measure", "off"] = Field(
        default="enforce", description="Refuse queries beyond query_cost, only count them, or do not estimate."
    )
    caller_cost_per_minute: int | None = Field(
        default=None, ge=1, description="Highest total cost of one caller's queries in a minute; at least query_cost."
    )

    @model_validator(mode="after")
    def _budgets_hold_a_query(self) -> QuerySettings:
        if self.caller_cost_per_minute is None:
            return self
        if self.query_cost_mode == "off":
            raise ValueError("caller_cost_per_minute needs estimated costs: set query_cost_mode to enforce or measure")
        if self.caller_cost_per_minute < self.query_cost:
            raise ValueError(
                f"caller_cost_per_minute must be at least query_cost, {self.query_cost}: else a query that is allowed "
                "is never answered"
            )
        return self

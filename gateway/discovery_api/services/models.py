"""What ModelService returns: models as applied, as defined, and in single runs. Unknown fields are left out."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(
        defer_build=True, extra="ignore", populate_by_name=True, coerce_numbers_to_str=True, protected_namespaces=()
    )


class Model(_Answer):
    """A model's applied state; `execution_info` has snake_case keys, `meta` is verbatim."""

    name: str | None = None
    alias: str | None = None
    unique_id: str | None = None
    database: str | None = None
    db_schema: str | None = Field(default=None, validation_alias=AliasChoices("schema", "db_schema"))
    materialized_type: str | None = None
    execution_info: dict[str, Any] | None = None
    tags: list[str] | None = None
    meta: dict[str, Any] | None = None
    file_path: str | None = None
    description: str | None = None
    contract_enforced: bool | None = None
    language: str | None = None
    fqn: list[str] | None = None
    package_name: str | None = None


class ModelDefinition(Model):
    """A model as the newest manifest defines it."""

    resource_type: str | None = None
    run_generated_at: str | None = None
    project_id: int
    environment_id: int
    account_id: int
    group: str | None = None
    raw_code: str | None = None


class ModelHistoricalRun(_Answer):
    """One model in one run; what was not asked for is None. Ids are text, times as dbt writes them."""

    name: str | None = None
    alias: str | None = None
    description: str | None = None
    resource_type: str | None = None
    tags: list[str] | None = None
    meta: dict[str, Any] | None = None
    run_id: str | None = None
    invocation_id: str | None = None
    job_id: str | None = None
    thread_id: str | None = None
    run_generated_at: str | None = None
    compile_started_at: str | None = None
    compile_completed_at: str | None = None
    execute_started_at: str | None = None
    execute_completed_at: str | None = None
    execution_time: float | None = None
    run_elapsed_time: float | None = None
    status: str | None = None
    error: str | None = None
    skip: bool | None = None
    environment_id: str | None = None
    project_id: str | None = None
    account_id: str | None = None
    owner: str | None = None
    raw_code: str | None = None
    compiled_code: str | None = None
    raw_sql: str | None = None
    compiled_sql: str | None = None
    language: str | None = None
    database: str | None = None
    db_schema: str | None = Field(default=None, validation_alias=AliasChoices("schema", "db_schema"))
    depends_on: list[str] | None = None
    parents_models: list[dict[str, Any]] | None = None
    parents_sources: list[dict[str, Any]] | None = None

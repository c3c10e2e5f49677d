"""The fields that ModelService selects."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.discovery_api.services.selection import Selection

_NODE = ("name", "unique_id", "tags", "meta", "file_path", "description")

_RELATION = ("alias", "database", "schema", "materialized_type", "contract_enforced", "language", "fqn", "package_name")

_EXECUTION_INFO = (
    "last_run_id",
    "last_run_status",
    "last_run_error",
    "last_run_generated_at",
    "last_job_definition_id",
    "last_success_run_id",
    "last_success_job_definition_id",
    "execution_time",
    "execute_started_at",
    "execute_completed_at",
    "run_generated_at",
    "run_elapsed_time",
)

_DEFINITION = ("resource_type", "run_generated_at", "project_id", "environment_id", "account_id")

_HISTORICAL = ("name", "alias", "description", "resource_type")

# Group → whether it is on by default, and its fields.
_OPTIONS: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "include_metadata": (True, ("tags", "meta")),
    "include_execution": (
        True,
        (
            "run_id",
            "invocation_id",
            "job_id",
            "thread_id",
            "run_generated_at",
            "compile_started_at",
            "compile_completed_at",
            "execute_started_at",
            "execute_completed_at",
            "execution_time",
            "run_elapsed_time",
        ),
    ),
    "include_status": (True, ("status", "error", "skip")),
    "include_dbt_metadata": (False, ("environment_id", "project_id", "account_id", "owner")),
    "include_code": (
        False,
        ("raw_code", "compiled_code", "raw_sql", "compiled_sql", "language", "database", "schema"),
    ),
}


def select_applied(node: Selection) -> None:
    """What services.models.Model holds."""
    for field in (*_NODE, *_RELATION):
        getattr(node, field)()
    info = node.execution_info()
    for field in _EXECUTION_INFO:
        getattr(info, field)()


def select_definition(node: Selection) -> None:
    """What services.models.ModelDefinition holds."""
    for field in (*_NODE, *_DEFINITION):
        getattr(node, field)()
    model = node.on("ModelDefinitionNode")
    for field in (*_RELATION, "group", "raw_code"):
        getattr(model, field)()


def select_historical(run: Selection, options: Mapping[str, bool] | None) -> None:
    """What the options ask for of one model in one run. Given options leave nothing to the defaults."""
    for field in _HISTORICAL:
        getattr(run, field)()
    for group, (default, fields) in _OPTIONS.items():
        if default if options is None else options.get(group, False):
            for field in fields:
                getattr(run, field)()
    if options is not None and options.get("include_dependencies", False):
        run.depends_on()
        for field in ("name", "unique_id"):
            getattr(run.parents_models, field)()
            getattr(run.parents_sources, field)()

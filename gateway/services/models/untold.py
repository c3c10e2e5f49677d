"""Notes about what dbt does not report of models: environments whose models all look never built, and models without a
status of their last run."""

from __future__ import annotations

from gateway.hierarchy.lists.listed_models import ListedModels
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.lists.timed_models import EnvironmentRuntimes
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

NO_EXECUTION_INFO = "NO_EXECUTION_INFO"
NO_LAST_STATUS = "NO_LAST_STATUS"


def note_never_built(models: EnvironmentModels) -> None:
    """Ephemeral models do not count: they are never built. Ends at the first model that was attempted."""
    if any(model.last_run is not None or model.runtime is not None for model in models.models):
        return
    count = sum(model.materialization != "ephemeral" for model in models.models)
    if count:
        _note(models.environment_id, count)


def note_unknown_outcomes(models: EnvironmentModels) -> None:
    """Models without a status of their last run: dbt's enum has no word for it, and the run cannot be read."""
    count = models.of_unknown_outcome
    if count:
        message = (
            f"dbt does not report how the last run of {count:,} models of environment {models.environment_id} ended: "
            "their status is UNKNOWN, and filters by other statuses leave them out."
        )
        note = UpstreamNote(NO_LAST_STATUS, message, (models.environment_id,), missing=count)
        current_usage().upstream_notes.add(note)


def note_unattempted(models: ListedModels) -> None:
    """The same of models as lists know them."""
    if any(model.last_run_status is not None or model.runtime is not None for model in models.models):
        return
    count = sum(model.materialization != "ephemeral" for model in models.models)
    if count:
        _note(models.environment_id, count)


def note_without_runtimes(runtimes: EnvironmentRuntimes) -> None:
    """The same where nothing but the runtimes of models was read."""
    if len(runtimes.models) and all(runtime is None for runtime in runtimes.runtimes):
        _note(runtimes.environment_id, len(runtimes.models))


def _note(environment_id: int, count: int) -> None:
    message = (
        f"dbt reports no run of any of the {count:,} models of environment {environment_id}: none was ever built "
        "there, or dbt's metadata of it has expired. They have no runtime and are in no ranking."
    )
    current_usage().upstream_notes.add(UpstreamNote(NO_EXECUTION_INFO, message, (environment_id,), missing=count))

"""A model that its environment no longer holds, as its newest runs show it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.hierarchy.history.runtimes import WITHIN_JOB
from gateway.hierarchy.objects.model import LastRun, Model, ModelRun
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.unique_ids import package_of


def removed_model(model_id: str, project_id: str, runs: Sequence[ModelRun]) -> Model:
    """The model of these runs, one or more, newest first. What only a manifest says of a model is left empty; the last
    success is looked for among these runs."""
    newest = runs[0]
    success = next((run for run in runs if not run.superseded and WITHIN_JOB.reason(run, None) is None), None)
    return Model(
        id=model_id,
        unique_id=newest.unique_id,
        name=newest.name,
        package_name=newest.package_name or package_of(newest.unique_id),
        project_id=project_id,
        environment_id=newest.environment_id,
        tags=newest.tags,
        materialization=newest.materialization,
        runtime=success.runtime if success else None,
        start_time=success.start_time if success else None,
        end_time=success.end_time if success else None,
        last_success_run_id=success.run_id if success else None,
        last_success_job_id=success.job_id if success else None,
        last_run=LastRun(
            newest.run_id,
            newest.job_id,
            newest.status,
            newest.status_text,
            newest.error if newest.status is RunStatus.FAILURE else None,
            newest.ended_at,
        ),
        removed=True,
    )

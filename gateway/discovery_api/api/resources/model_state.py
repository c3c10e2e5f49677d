"""ModelState: everything that is known about a model, read when it is first looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.discovery_api.client import Client, DataSource
from gateway.discovery_api.models import RunStatus
from gateway.discovery_api.models import resources as records
from gateway.errors import NotFound
from gateway.hierarchy.objects.model import Model as Facts
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.loading.field_context import FieldContext
from gateway.loading.projection import Projection
from gateway.queries.models import models
from gateway.queries.models.removed_models import find_removed
from gateway.queries.projects import project_of_environment
from gateway.services.models.model_pages import OPTIONAL_FIELDS

_DESCRIBED = Projection(OPTIONAL_FIELDS)


class ModelState:
    """A model as its environment knew it when it was read.

    Three readings at most: its state, its description with those of all models of the project, and its last attempt
    where that is not its last success.
    """

    def __init__(
        self, model_name: str, project_name: str, environment: str = "production", *, client: Client | None = None
    ) -> None:
        self._client = client or Client.of(DataSource())
        self._environment = DeploymentEnvironment(environment)
        self._known: Facts | None = None
        self._described: Facts | None = None
        self._last: ModelRun | None = None
        self.model_id = f"{project_name}.{model_name}"

    @property
    def _facts(self) -> Facts:
        if self._known is None:
            self._known = self._client.ask(self._find, lambda answer: answer)
        return self._known

    @property
    def _description(self) -> Facts:
        if self._described is None:
            known = self._facts

            async def question(field_context: FieldContext) -> Facts | None:
                project = await project_of_environment(field_context, known.environment_id)
                return await models.applied_model(field_context, project, known.unique_id)

            self._described = self._client.ask(question, lambda answer: answer, projection=_DESCRIBED) or known
        return self._described

    async def _find(self, field_context: FieldContext) -> Facts:
        if self._known is None:
            return await models.find_model(field_context, self.model_id, self._environment)
        project = await project_of_environment(field_context, self._known.environment_id)
        applied = await models.applied_model_alone(field_context, project, self._known.unique_id)
        if applied is None and project is not None:
            applied = await find_removed(field_context, self._known.unique_id, [project])
        if applied is None:
            raise NotFound(f"{self.model_id} has been removed from its environment.", kind="model", id=self.model_id)
        return applied

    @property
    def unique_id(self) -> str:
        """dbt's unique id, model.package.name; packages repeat across projects."""
        return self._facts.unique_id

    @property
    def removed(self) -> bool:
        """Whether its project no longer defines it; all that is known of it then is what its runs left."""
        return self._facts.removed

    @property
    def name(self) -> str:
        """Its name."""
        return self._facts.name

    @property
    def project_id(self) -> str:
        """The id of its project."""
        return self._facts.project_id

    @property
    def package_name(self) -> str:
        """The dbt package that defines it."""
        return self._facts.package_name

    @property
    def tags(self) -> list[str]:
        """Tags, in the order dbt lists them."""
        return list(self._facts.tags)

    @property
    def materialization(self) -> str | None:
        """table, view, incremental, ephemeral or a custom one."""
        return self._facts.materialization

    @property
    def runtime(self) -> float | None:
        """Seconds its last successful run spent on it; None when it never succeeded."""
        return self._facts.runtime

    @property
    def start_time(self) -> datetime | None:
        """When its last successful execution began (UTC)."""
        return self._facts.start_time

    @property
    def end_time(self) -> datetime | None:
        """When its last successful execution ended (UTC)."""
        return self._facts.end_time

    @property
    def last_run_status(self) -> RunStatus | None:
        """How its last attempt ended; None when there was none."""
        status = self._facts.last_run_status
        return RunStatus(status.value) if status else None

    @property
    def last_run_error(self) -> str | None:
        """The error of its last attempt, when it failed."""
        return self._facts.last_run_error

    @property
    def last_run_runtime(self) -> float | None:
        """Seconds its last attempt spent on it; None when it was not executed there."""
        return self._facts.runtime if self._last_run_succeeded else self._attempt("runtime")

    @property
    def last_run_start_time(self) -> datetime | None:
        """When the execution of its last attempt began (UTC)."""
        return self._facts.start_time if self._last_run_succeeded else self._attempt("start_time")

    @property
    def last_run_end_time(self) -> datetime | None:
        """When the execution of its last attempt ended (UTC)."""
        return self._facts.end_time if self._last_run_succeeded else self._attempt("end_time")

    @property
    def _last_run_succeeded(self) -> bool:
        """Whether the last attempt is the last success, whose figures are at hand."""
        last = self._facts.last_run
        return last is not None and last.run_id == self._facts.last_success_run_id and last.status.value == "success"

    def _attempt(self, name: str) -> Any:
        if self._last is None:
            known = self._facts
            self._last = self._client.ask(
                lambda field_context: models.last_model_run(field_context, known), lambda answer: answer
            )
        return getattr(self._last, name, None)

    @property
    def description(self) -> str | None:
        """The description from the project's YAML."""
        return self._description.description

    @property
    def database(self) -> str | None:
        """Database of its relation."""
        return self._description.database

    @property
    def schema(self) -> str | None:
        """Schema of its relation."""
        return self._description.schema

    @property
    def alias(self) -> str | None:
        """Name of its relation."""
        return self._description.alias

    @property
    def relation_name(self) -> str | None:
        """Its relation's full name, quoted as dbt writes it."""
        return self._description.relation_name

    @property
    def access(self) -> str | None:
        """private, protected or public."""
        return self._description.access

    @property
    def group(self) -> str | None:
        """The dbt group that owns it."""
        return self._description.group

    @property
    def meta(self) -> Mapping[str, Any] | None:
        """Its meta, verbatim."""
        return self._description.meta

    @property
    def file_path(self) -> str | None:
        """Path of its file in its project."""
        return self._description.file_path

    @property
    def language(self) -> str | None:
        """sql or python."""
        return self._description.language

    @property
    def version(self) -> str | None:
        """The version of a versioned model."""
        return self._description.version

    @property
    def contract_enforced(self) -> bool | None:
        """Whether dbt enforces its contract."""
        return self._description.contract_enforced

    def get_owner(self) -> records.Owner | None:
        """The owner of its group; else the `owner` that its meta names; None when neither does."""
        described = self._description
        return self._client.ask(
            lambda field_context: models.owner_of_model(field_context, described),
            lambda owner: records.Owner(name=owner.name, email=owner.email) if owner else None,
        )

    def to_record(self) -> records.Model:
        """A plain record of this model."""
        return records.Model.of(self._facts)

"""ModelService: the models of an environment, and the runs of single models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gateway.discovery_api.exceptions import InvalidArgumentError, InvalidResponseError
from gateway.discovery_api.services.answers import part
from gateway.discovery_api.services.BaseQuery import BaseQuery, Built
from gateway.discovery_api.services.keys import with_snake_case
from gateway.discovery_api.services.model_fields import (
    select_applied,
    select_definition,
    select_historical,
)
from gateway.discovery_api.services.models import Model, ModelDefinition, ModelHistoricalRun
from gateway.discovery_api.services.selection import EnumValue, Selection

M = TypeVar("M", Model, ModelDefinition)

# The most rows dbt gives on one page of an environment's list.
_MOST_ROWS = 500


class ModelService:
    """Returns the objects of `services.models`, every page read. Keywords go to BaseQuery.execute.

    Raises EnvironmentNotFoundError for an environment, or a state, that dbt does not have, and UpstreamError's
    subclasses.
    """

    def __init__(self, base_query: BaseQuery) -> None:
        self.base_query = base_query

    def get_models_applied(self, environment_id: int, limit: int = 300, **kwargs: Any) -> list[Model]:
        """Every model of the applied state; `limit` (1 to 500) is how many are asked for at once."""

        def build(state: Selection, paging: Mapping[str, Any]) -> None:
            models = state.models(**paging)
            _select_paging(models)
            select_applied(models.edges.node())

        builder = self.base_query.create_applied_state_query
        rows = self._rows(
            builder, environment_id, build, state="applied", connection="models", limit=limit, execution=kwargs
        )
        return [Model.model_validate(row) for row in rows]

    def get_models_definition(self, environment_id: int, limit: int = 300, **kwargs: Any) -> list[ModelDefinition]:
        """Every model of the definition state; `limit` (1 to 500) is how many are asked for at once."""

        def build(state: Selection, paging: Mapping[str, Any]) -> None:
            resources = state.resources(filter={"types": [EnumValue("Model")]}, **paging)
            _select_paging(resources)
            select_definition(resources.edges.node())

        builder = self.base_query.create_definition_state_query
        rows = self._rows(
            builder, environment_id, build, state="definition", connection="resources", limit=limit, execution=kwargs
        )
        return [ModelDefinition.model_validate(row) for row in rows]

    def get_model_historical_runs(
        self,
        environment_id: int,
        model_name: str,
        last_run_count: int = 10,
        options: Mapping[str, bool] | None = None,
        **kwargs: Any,
    ) -> list[ModelHistoricalRun]:
        """The last runs of the model whose relation has this name, newest first; [] when there is no such model.

        `options`, when given, replaces the default of each group: include_metadata, include_execution, include_status
        (on), include_dbt_metadata, include_code, include_dependencies (off).
        """
        operation, state = self.base_query.create_applied_state_query(environment_id)
        runs = state.model_historical_runs(identifier=model_name, last_run_count=last_run_count)
        select_historical(runs, options)
        applied = self._applied(operation, environment_id, kwargs)
        return _runs(applied.get("model_historical_runs"))

    def get_multiple_models_historical_runs(
        self,
        environment_id: int,
        model_names: Sequence[str],
        last_run_count: int = 5,
        options: Mapping[str, bool] | None = None,
        **kwargs: Any,
    ) -> dict[str, list[ModelHistoricalRun]]:
        """The same for several models, by name, in one request."""
        if not model_names:
            return {}
        operation, state = self.base_query.create_applied_state_query(environment_id)
        for place, name in enumerate(model_names):
            runs = state.model_historical_runs(
                __alias__=f"model_{place}", identifier=name, last_run_count=last_run_count
            )
            select_historical(runs, options)
        applied = self._applied(operation, environment_id, kwargs)
        return {name: _runs(applied.get(f"model_{place}")) for place, name in enumerate(model_names)}

    def get_model_by_name(
        self, environment_id: int, model_name: str, state: str = "applied", **kwargs: Any
    ) -> Model | ModelDefinition | None:
        """The model with this name in the applied or the definition state; None when there is none."""
        if state not in ("applied", "definition"):
            raise InvalidArgumentError(f"Invalid state: {state!r}. It is 'applied' or 'definition'.")
        models: Sequence[Model] = (
            self.get_models_applied(environment_id, **kwargs)
            if state == "applied"
            else self.get_models_definition(environment_id, **kwargs)
        )
        return next((model for model in models if model.name == model_name), None)

    def _rows(
        self,
        builder: Callable[[int], Built],
        environment_id: int,
        build: Callable[[Selection, Mapping[str, Any]], None],
        *,
        state: str,
        connection: str,
        limit: int,
        execution: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        if not 1 <= limit <= _MOST_ROWS:
            raise InvalidArgumentError(f"limit is from 1 to {_MOST_ROWS}; it is {limit!r}. All pages are read anyway.")
        rows: list[dict[str, Any]] = []
        paging: dict[str, Any] = {"first": limit}
        seen: set[str | None] = {None}
        while True:
            operation, selection = builder(environment_id)
            build(selection, paging)
            envelope = self.base_query.execute(operation, **execution)
            page = with_snake_case(part(envelope, "environment", state, connection, owner=environment_id))
            rows += [edge["node"] for edge in page["edges"]]
            info = page.get("page_info") or {}
            if not info.get("has_next_page"):
                return rows
            if info.get("end_cursor") in seen or not page["edges"]:
                raise InvalidResponseError("dbt says that there are more models but not where they begin. Try again.")
            paging["after"] = info["end_cursor"]
            seen.add(info["end_cursor"])

    def _applied(self, operation: Any, environment_id: int, execution: Mapping[str, Any]) -> dict[str, Any]:
        envelope = self.base_query.execute(operation, **execution)
        return dict(with_snake_case(part(envelope, "environment", "applied", owner=environment_id)))


def _select_paging(connection: Selection) -> None:
    info = connection.page_info()
    info.has_next_page()
    info.has_previous_page()
    info.end_cursor()


def _runs(rows: Sequence[Mapping[str, Any]] | None) -> list[ModelHistoricalRun]:
    return [ModelHistoricalRun.model_validate(row) for row in rows or ()]

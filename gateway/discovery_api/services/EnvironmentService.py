"""EnvironmentService: what one environment is, and what its states are worth."""

from __future__ import annotations

from typing import Any

from gateway.discovery_api.services.answers import part
from gateway.discovery_api.services.BaseQuery import BaseQuery
from gateway.discovery_api.services.keys import with_snake_case


class EnvironmentService:
    """Plain dicts with snake_case keys. Keywords go to BaseQuery.execute; only `return_query` means something there.

    Raises EnvironmentNotFoundError for an environment, or a state, that dbt does not have.
    """

    def __init__(self, base_query: BaseQuery) -> None:
        self.base_query = base_query

    def get_environment_metadata(self, environment_id: int, **kwargs: Any) -> dict[str, Any]:
        """`dbt_project_name` and `adapter_type`."""
        operation, environment = self.base_query.create_environment_query(environment_id)
        environment.dbt_project_name()
        environment.adapter_type()
        envelope = self.base_query.execute(operation, **kwargs)
        return dict(with_snake_case(part(envelope, "environment", owner=environment_id)))

    def get_applied_state(self, environment_id: int, **kwargs: Any) -> dict[str, Any]:
        """`last_updated_at`, `resource_counts` (verbatim) and `latest_git_sha` of what the last runs left."""
        operation, applied = self.base_query.create_applied_state_query(environment_id)
        applied.last_updated_at()
        applied.resource_counts()
        applied.latest_git_sha()
        envelope = self.base_query.execute(operation, **kwargs)
        return dict(with_snake_case(part(envelope, "environment", "applied", owner=environment_id)))

    def get_definition_state(self, environment_id: int, **kwargs: Any) -> dict[str, Any]:
        """`last_updated_at` and `resource_counts` (verbatim) of the newest manifest."""
        operation, definition = self.base_query.create_definition_state_query(environment_id)
        definition.last_updated_at()
        definition.resource_counts()
        envelope = self.base_query.execute(operation, **kwargs)
        return dict(with_snake_case(part(envelope, "environment", "definition", owner=environment_id)))

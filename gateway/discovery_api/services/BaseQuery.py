"""BaseQuery: builds queries of the Discovery API and executes them, for the services."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any

from gateway.discovery_api.client import Client
from gateway.discovery_api.exceptions import MissingTokenError, named
from gateway.discovery_api.services.endpoint import AccountEndpoint, Endpoint, HttpEndpoint
from gateway.discovery_api.services.selection import Operation, Selection
from gateway.errors import GatewayError
from gateway.settings import Settings, load_settings

DEFAULT_ENDPOINT = "https://metadata.cloud.getdbt.com/graphql"
SLOW_SECONDS = 1.0

Built = tuple[Operation, Selection]

log = logging.getLogger("dbt_discovery_api")


class BaseQuery:
    """Asks one Discovery address with one token; without a token, DBT_SERVICE_TOKEN is taken.

    `client` answers a query's text with the GraphQL envelope. A query may take `timeout` seconds. dbt gives every
    account an address of its own (https://PREFIX.metadata.REGION.dbt.com/graphql): pass it as `endpoint`. With
    `client`, an account's connection is used (see dbtAccount.base_query). The logger "dbt_discovery_api" warns of
    queries over a second. Raises MissingTokenError, a ValueError, when there is no token.
    """

    def __init__(
        self,
        token: str | None = None,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        timeout: float = 20.0,
        client: Client | None = None,
    ) -> None:
        settings = _settings(token)
        if settings.discovery_log_level is not None:
            log.setLevel(settings.discovery_log_level)
        self.client: Endpoint
        if client is not None:
            self.client = AccountEndpoint(client, timeout)
        elif settings.service_token is None:
            raise MissingTokenError("No service token: pass token=… or set the environment variable DBT_SERVICE_TOKEN.")
        else:
            self.client = HttpEndpoint(settings.service_token, endpoint, timeout)

    def execute(self, operation: Operation, return_query: bool = False) -> dict[str, Any]:
        """The GraphQL envelope: `data`, `errors` where a part failed, `query` (its text) when it was asked for.

        Raises the exceptions of gateway.discovery_api.exceptions when there is no data at all.
        """
        text = str(operation)
        started = time.monotonic()
        envelope = self.client(text)
        seconds = time.monotonic() - started
        if seconds > SLOW_SECONDS:
            log.warning("query took %.2f s: %s", seconds, text[:200])
        return {**envelope, "query": text} if return_query else envelope

    def create_operation(self) -> Operation:
        """An empty query."""
        return Operation()

    def create_environment_query(self, environment_id: int) -> Built:
        """A query, and the selection of one environment in it."""
        operation = self.create_operation()
        return operation, self._add_environment_query(operation, environment_id)

    def create_applied_state_query(self, environment_id: int) -> Built:
        """A query, and the selection of one environment's applied state in it."""
        operation = self.create_operation()
        return operation, self._add_applied_query(operation, environment_id)

    def create_definition_state_query(self, environment_id: int) -> Built:
        """A query, and the selection of one environment's definition state in it."""
        operation = self.create_operation()
        return operation, self._add_definition_query(operation, environment_id)

    def create_job_query(self, job_id: int) -> Built:
        """A query, and the selection of one job's latest run in it."""
        operation = self.create_operation()
        return operation, self._add_job_query(operation, job_id)

    def close(self) -> None:
        """Ends the connection, if it is this object's own."""
        self.client.close()

    def _add_environment_query(self, operation: Operation, environment_id: int, alias: str | None = None) -> Selection:
        return operation.environment(__alias__=alias, id=environment_id)

    def _add_applied_query(self, operation: Operation, environment_id: int, alias: str | None = None) -> Selection:
        return self._add_environment_query(operation, environment_id, alias).applied()

    def _add_definition_query(self, operation: Operation, environment_id: int, alias: str | None = None) -> Selection:
        return self._add_environment_query(operation, environment_id, alias).definition()

    def _add_job_query(self, operation: Operation, job_id: int, alias: str | None = None) -> Selection:
        return operation.job(__alias__=alias, id=job_id)

    def __enter__(self) -> BaseQuery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _settings(token: str | None) -> Settings:
    try:
        return load_settings({"service_token": token})
    except GatewayError as failure:
        raise named(failure) from None

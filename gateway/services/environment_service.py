"""EnvironmentService: what an environment is called, and whether its facts have changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.caching.facts import FactsCache
from gateway.errors import GatewayError, UpstreamRejected
from gateway.services.base_query import BaseQuery, Operation, environment_lookups
from gateway.services.discovery_types import Environment

# Headers are tiny: one document asks for many environments.
_PER_DOCUMENT = 50

_OPERATION = Operation(
    "EnvironmentHeaders",
    "fragment Header on Environment { dbtProjectName adapterType applied { lastUpdatedAt packages(resource: model) } }",
    Environment,
)


@dataclass(frozen=True, slots=True)
class EnvironmentHeader:
    """An environment's dbt project name and the revision of its applied state.

    `revision` is `applied.lastUpdatedAt`; every fact read under it is valid while it stands. `has_state` is False
    until a deployment run has succeeded there. `packages` are those that have models.
    """

    dbt_project_name: str | None
    adapter_type: str | None
    revision: datetime | None
    has_state: bool
    packages: frozenset[str]


class EnvironmentService:
    """Headers of environments, asked of all of them in one aliased document, at most once an interval."""

    def __init__(self, query: BaseQuery, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._query = query
        self._interval = interval
        self._clock = clock
        self._cache: FactsCache[int, EnvironmentHeader] = FactsCache(capacity=10_000, clock=clock)

    async def headers(self, environment_ids: Sequence[int]) -> dict[int, EnvironmentHeader | GatewayError]:
        """The header of each environment, not older than the interval (seconds)."""
        now = self._clock()
        return await self._cache.get_many(
            environment_ids, self._fetch, lambda _, fact: fact.younger_than(self._interval, now)
        )

    async def sorted_out(
        self, environment_ids: Sequence[int]
    ) -> tuple[dict[int, EnvironmentHeader], dict[int, GatewayError]]:
        """The headers of the environments that can be read, and the errors of the others."""
        headers = await self.headers(environment_ids)
        readable = {one: header for one, header in headers.items() if isinstance(header, EnvironmentHeader)}
        return readable, {one: header for one, header in headers.items() if isinstance(header, GatewayError)}

    async def _fetch(self, environment_ids: list[int]) -> Mapping[int, EnvironmentHeader | GatewayError]:
        lookups = environment_lookups(environment_ids, "...Header")
        answers = await self._query.look_up(_OPERATION, list(lookups.values()), _PER_DOCUMENT)
        return {one: _header(answers.get(lookup.alias), one) for one, lookup in lookups.items()}


def _header(answer: Environment | GatewayError | None, environment_id: int) -> EnvironmentHeader | GatewayError:
    if isinstance(answer, GatewayError):
        return answer
    if answer is None:
        return UpstreamRejected(f"dbt knows no environment {environment_id}.")
    applied = answer.applied
    return EnvironmentHeader(
        dbt_project_name=answer.dbt_project_name,
        adapter_type=answer.adapter_type,
        revision=applied.last_updated_at if applied else None,
        has_state=applied is not None,
        packages=frozenset(applied.packages) if applied else frozenset(),
    )

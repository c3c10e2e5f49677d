"""References from other subgraphs: a key becomes the object it names, many keys one batch of loads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import strawberry
from strawberry.federation.schema import FederationAny

from gateway.errors import BadUserInput, GatewayError
from gateway.hierarchy.project import DeploymentEnvironment
from gateway.loading import jobs, models, projects
from gateway.loading.asking import Asking
from gateway.schema.context import Info, asking

Find = Callable[[Asking, str], Awaitable[object]]


class GatewaySchema(strawberry.federation.Schema):
    """The subgraph schema. A reference that names nothing nulls its own slot and no other.

    Strawberry's own resolver fails all references for one unknown `__typename`.
    """

    def entities_resolver(self, info: Info, representations: list[FederationAny]) -> list[FederationAny]:
        ask = asking(info)
        return [_resolve(ask, representation) for representation in representations]  # type: ignore[misc, arg-type]


def _resolve(ask: Asking, representation: Mapping[str, Any]) -> Awaitable[object] | GatewayError:
    find = _FINDERS.get(str(representation.get("__typename")))
    if find is None:
        return BadUserInput(f"This subgraph has no entity of the type {representation.get('__typename')!r}.")
    key = representation.get("id")
    if not isinstance(key, str | int):
        return BadUserInput("A reference needs its id.")
    return find(ask, str(key))


async def _account(ask: Asking, key: str) -> object:
    account = await projects.find_account(ask, DeploymentEnvironment.PRODUCTION)
    if str(account.id) != key:
        raise BadUserInput(f"This gateway serves account {account.id}, not {key[:40]}.")
    return account


async def _project(ask: Asking, key: str) -> object:
    return await projects.find_project(ask, key, DeploymentEnvironment.PRODUCTION)


async def _model(ask: Asking, key: str) -> object:
    return await models.find_model(ask, key, DeploymentEnvironment.PRODUCTION)


async def _job(ask: Asking, key: str) -> object:
    return await jobs.find_job(ask, jobs.number_of(key, "job"))


async def _run(ask: Asking, key: str) -> object:
    return await jobs.find_run(ask, jobs.number_of(key, "run"))


_FINDERS: Mapping[str, Find] = {"Account": _account, "Project": _project, "Model": _model, "Job": _job, "Run": _run}

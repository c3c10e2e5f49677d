"""References from other subgraphs: a key becomes the object it names, many keys one batch of loads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, cast

import strawberry
from graphql import GraphQLObjectType
from strawberry.federation.schema import FederationAny

from gateway.concurrency.checkpoints import checkpoint
from gateway.errors import BadUserInput, GatewayError, NotFound
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Account, Project
from gateway.loading.field_context import FieldContext
from gateway.queries import projects
from gateway.queries.jobs import jobs
from gateway.queries.models import models
from gateway.schema.context import Info, field_context
from gateway.schema.roots.authenticated import with_authentication
from gateway.schema.roots.subjects import subject_of
from gateway.telemetry.usage import current_usage

Entity = Account | Project | Model | Job | Run
Find = Callable[[FieldContext, str], Awaitable[Entity]]

# No router sends such, and who sends thousands of them would read so thousands of times.
_MOST_STRANGE = 100

_STEPS_TO_READ_A_REFERENCE = 3
_STEPS_OF_A_REFERENCE = 60


class GatewaySchema(strawberry.federation.Schema):
    """The subgraph schema. A reference that names nothing nulls its own slot and no other.

    Strawberry's own resolver fails all references for one unknown `__typename`, and prints the whole schema, for a
    tenth of a second, whenever a router asks for it; here it is printed once.
    """

    def __init__(self, *args: Any, authenticated: bool = False, **kwargs: Any) -> None:
        """`authenticated` tells routers that entities are for callers only (see authenticated)."""
        super().__init__(*args, **kwargs)
        printed = cache(lambda: with_authentication(self.as_str()) if authenticated else self.as_str())
        service = cast(GraphQLObjectType, self._schema.type_map["_Service"])
        service.fields["sdl"].resolve = lambda *_: printed()

    def entities_resolver(self, info: Info, representations: list[FederationAny]) -> list[FederationAny]:
        place = current_usage().expect_entities(len(representations))
        return _resolve_all(field_context(info), representations, place)  # type: ignore[return-value]  # awaited by the executor


async def _resolve_all(ask: FieldContext, representations: Sequence[object], first_place: int) -> list[object]:
    """What each reference names, or the error that belongs in its slot, to be completed slot by slot. What they name is
    noted from the first place on."""
    await checkpoint(len(representations) * _STEPS_TO_READ_A_REFERENCE)
    strange = islice(
        (representation for representation in representations if not _is_reference(representation)), _MOST_STRANGE + 1
    )
    if len(list(strange)) > _MOST_STRANGE:
        raise BadUserInput(
            f"More than {_MOST_STRANGE} references are none: each has a __typename of this subgraph and an id.",
            argument="representations",
        )
    return [_resolve(ask, representation, place) for place, representation in enumerate(representations, first_place)]


def _is_reference(representation: object) -> bool:
    """Whether it may name something."""
    if not isinstance(representation, Mapping) or _finder(representation.get("__typename")) is None:
        return False
    return _key(representation.get("id")) is not None


def _resolve(ask: FieldContext, representation: object, place: int) -> Awaitable[object] | GatewayError:
    """What a reference names, or the error that belongs in its slot."""
    if not isinstance(representation, Mapping):
        return BadUserInput("A reference is an object with __typename and id.", argument="representations")
    find, key = _finder(representation.get("__typename")), _key(representation.get("id"))
    if find is None:
        return BadUserInput(
            f"A reference needs the __typename of one of this subgraph's entities: {', '.join(_FINDERS)}.",
            argument="representations",
        )
    if key is None:
        return BadUserInput("A reference needs its id, a string or a whole number.", argument="representations")
    return _found(find, ask, key, place)


async def _found(find: Find, ask: FieldContext, key: str, place: int) -> Entity:
    """All of them are looked for in one batch; before each becomes its fields or an error, others are let on."""
    try:
        entity = await find(ask, key)
        entities = current_usage().entities
        if entities is not None and place < len(entities):
            entities[place] = subject_of(entity)
        return entity
    finally:
        await checkpoint(_STEPS_OF_A_REFERENCE)


def _finder(type_name: object) -> Find | None:
    return _FINDERS.get(type_name) if isinstance(type_name, str) else None


def _key(value: object) -> str | None:
    """An id as ID reads it: a string, or a whole number that fits into 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    return value if isinstance(value, str) else None


async def _account(ask: FieldContext, key: str) -> Entity:
    return await projects.account_with_id(ask, key)


async def _project(ask: FieldContext, key: str) -> Entity:
    return await projects.project_with_id(ask, key)


async def _model(ask: FieldContext, key: str) -> Entity:
    return await models.model_with_id(ask, key)


async def _job(ask: FieldContext, key: str) -> Entity:
    number = jobs.number_of(key, "job")
    job = (await ask.loaders.jobs()).get(number)
    if job is None:
        raise NotFound(f"No job has the id '{number}'. A reference takes the id as jobs {{ id }} gives it.")
    return job


async def _run(ask: FieldContext, key: str) -> Entity:
    return await jobs.find_run(ask, jobs.number_of(key, "run"))


_FINDERS: Mapping[str, Find] = {"Account": _account, "Project": _project, "Model": _model, "Job": _job, "Run": _run}

"""Reading the states of models and making models of them: of whole environments, or of those that meet a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from gateway.concurrency.checkpoints import checkpoint, pieces
from gateway.errors import GatewayError
from gateway.hierarchy.ids.model_ids import model_ids
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.models.last_words import with_last_words, with_revised_last_words
from gateway.services.models.model_pages import (
    STATE,
    Marks,
    models_operation,
    read_pages,
    read_revised_pages,
    states_operation,
)
from gateway.services.models.pushdown import PushedFilter
from gateway.services.rows.discovery_types import ModelRow
from gateway.services.rows.mapping import to_model


async def read_states(
    query: BaseQuery,
    environment_ids: Sequence[int],
    fields: frozenset[str],
    *,
    pushed: Mapping[int, PushedFilter],
    marks: Marks | None = None,
) -> Mapping[int, Sequence[ModelRow] | GatewayError]:
    """The states, with the optional fields in `fields`, of each environment's models that meet its filter in `pushed`;
    of an environment without one all of them. Or the error that stopped the reading of an environment."""
    if fields <= {STATE}:
        states = await read_pages(query, environment_ids, states_operation(), pushed, marks)
        return await with_last_words(query, states)
    described = await read_pages(query, environment_ids, models_operation(fields), pushed, marks)
    return await with_last_words(query, described)


async def read_revised_states(
    query: BaseQuery, environment_ids: Sequence[int], fields: frozenset[str], marks: Marks
) -> Mapping[int, tuple[Sequence[ModelRow], datetime | None] | GatewayError]:
    """The same of all models, with the revision under which each environment's first page was reported."""
    if fields <= {STATE}:
        states = await read_revised_pages(query, environment_ids, states_operation(), marks)
        return await with_revised_last_words(query, states)
    described = await read_revised_pages(query, environment_ids, models_operation(fields), marks)
    return await with_revised_last_words(query, described)


async def make_models(rows: Sequence[ModelRow], project: Project) -> EnvironmentModels:
    """The models of a project, of rows that hold every model of a name or none: its id depends on the others."""
    await checkpoint(len(rows) * 2)
    ids = model_ids(project.id, [row.unique_id for row in rows])
    models: list[Model] = []
    async for piece in pieces(rows, steps=6):
        models += [to_model(row, ids[row.unique_id], project.id, project.environment_id) for row in piece]
    models.sort(key=attrgetter("unique_id"))
    return EnvironmentModels(project.id, project.environment_id, models)

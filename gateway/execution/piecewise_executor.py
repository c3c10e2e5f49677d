"""graphql-core's executor, with long lists completed in pieces between which other requests have their turn."""

from __future__ import annotations

import asyncio
from collections.abc import ValuesView
from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo, ResponsePath, get_named_type

from gateway.concurrency.checkpoints import pieces
from gateway.execution.error_behavior import ErrorBehaviorExecutor
from gateway.execution.graphql_internals import FieldDetailsList
from gateway.loading.batching import Departures

# Microseconds that graphql-core takes for an item whose fields are resolved, to start what such an item waits for, and
# for a type with all that introspection says of it.
_STEPS_OF_AN_ITEM = 30
_STEPS_OF_A_START = 40
_STEPS_OF_A_TYPE = 500
_STEPS_OF_A_LONG_LIST = 10_000
# What items ask for in one batch: so many fill whole documents upstream.
_STARTED_TOGETHER = 1_000


class PiecewiseExecutor(ErrorBehaviorExecutor):
    """Executes one operation. Values, errors and their places are graphql-core's."""

    def complete_iterable_value(self, item_type: GraphQLOutputType, *where_and_what: Any) -> Any:
        """The items of a list, completed; long lists in pieces."""
        details, info, path, items, position = where_and_what
        if isinstance(items, (list, tuple, ValuesView)):
            steps = _STEPS_OF_A_TYPE if get_named_type(item_type).name.startswith("__") else _STEPS_OF_AN_ITEM
            if len(items) * steps > _STEPS_OF_A_LONG_LIST:
                return self._complete_in_pieces(
                    list(items), steps, item_type=item_type, details=details, info=info, path=path, position=position
                )
        return super().complete_iterable_value(item_type, *where_and_what)

    async def _complete_in_pieces(
        self,
        items: list[Any],
        steps: int,
        *,
        item_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: ResponsePath,
        position: Any,
    ) -> list[Any]:
        """What graphql-core's `complete_iterable_value` makes of a list, with others let on in between."""
        completed: list[Any] = []
        waiting: list[int] = []
        try:
            async for piece in pieces(range(len(items)), steps):
                for index in piece:
                    item, place = items[index], path.add_key(index, None)
                    if self.is_awaitable(item):
                        completed.append(
                            self.complete_awaitable_list_item_value(item, item_type, details, info, place, position)
                        )
                        waiting.append(index)
                    elif self.complete_list_item_value(item, completed, item_type, details, info, place, position):
                        waiting.append(index)
        except BaseException:
            left = [completed[index] for index in waiting]
            self.settle_in_background([*left, *filter(self.is_awaitable, items[len(completed) :])])
            raise
        await self._await_all(completed, waiting)
        return completed

    async def _await_all(self, completed: list[Any], waiting: list[int]) -> None:
        """Replaces what is waited for by what comes of it. Raises what the first of them raises; the others end."""
        tasks: list[asyncio.Task[Any]] = []
        try:
            for start in range(0, len(waiting), _STARTED_TOGETHER):
                with self.departures.held():
                    async for piece in pieces(waiting[start : start + _STARTED_TOGETHER], _STEPS_OF_A_START):
                        tasks += [asyncio.ensure_future(completed[index]) for index in piece]
            for start in range(0, len(waiting), _STARTED_TOGETHER):
                some = slice(start, start + _STARTED_TOGETHER)
                for index, value in zip(waiting[some], await asyncio.gather(*tasks[some]), strict=True):
                    completed[index] = value
        except BaseException as failure:
            tasks += [asyncio.ensure_future(completed[index]) for index in waiting[len(tasks) :]]
            for task in tasks:
                task.cancel()
            if isinstance(failure, asyncio.CancelledError):
                self.settle_in_background(list(tasks))
            else:
                await asyncio.gather(*tasks, return_exceptions=True)
            raise

    @property
    def departures(self) -> Departures:
        """Holds the batches of this operation's loads."""
        loaders = getattr(self.context_value, "loaders", None)
        return Departures() if loaders is None else loaders.departures

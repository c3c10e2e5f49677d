"""BaseQuery: many root lookups as the aliases of one document, and what to do when some of them fail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeAlias, TypeVar

from gql import Client
from gql.client import AsyncClientSession

from gateway.errors import (
    UpstreamComplexityExceeded,
    UpstreamError,
    UpstreamForbidden,
    UpstreamInvalidResponse,
    UpstreamRejected,
)
from gateway.services.discovery.batch_sizes import BatchSizes, has_time_for_halves, is_too_heavy
from gateway.services.discovery.history_limit import HistoryLimit
from gateway.services.transport.graphql_transport import GuardedTransport, RenderedRequest, Reply
from gateway.services.transport.upstream_errors import UpstreamProblem, excerpt, refusal_of_lookup, refusal_of_problems
from gateway.telemetry.upstream_note import UpstreamNote

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Answers: TypeAlias = dict[str, T | UpstreamError | None]

log = logging.getLogger(__name__)

# Problems without a path that nulled a whole document, but may have come from one lookup in it.
_MAY_BE_ONE_LOOKUP = (UpstreamComplexityExceeded, UpstreamForbidden, UpstreamRejected)


@dataclass(frozen=True, slots=True)
class RootLookup:
    """One aliased root field: its text, and the variables (name → GraphQL type and value) it uses. `about` is the
    environment or job that it asks for: some are heavier than others. `fragments` are those that it spreads beside
    its operation's."""

    alias: str
    text: str
    variables: Mapping[str, tuple[str, Any]]
    about: int | None = None
    fragments: tuple[str, ...] = ()


def environment_lookups(environment_ids: Sequence[int], selection: str) -> dict[int, RootLookup]:
    """One lookup for each environment, all with the same selection."""
    return {
        environment_id: RootLookup(
            f"e{n}", f"environment(id: $e{n}) {{ {selection} }}", {f"e{n}": ("BigInt!", environment_id)}, environment_id
        )
        for n, environment_id in enumerate(environment_ids)
    }


@dataclass(frozen=True, slots=True)
class BatchOperation(Generic[T_co]):
    """What a batch of lookups has in common: a name, the fragments they spread, the type of each root.

    `nullable`: null stands for a root that the upstream does not know; for other roots it is a failure.
    """

    name: str
    fragments: str
    root: type[T_co]
    nullable: bool = False

    def render(self, lookups: Sequence[RootLookup]) -> RenderedRequest[T_co]:
        """The lookups as one document."""
        variables = {name: declared for lookup in lookups for name, declared in lookup.variables.items()}
        declarations = ", ".join(f"${name}: {kind}" for name, (kind, _) in variables.items())
        roots = "\n  ".join(f"{lookup.alias}: {lookup.text}" for lookup in lookups)
        head = f"query {self.name}({declarations})" if declarations else f"query {self.name}"
        fragments = "\n".join(
            dict.fromkeys((self.fragments, *(text for lookup in lookups for text in lookup.fragments)))
        )
        text = f"{head} {{\n  {roots}\n}}\n{fragments.strip()}"
        return RenderedRequest(text, {name: value for name, (_, value) in variables.items()}, self.name, self.root)


class BaseQuery:
    """One gql session over the guarded transport; every Discovery document of the gateway goes through `look_up`."""

    def __init__(self, transport: GuardedTransport, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = Client(transport=transport, fetch_schema_from_transport=False, execute_timeout=None)
        self._session: AsyncClientSession | None = None
        self._schema_fit = transport.schema_fit
        self.batch_sizes = BatchSizes(clock=clock)
        self.history_limit = HistoryLimit()

    async def __aenter__(self) -> BaseQuery:
        self._session = await self._client.connect_async(reconnecting=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close_async()

    def notes(self) -> list[UpstreamNote]:
        """What all answers lack."""
        return self._schema_fit.notes()

    async def look_up(
        self, operation: BatchOperation[T], lookups: Sequence[RootLookup], per_document: int
    ) -> Answers[T]:
        """The lookups in documents of up to `per_document`, as `look_up_documents` answers them; in smaller ones for a
        while after one of this operation about the same environment was too complex or too slow."""
        documents = self.batch_sizes.documents(operation.name, per_document, lookups, lambda lookup: lookup.about)
        return await self.look_up_documents(operation, documents)

    async def look_up_documents(
        self, operation: BatchOperation[T], documents: Sequence[Sequence[RootLookup]]
    ) -> Answers[T]:
        """Every alias with its value, None where the upstream knows no such thing, or the error that it met.

        The documents go out side by side. A lookup that fails alone leaves the others whole: they are asked again
        without it. A document that is too complex, or too slow, is halved.
        """
        answers = await asyncio.gather(*(self._ask(operation, document) for document in documents))
        return {alias: answer for part in answers for alias, answer in part.items()}

    async def _ask(self, operation: BatchOperation[T], lookups: Sequence[RootLookup]) -> Answers[T]:
        try:
            reply = await self._execute(operation.render(lookups))
        except UpstreamError as failure:
            return await self._halve_or_fail(operation, lookups, failure)
        return await self._sort_out(operation, lookups, reply)

    async def _sort_out(
        self, operation: BatchOperation[T], lookups: Sequence[RootLookup], reply: Reply[T]
    ) -> Answers[T]:
        failed = _failures(reply.errors)
        if reply.errors:
            log.warning("dbt reports for %s: %s", operation.name, excerpt(reply.errors))
        if reply.data is not None:
            data = reply.data
            return {
                lookup.alias: failed.get(lookup.alias) or _value(operation, lookup.alias, data) for lookup in lookups
            }
        known: Answers[T] = {a.alias: failed[a.alias] for a in lookups if a.alias in failed}
        if not known:
            return await self._halve_or_fail(operation, lookups, refusal_of_problems(reply.errors), _MAY_BE_ONE_LOOKUP)
        rest = [lookup for lookup in lookups if lookup.alias not in failed]
        return known | (await self._ask(operation, rest) if rest else {})

    async def _halve_or_fail(
        self,
        operation: BatchOperation[T],
        lookups: Sequence[RootLookup],
        failure: UpstreamError,
        halved: tuple[type[UpstreamError], ...] = (),
    ) -> Answers[T]:
        if len(lookups) > 1 and (is_too_heavy(failure) or isinstance(failure, halved)):
            half = (len(lookups) + 1) // 2
            if is_too_heavy(failure):
                half = self.batch_sizes.refused(operation.name, len(lookups), {lookup.about for lookup in lookups})
            if has_time_for_halves():
                return await self.look_up(operation, lookups, half)
        return {lookup.alias: failure for lookup in lookups}

    async def _execute(self, request: RenderedRequest[T]) -> Reply[T]:
        if self._session is None:
            raise RuntimeError("BaseQuery is used outside of its 'async with' block")
        result = await self._session.execute(request, get_execution_result=True)
        reply: Reply[T] = result.data  # type: ignore[assignment]  # GuardedTransport answers with a Reply
        return reply


def _value(operation: BatchOperation[T], alias: str, data: Mapping[str, T | None]) -> T | UpstreamError | None:
    value = data.get(alias)
    if value is None and not (operation.nullable and alias in data):
        return UpstreamInvalidResponse("dbt left a part out of its answer without saying why. Try again.")
    return value


def _failures(problems: Iterable[UpstreamProblem]) -> dict[str, UpstreamError]:
    by_alias: dict[str, list[UpstreamProblem]] = {}
    for problem in problems:
        if problem.alias is not None:
            by_alias.setdefault(problem.alias, []).append(problem)
    return {alias: refusal_of_lookup(response) for alias, response in by_alias.items()}

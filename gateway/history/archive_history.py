"""RunHistory asked of an archive by SQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection

from gateway.archive.reader import Reader
from gateway.archive.reading.applied_state import count_models, models_gone
from gateway.archive.reading.held_runs import first_runs
from gateway.archive.times import from_micros
from gateway.concurrency.bounded_map import BoundedMap
from gateway.errors import GatewayError
from gateway.hierarchy.history.change_facts import ChangeFacts, ChangeKey
from gateway.hierarchy.history.counted_runs import CommandFacts, HistoryScope
from gateway.hierarchy.history.mean_runtimes import MeanRuntimes
from gateway.hierarchy.history.runtime_series import RuntimeChanges
from gateway.hierarchy.lists.listed_models import ListedState
from gateway.hierarchy.objects.job import Run, RunDetails
from gateway.hierarchy.objects.model import BuiltModel, CodeInRun, ModelRun
from gateway.hierarchy.runs.attempts import NodeAttempts
from gateway.hierarchy.runs.executions import Executions, ExecutionsKey
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.hierarchy.runs.run_times import RunTimesKey, TimedRuns
from gateway.history.attempt_reading import read_failed_nodes
from gateway.history.cause_reading import read_change_facts
from gateway.history.change_reading import read_changes
from gateway.history.code_reading import read_codes
from gateway.history.execution_reading import read_executions
from gateway.history.graph_reading import read_graphs
from gateway.history.mean_reading import read_means
from gateway.history.node_reading import read_attempts, read_failed, read_nodes, read_parents, read_skipped
from gateway.history.run_list_reading import read_run_counts, read_run_list, read_runs, read_runs_of_jobs
from gateway.history.run_reading import read_arguments, read_model_runs, read_outlines, read_run_models
from gateway.history.run_time_reading import read_run_times
from gateway.history.state_reading import read_last_runtimes, read_model_states
from gateway.history.step_reading import read_run_details
from gateway.services.runs.discovery_history import command_facts_of
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_graphs import GraphKey
from gateway.services.runs.run_history import CommandKey, HistoryReach, HistorySource, ListedRuns, RunModels, RunParents
from gateway.services.runs.run_nodes import EndedResults, NodeInRun, NodeOutcome, NodesKey, RunNodes
from gateway.services.runs.run_query import RunQuery
from gateway.services.runs.run_rows import RunKey

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST_ENVIRONMENTS = 10_000
_BEGIN_SECONDS = 60.0  # retention moves the first run now and then


class ArchiveHistory:
    """Reads in threads, see ArchiveReader; see RunHistory for what it answers."""

    tells_everything: Final = True
    counts_models: Final = True
    may_hold: Final = True

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._begins: BoundedMap[int, tuple[float, datetime | None]] = BoundedMap(_MOST_ENVIRONMENTS)

    async def held(self, environment_ids: Collection[int]) -> frozenset[int]:
        """All of them."""
        return frozenset(environment_ids)

    def source_of_run(self, run_id: int) -> HistorySource:
        """The same for all."""
        return "ARCHIVE"

    def reach_of(self, environment_id: int) -> HistoryReach:
        """Since when the archive holds runs of an environment."""
        known = self._begins.peek(environment_id)
        return HistoryReach(("ARCHIVE",), known[1] if known else None)

    async def model_runs(
        self, keys: Sequence[HistoryKey], count: int
    ) -> dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
        """Two statements for each environment's thousand models."""
        work = partial(read_model_runs, keys=keys, count=count)
        return await self._read_with_begins(keys, {key.environment_id for key in keys}, work)

    async def run_models(self, keys: Sequence[RunKey], models: int) -> dict[RunKey, RunModels[ModelRun] | GatewayError]:
        """Three statements for a thousand runs, and one for a thousand of their models' nodes."""
        return await self._read(keys, partial(read_run_models, keys=keys))

    async def outlines(self, keys: Sequence[RunKey]) -> dict[RunKey, RunModels[BuiltModel] | GatewayError]:
        """The same."""
        return await self._read(keys, partial(read_outlines, keys=keys))

    async def run_nodes(self, keys: Sequence[NodesKey]) -> dict[NodesKey, RunNodes | GatewayError]:
        """Two statements for five hundred runs."""
        return await self._read(keys, partial(read_nodes, keys=keys))

    async def failed_results(self, keys: Sequence[RunKey]) -> dict[RunKey, EndedResults | GatewayError]:
        """One statement for five hundred runs."""
        return await self._read(keys, partial(read_failed, keys=keys))

    async def skipped_results(self, keys: Sequence[RunKey]) -> dict[RunKey, EndedResults | GatewayError]:
        """The same."""
        return await self._read(keys, partial(read_skipped, keys=keys))

    async def attempts(self, keys: Sequence[NodeInRun]) -> dict[NodeInRun, NodeOutcome | GatewayError]:
        """Two statements for five hundred runs and as many nodes."""
        return await self._read(keys, partial(read_attempts, keys=keys))

    async def parents(self, keys: Sequence[RunKey]) -> dict[RunKey, RunParents | GatewayError]:
        """Two statements for five hundred runs."""
        return await self._read(keys, partial(read_parents, keys=keys))

    async def run_graphs(self, keys: Sequence[GraphKey]) -> dict[GraphKey, RunGraph | GatewayError]:
        """Two statements for a thousand runs, and one for contents of nodes."""
        return await self._read(keys, partial(read_graphs, keys=keys))

    async def codes(self, keys: Sequence[NodeInRun]) -> dict[NodeInRun, CodeInRun | GatewayError]:
        """One statement for five hundred runs and as many models."""
        return await self._read(keys, partial(read_codes, keys=keys))

    async def commands(
        self, witnesses: Mapping[CommandKey, str]
    ) -> dict[CommandKey, CommandFacts | GatewayError | None]:
        """One statement for the commands of a thousand runs."""
        arguments = await self._read(list(witnesses), partial(read_arguments, keys=list(witnesses)))
        return {
            key: text if isinstance(text, GatewayError) else command_facts_of(text) for key, text in arguments.items()
        }

    async def mean_runtimes(
        self, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
    ) -> dict[int, MeanRuntimes | GatewayError]:
        """One statement for all environments."""
        work = partial(read_means, environment_ids=environment_ids, last_runs=last_runs, scope=scope)
        return await self._read_with_begins(environment_ids, environment_ids, work)

    async def model_counts(self, environment_ids: Sequence[int]) -> dict[int, int | GatewayError]:
        """One statement for a thousand environments."""
        return await self._read(environment_ids, partial(count_models, environment_ids=environment_ids))

    async def model_states(
        self, environment_ids: Sequence[int], *, described: bool
    ) -> dict[int, tuple[ListedState, ...] | GatewayError]:
        """One statement for a thousand environments."""
        work = partial(read_model_states, environment_ids=environment_ids, described=described)
        return await self._read(environment_ids, work)

    async def last_runtimes(
        self, environment_ids: Sequence[int]
    ) -> dict[int, Mapping[str, float | None] | GatewayError]:
        """Two statements, and one for a thousand models whose roll-ups do not say it."""
        return await self._read(environment_ids, partial(read_last_runtimes, environment_ids=environment_ids))

    async def models_gone(self, environment_ids: Sequence[int]) -> dict[int, tuple[str, ...] | GatewayError]:
        """The same."""
        return await self._read(environment_ids, partial(models_gone, environment_ids=environment_ids))

    async def executions(self, keys: Sequence[ExecutionsKey]) -> dict[ExecutionsKey, Executions | GatewayError]:
        """Four to six statements for the environments of a window."""
        return await self._read(keys, partial(read_executions, keys=keys))

    async def run_times(self, keys: Sequence[RunTimesKey]) -> dict[RunTimesKey, TimedRuns | GatewayError]:
        """One statement for the environments of a window."""
        return await self._read(keys, partial(read_run_times, keys=keys))

    async def run_list(self, account_id: int, query: RunQuery, count: int) -> ListedRuns | GatewayError:
        """Three statements."""
        work = partial(read_run_list, account_id=account_id, query=query, count=count)
        try:
            return await self._reader.read(work)
        except GatewayError as failure:
            return failure

    async def runs_of_jobs(
        self, account_id: int, job_ids: Sequence[int], count: int
    ) -> dict[int, ListedRuns | GatewayError]:
        """Three statements for five hundred jobs."""
        work = partial(read_runs_of_jobs, account_id=account_id, job_ids=job_ids, count=count)
        return await self._read(job_ids, work)

    async def run_counts(self, account_id: int, job_ids: Sequence[int]) -> dict[int, int | GatewayError]:
        """One statement for five hundred jobs."""
        return await self._read(job_ids, partial(read_run_counts, account_id=account_id, job_ids=job_ids))

    async def run_details(self, account_id: int, run_ids: Sequence[int]) -> dict[int, RunDetails | GatewayError]:
        """Two statements for five hundred runs."""
        return await self._read(run_ids, partial(read_run_details, account_id=account_id, run_ids=run_ids))

    async def runs(self, account_id: int, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
        """Two statements for five hundred runs."""
        return await self._read(run_ids, partial(read_runs, account_id=account_id, run_ids=run_ids))

    async def _read_with_begins(
        self, keys: Sequence[K], environment_ids: Collection[int], work: Callable[[Connection], Mapping[K, V]]
    ) -> dict[K, V | GatewayError]:
        """The same as `_read`, with one statement more for the environments whose first run nobody has looked for
        lately."""
        now = time.monotonic()
        known = {environment_id: self._begins.peek(environment_id) for environment_id in environment_ids}
        missing = [
            environment_id
            for environment_id, begin in known.items()
            if begin is None or now - begin[0] > _BEGIN_SECONDS
        ]
        begins: dict[int, int] = {}

        def read(connection: Connection) -> Mapping[K, V]:
            if missing:
                begins.update(first_runs(connection, missing))
            return work(connection)

        answers = await self._read(keys, read)
        if not any(isinstance(answer, GatewayError) for answer in answers.values()):
            for environment_id in missing:
                begin = from_micros(begins[environment_id]) if environment_id in begins else None
                self._begins.put(environment_id, (now, begin))
        return answers

    async def failed_nodes(self, environment_ids: Sequence[int]) -> dict[int, tuple[NodeAttempts, ...] | GatewayError]:
        """Six statements for an environment; on SQLite one more for each resource that failed."""
        return await self._read(environment_ids, partial(read_failed_nodes, environment_ids=environment_ids))

    async def runtime_changes(self, environment_ids: Sequence[int]) -> dict[int, RuntimeChanges | GatewayError]:
        """Two statements for five hundred environments."""
        return await self._read(environment_ids, partial(read_changes, environment_ids=environment_ids))

    async def change_facts(self, keys: Sequence[ChangeKey]) -> dict[ChangeKey, ChangeFacts | GatewayError]:
        """Some statements for each change (see cause_reading)."""
        facts = await self._read(keys, partial(read_change_facts, keys=keys))
        return {key: facts.get(key, ChangeFacts(())) for key in keys}

    async def _read(self, keys: Sequence[K], work: Callable[[Connection], Mapping[K, V]]) -> dict[K, V | GatewayError]:
        """What `work` reads under these keys; where the archive cannot be read, why."""
        try:
            return dict(await self._reader.read(work))
        except GatewayError as failure:
            return dict.fromkeys(keys, failure)

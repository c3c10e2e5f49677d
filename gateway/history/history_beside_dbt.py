"""RunHistory of an account of dbt Cloud beside which an archive stands: the archive as far as it goes, else Discovery.

The archive answers for each run that it holds whole: what has ended does not change. It has histories and means where
it holds every run of an environment that dbt can report (see archive_reach); so it does what changed for good, what is
not steady, and what a stretch of time holds. Elsewhere dbt reports the newest runs, and the
archive those that dbt has forgotten. While the archive cannot be read dbt reports everything, and the answer says so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from gateway.archive.reader import Reader
from gateway.archive.reading.held_runs import whole_runs
from gateway.concurrency.bounded_map import BoundedMap
from gateway.errors import GatewayError
from gateway.hierarchy.history.change_facts import ChangeFacts, ChangeKey
from gateway.hierarchy.history.counted_runs import CommandFacts, HistoryScope
from gateway.hierarchy.history.mean_runtimes import MeanRuntimes
from gateway.hierarchy.history.runtime_series import RuntimeChanges
from gateway.hierarchy.objects.model import BuiltModel, CodeInRun, ModelRun
from gateway.hierarchy.runs.attempts import NodeAttempts
from gateway.hierarchy.runs.executions import Executions, ExecutionsKey
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.hierarchy.runs.run_times import RunTimesKey
from gateway.history.archive_history import ArchiveHistory
from gateway.history.archive_reach import ArchiveReach
from gateway.history.awaited_archive import ArchiveNotOpen
from gateway.services.runs.discovery_history import DiscoveryHistory
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_graphs import GraphKey
from gateway.services.runs.run_history import CommandKey, HistoryReach, HistorySource, RunModels
from gateway.services.runs.run_nodes import NodeInRun, NodesKey, RunNodes
from gateway.services.runs.run_query import RunQuery
from gateway.services.runs.run_rows import RunKey
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

ARCHIVE_UNREADABLE = "ARCHIVE_UNREADABLE"

_MOST_RUNS = 100_000
_UNREADABLE = UpstreamNote(
    ARCHIVE_UNREADABLE,
    "The archive of finished runs cannot be read now; the gateway's log says why. Finished runs come from dbt, which "
    "keeps two months, and the last runs of a model.",
)
_BY_DBT = HistoryReach(("DISCOVERY",))
_BY_BOTH = HistoryReach(("ARCHIVE", "DISCOVERY"))

log = logging.getLogger(__name__)


class OfRun(Protocol):
    """A question about one run of one job."""

    @property
    def job_id(self) -> int: ...

    @property
    def run_id(self) -> int: ...


K = TypeVar("K", bound=OfRun)
V = TypeVar("V")
F = TypeVar("F")
Runs = tuple[ModelRun, ...]


class HistoryBesideDbt:
    """Asks `archive`, and `discovery` for what that does not hold; see RunHistory for what it answers."""

    tells_everything: Final = False
    counts_models: Final = False
    may_hold: Final = True

    def __init__(
        self, reader: Reader, archive: ArchiveHistory, discovery: DiscoveryHistory, reach: ArchiveReach
    ) -> None:
        self._reader = reader
        self._archive = archive
        self._discovery = discovery
        self.reach = reach
        self._sources: BoundedMap[int, HistorySource] = BoundedMap(_MOST_RUNS)
        self._reaches: BoundedMap[int, HistoryReach] = BoundedMap(_MOST_RUNS)

    async def held(self, environment_ids: Collection[int]) -> frozenset[int]:
        """A request of the Admin API for each, two at most."""
        try:
            reaches = await self.reach.of(environment_ids)
        except GatewayError as failure:
            _note_unreadable(failure)
            return frozenset()
        return frozenset(environment_id for environment_id, reach in reaches.items() if reach.held)

    def source_of_run(self, run_id: int) -> HistorySource:
        """Discovery for runs of which nothing was read."""
        return self._sources.peek(run_id) or "DISCOVERY"

    def reach_of(self, environment_id: int) -> HistoryReach:
        """Discovery for environments of which nothing was read."""
        return self._reaches.peek(environment_id) or _BY_DBT

    async def model_runs(self, keys: Sequence[HistoryKey], count: int) -> Mapping[HistoryKey, Runs | GatewayError]:
        """Two statements for each environment that the archive holds; of others both are asked."""
        held = await self.held({key.environment_id for key in keys})
        stored = await self._archive.model_runs(keys, count)
        failure = next((runs for runs in stored.values() if isinstance(runs, GatewayError)), None)
        if failure is not None:
            _note_unreadable(failure)
        answers: dict[HistoryKey, Runs | GatewayError] = {}
        if failure is None:
            answers = {key: runs for key, runs in stored.items() if key.environment_id in held}
            self._note_reaches({key.environment_id for key in answers}, by_archive=True)
        rest = [key for key in keys if key not in answers]
        by_dbt = await self._discovery.model_runs(rest, count) if rest else {}
        joined = {key: _joined(runs, stored[key], count) for key, runs in by_dbt.items()}
        both = {key.environment_id for key, runs in joined.items() if runs is not by_dbt[key]}
        self._note_reaches({key.environment_id for key in rest} - both, by_archive=False)
        for environment_id in both:
            self._reaches.put(environment_id, _BY_BOTH)
        return {**answers, **joined}

    async def run_models(
        self, keys: Sequence[RunKey], models: int
    ) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
        """See DiscoveryHistory and ArchiveHistory for what each reading costs, here and below."""
        by_dbt = partial(self._discovery.run_models, models=models)
        return await self._of_runs(keys, partial(self._archive.run_models, models=models), by_dbt)

    async def outlines(self, keys: Sequence[RunKey]) -> Mapping[RunKey, RunModels[BuiltModel] | GatewayError]:
        """The same in outline."""
        return await self._of_runs(keys, self._archive.outlines, self._discovery.outlines)

    async def run_nodes(self, keys: Sequence[NodesKey]) -> Mapping[NodesKey, RunNodes | GatewayError]:
        """Hooks, unit tests, functions and exports too, of runs that the archive holds."""
        return await self._of_runs(keys, self._archive.run_nodes, self._discovery.run_nodes)

    async def run_graphs(self, keys: Sequence[GraphKey]) -> Mapping[GraphKey, RunGraph | GatewayError]:
        """Threads, checksums and files too, of runs that the archive holds."""
        return await self._of_runs(keys, self._archive.run_graphs, self._discovery.run_graphs)

    async def failed_results(self, keys: Sequence[RunKey]) -> None:
        """None: Discovery reports them of the runs that it has to be asked for."""

    async def skipped_results(self, keys: Sequence[RunKey]) -> None:
        """None: as for failed results."""

    async def attempts(self, keys: Sequence[NodeInRun]) -> None:
        """None: as for failed results."""

    async def parents(self, keys: Sequence[RunKey]) -> None:
        """None: as for failed results."""

    async def codes(self, keys: Sequence[NodeInRun]) -> Mapping[NodeInRun, CodeInRun | GatewayError]:
        """Of runs that dbt has forgotten too, where the archive holds them."""
        return await self._of_runs(keys, self._archive.codes, self._discovery.codes)

    async def commands(
        self, witnesses: Mapping[CommandKey, str]
    ) -> Mapping[CommandKey, CommandFacts | GatewayError | None]:
        """Each of the archive where that holds the run."""

        async def stored(keys: Sequence[CommandKey]) -> Mapping[CommandKey, CommandFacts | GatewayError | None]:
            return await self._archive.commands({key: witnesses[key] for key in keys})

        async def by_dbt(keys: Sequence[CommandKey]) -> Mapping[CommandKey, CommandFacts | GatewayError | None]:
            return await self._discovery.commands({key: witnesses[key] for key in keys})

        return await self._of_runs(list(witnesses), stored, by_dbt)

    async def mean_runtimes(
        self, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
    ) -> Mapping[int, MeanRuntimes | GatewayError] | None:
        """Of the environments that the archive holds."""
        held = sorted(await self.held(environment_ids))
        if not held:
            return None
        means = await self._archive.mean_runtimes(held, last_runs, scope)
        failure = next((mean for mean in means.values() if isinstance(mean, GatewayError)), None)
        if failure is not None:
            _note_unreadable(failure)
            return None
        self._note_reaches(held, by_archive=True)
        return means

    async def model_counts(self, environment_ids: Sequence[int]) -> None:
        """None: what there is now dbt reports."""

    async def model_states(self, environment_ids: Sequence[int], *, described: bool) -> None:
        """None: as for counts."""

    async def last_runtimes(self, environment_ids: Sequence[int]) -> None:
        """None: as for counts."""

    async def models_gone(self, environment_ids: Sequence[int]) -> None:
        """None: as for counts."""

    async def executions(
        self, keys: Sequence[ExecutionsKey]
    ) -> Mapping[ExecutionsKey, Executions | GatewayError] | None:
        """Of the archive: only those of environments that it holds are asked for."""
        return _noted(await self._archive.executions(keys))

    async def run_times(self, keys: Sequence[RunTimesKey]) -> None:
        """None: the Admin API lists them, those that an archive knows nothing of too."""

    async def failed_nodes(
        self, environment_ids: Sequence[int]
    ) -> Mapping[int, tuple[NodeAttempts, ...] | GatewayError]:
        """As for executions."""
        return _noted(await self._archive.failed_nodes(environment_ids))

    async def runtime_changes(self, environment_ids: Sequence[int]) -> Mapping[int, RuntimeChanges | GatewayError]:
        """As for executions."""
        return _noted(await self._archive.runtime_changes(environment_ids))

    async def change_facts(self, keys: Sequence[ChangeKey]) -> Mapping[ChangeKey, ChangeFacts | GatewayError]:
        """As for executions."""
        return _noted(await self._archive.change_facts(keys))

    async def run_list(self, account_id: int, query: RunQuery, count: int) -> None:
        """None: the Admin API lists runs."""

    async def runs_of_jobs(self, account_id: int, job_ids: Sequence[int], count: int) -> None:
        """None: as for lists."""

    async def run_counts(self, account_id: int, job_ids: Sequence[int]) -> None:
        """None: as for lists."""

    async def run_details(self, account_id: int, run_ids: Sequence[int]) -> None:
        """None: as for lists."""

    async def runs(self, account_id: int, run_ids: Sequence[int]) -> None:
        """None: as for lists."""

    def _note_reaches(self, environment_ids: Collection[int], *, by_archive: bool) -> None:
        for environment_id in environment_ids:
            since = self.reach.last(environment_id).since
            self._reaches.put(environment_id, HistoryReach(("ARCHIVE",), since) if by_archive else _BY_DBT)

    async def _of_runs(
        self,
        keys: Sequence[K],
        of_archive: Callable[[Sequence[K]], Awaitable[Mapping[K, V | GatewayError]]],
        of_discovery: Callable[[Sequence[K]], Awaitable[Mapping[K, V | GatewayError]]],
    ) -> dict[K, V | GatewayError]:
        """Those of runs that the archive holds whole are read there, the others by dbt's API."""
        whole = await self._whole({key.run_id for key in keys})
        mine = [key for key in keys if whole.get(key.run_id) == key.job_id]
        answers: dict[K, V | GatewayError] = {}
        for key, value in (await of_archive(mine)).items() if mine else ():
            if isinstance(value, GatewayError):
                _note_unreadable(value)
                continue
            answers[key] = value
            self._sources.put(key.run_id, "ARCHIVE")
        rest = [key for key in keys if key not in answers]
        for key in rest:
            self._sources.put(key.run_id, "DISCOVERY")
        return {**answers, **(await of_discovery(rest))} if rest else answers

    async def _whole(self, run_ids: Collection[int]) -> Mapping[int, int]:
        try:
            return await self._reader.read(partial(whole_runs, run_ids=run_ids))
        except GatewayError as failure:
            _note_unreadable(failure)
            return {}


def _joined(by_dbt: Runs | GatewayError, stored: Runs | GatewayError, count: int) -> Runs | GatewayError:
    """What dbt reports about a model, and the runs that the archive knows beside: those that dbt has forgotten, or has
    not taken in yet."""
    if isinstance(by_dbt, GatewayError) or isinstance(stored, GatewayError):
        return by_dbt
    known = {run.run_id for run in by_dbt}
    others = [run for run in stored if run.run_id not in known]
    if not others:
        return by_dbt
    runs = tuple(sorted((*by_dbt, *others), key=lambda run: run.recency, reverse=True)[:count])
    return by_dbt if runs == by_dbt else runs


def _noted(answers: Mapping[F, V | GatewayError]) -> Mapping[F, V | GatewayError]:
    """The same answers; why the archive cannot be read is noted."""
    failure = next((answer for answer in answers.values() if isinstance(answer, GatewayError)), None)
    if failure is not None:
        _note_unreadable(failure)
    return answers


def _note_unreadable(failure: GatewayError) -> None:
    if isinstance(failure, ArchiveNotOpen):
        return  # every answer is noted, and every attempt to open it is logged
    log.warning("the archive cannot be read, dbt is asked instead: %s", failure.message)
    current_usage().upstream_notes.add(_UNREADABLE)

"""The one interface for what happened: finished runs, and what each node did in them.

Discovery answers it document by document (DiscoveryHistory), an archive by SQL, and an archive beside dbt Cloud as far
as it goes (see the room `history`). The same question gives the same answer where both hold the same runs. None keeps
anything: what is read here is cached by the services, alike for all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

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
from gateway.services.runs.command_span import UNKNOWN_SPAN, CommandSpan
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_graphs import GraphKey
from gateway.services.runs.run_nodes import EndedResults, NodeInRun, NodeOutcome, NodesKey, RunNodes
from gateway.services.runs.run_query import RunQuery
from gateway.services.runs.run_rows import RunKey

T = TypeVar("T")

HistorySource = Literal["ARCHIVE", "DISCOVERY"]
"""What `extensions.gateway` calls where finished runs were read."""


@dataclass(frozen=True, slots=True)
class HistoryReach:
    """Where an environment's histories were read, and since when they hold every run; None: that is not known, as dbt
    keeps two months, and of a model its last runs."""

    sources: tuple[HistorySource, ...]
    since: datetime | None = None


class CommandKey(NamedTuple):
    """One command of a run."""

    job_id: int
    run_id: int
    invocation_id: str | None


@dataclass(frozen=True, slots=True)
class RunModels(Generic[T]):
    """The models a run touched, ordered by unique id. `ingested` is False while (or when) there is no metadata of it.

    `commands` is the time from the start of the first command that executed a model to the end of the last; unknown
    where it was not asked for (see DiscoveryHistory).
    """

    models: tuple[T, ...]
    ingested: bool
    commands: CommandSpan = UNKNOWN_SPAN


@dataclass(frozen=True, slots=True)
class RunParents:
    """The direct parents of a run's resources by unique id, of any type. `ingested` as in RunModels."""

    parents: Mapping[str, tuple[str, ...]]
    ingested: bool


@dataclass(frozen=True, slots=True)
class ListedRuns:
    """The newest runs of a list, newest first, and how many it has in all."""

    runs: tuple[Run, ...]
    total: int


class RunHistory(Protocol):
    """What happened. What cannot be read is an error in its place."""

    @property
    def tells_everything(self) -> bool:
        """Whether hooks, unit tests, functions and exports, steps and numbers of rows are known of every run, and
        whether what failed can be asked for apart."""

    @property
    def counts_models(self) -> bool:
        """Whether models are counted, and those that are gone listed, without reading each."""

    @property
    def may_hold(self) -> bool:
        """Whether `held` may name an environment."""

    async def held(self, environment_ids: Collection[int]) -> frozenset[int]:
        """The environments whose histories and means are read by SQL: no document can be spared by reading runs."""

    def source_of_run(self, run_id: int) -> HistorySource:
        """Where what was last read of a run came from."""

    def reach_of(self, environment_id: int) -> HistoryReach:
        """Where the histories of an environment last came from. Asks nobody."""

    async def model_runs(
        self, keys: Sequence[HistoryKey], count: int
    ) -> Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
        """The newest `count` runs of each model, newest first, by any job of its environment; () for unknown models."""

    async def run_models(
        self, keys: Sequence[RunKey], models: int
    ) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
        """What each model did in each run. `models`: how many the runs' projects have; 0 where that is not known."""

    async def outlines(self, keys: Sequence[RunKey]) -> Mapping[RunKey, RunModels[BuiltModel] | GatewayError]:
        """The same in outline: which models each run touched, and what a filter looks at."""

    async def run_nodes(self, keys: Sequence[NodesKey]) -> Mapping[NodesKey, RunNodes | GatewayError]:
        """What each group of other nodes did in its run.

        Discovery has no list of hooks, unit tests, functions and exports, neither steps nor numbers of rows.
        """

    async def failed_results(self, keys: Sequence[RunKey]) -> Mapping[RunKey, EndedResults | GatewayError] | None:
        """What failed in each run, of every type; None where all results would have to be read for it."""

    async def skipped_results(self, keys: Sequence[RunKey]) -> Mapping[RunKey, EndedResults | GatewayError] | None:
        """The same for what was skipped."""

    async def attempts(self, keys: Sequence[NodeInRun]) -> Mapping[NodeInRun, NodeOutcome | GatewayError] | None:
        """How each node ended in its run; None where all results would have to be read for it."""

    async def parents(self, keys: Sequence[RunKey]) -> Mapping[RunKey, RunParents | GatewayError] | None:
        """What the resources of each run were built from, as far as it shows why some were skipped: the parents of
        those that were skipped, of tests that failed, and of models that leave no results. None where the graphs of
        the runs would have to be read for it."""

    async def run_graphs(self, keys: Sequence[GraphKey]) -> Mapping[GraphKey, RunGraph | GatewayError]:
        """Who depended on whom in each run. Discovery reports neither threads nor checksums nor files."""

    async def codes(self, keys: Sequence[NodeInRun]) -> Mapping[NodeInRun, CodeInRun | GatewayError]:
        """The code that each model had in its run."""

    async def commands(
        self, witnesses: Mapping[CommandKey, str]
    ) -> Mapping[CommandKey, CommandFacts | GatewayError | None]:
        """What the arguments of each command say, with the unique id of a model that it executed; None where there are
        no arguments of it."""

    async def mean_runtimes(
        self, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
    ) -> Mapping[int, MeanRuntimes | GatewayError] | None:
        """The mean of the last `last_runs` runs that count, for every model of each environment. Environments of which
        the history of every model would have to be read for it are left out; None where that is so of all."""

    async def model_counts(self, environment_ids: Sequence[int]) -> Mapping[int, int | GatewayError] | None:
        """How many models each environment has; None where all of them would have to be read for it."""

    async def model_states(
        self, environment_ids: Sequence[int], *, described: bool
    ) -> Mapping[int, tuple[ListedState, ...] | GatewayError] | None:
        """What lists order and filter by of all models of each environment, in no order; names, tags and the like where
        they are to be `described`. None where all models would have to be read for it."""

    async def last_runtimes(
        self, environment_ids: Sequence[int]
    ) -> Mapping[int, Mapping[str, float | None] | GatewayError] | None:
        """The runtime of the last success of every model of each environment, in seconds, by unique id; None where
        there was none, and where all models would have to be read for it."""

    async def models_gone(self, environment_ids: Sequence[int]) -> Mapping[int, tuple[str, ...] | GatewayError] | None:
        """The unique ids of models that ran in each environment and that it no longer holds, ordered; None where the
        models of all runs would have to be read for it."""

    async def executions(
        self, keys: Sequence[ExecutionsKey]
    ) -> Mapping[ExecutionsKey, Executions | GatewayError] | None:
        """What each environment executed in a window of time; None where the results of each run would have to be read
        for it."""

    async def run_times(self, keys: Sequence[RunTimesKey]) -> Mapping[RunTimesKey, TimedRuns | GatewayError] | None:
        """When the runs of each environment were created, started and ended; None where the Admin API reports it."""

    async def failed_nodes(
        self, environment_ids: Sequence[int]
    ) -> Mapping[int, tuple[NodeAttempts, ...] | GatewayError] | None:
        """The newest 100 attempts of each resource of an environment that failed at some time, by unique id; None where
        the results of each run would have to be read for it."""

    async def runtime_changes(
        self, environment_ids: Sequence[int]
    ) -> Mapping[int, RuntimeChanges | GatewayError] | None:
        """The lasting changes of runtimes in each environment, of models that it holds and of jobs; None where the
        history of every model would have to be read for it."""

    async def change_facts(self, keys: Sequence[ChangeKey]) -> Mapping[ChangeKey, ChangeFacts | GatewayError] | None:
        """The runs around each lasting change, those that are known; None where no checksums of code are known."""

    async def run_list(self, account_id: int, query: RunQuery, count: int) -> ListedRuns | GatewayError | None:
        """The newest `count` runs of an account that a query asks for; None where the Admin API lists them."""

    async def runs_of_jobs(
        self, account_id: int, job_ids: Sequence[int], count: int
    ) -> Mapping[int, ListedRuns | GatewayError] | None:
        """The newest `count` runs of each job; None as for lists."""

    async def run_counts(self, account_id: int, job_ids: Sequence[int]) -> Mapping[int, int | GatewayError] | None:
        """How many runs each job has; None as for lists."""

    async def run_details(
        self, account_id: int, run_ids: Sequence[int]
    ) -> Mapping[int, RunDetails | GatewayError] | None:
        """Why each run was started, and its steps; NotFound and None as for runs."""

    async def runs(self, account_id: int, run_ids: Sequence[int]) -> Mapping[int, Run | GatewayError] | None:
        """Each run, NotFound for those that the account does not have; None as for lists."""

"""RunHistory asked of the Discovery API."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from gateway.concurrency.checkpoints import pieces
from gateway.errors import GatewayError
from gateway.hierarchy.history.change_facts import ChangeKey
from gateway.hierarchy.history.counted_runs import CommandFacts, HistoryScope
from gateway.hierarchy.objects.model import BuiltModel, CodeInRun, ModelRun
from gateway.hierarchy.runs.executions import ExecutionsKey
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.hierarchy.runs.run_times import RunTimesKey
from gateway.hierarchy.vocabulary.variants import variant_of_arguments
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.rows.discovery_types import JobArguments, JobModels, JobOutline
from gateway.services.rows.mapping import Share, to_built_model, to_model_run
from gateway.services.runs.command_span import UNKNOWN_SPAN, command_span
from gateway.services.runs.discovery_nodes import read_nodes
from gateway.services.runs.model_histories import MODEL_RUN_FIELDS, HistoryKey, read_histories
from gateway.services.runs.run_codes import read_codes
from gateway.services.runs.run_graphs import GraphKey, read_graphs
from gateway.services.runs.run_history import CommandKey, HistoryReach, HistorySource, RunModels
from gateway.services.runs.run_nodes import NodeInRun, NodesKey, RunNodes
from gateway.services.runs.run_query import RunQuery
from gateway.services.runs.run_rows import RunKey, read_rows, runs_per_document

_COMMANDS_PER_DOCUMENT = 100

_UNKNOWN_REACH = HistoryReach(("DISCOVERY",))

_ARGUMENTS = BatchOperation("InvocationArguments", "fragment A on ModelNode { args }", JobArguments, nullable=True)

_FULL = BatchOperation(
    "RunModels", f"fragment R on ModelNode {{ {MODEL_RUN_FIELDS} paginationCursor }}", JobModels, nullable=True
)

# Of a model that several commands of a run executed, the fields above are those of one of them.
_EACH_COMMAND = BatchOperation(
    "RunModels",
    f"fragment R on ModelNode {{ {MODEL_RUN_FIELDS} runElapsedTime"
    " runResults { runGeneratedAt runElapsedTime } paginationCursor }",
    JobModels,
    nullable=True,
)

# A job's list holds every node of the manifest. To know what a run built, this little of each is enough.
_OUTLINE = BatchOperation(
    "RunOutline",
    "fragment R on ModelNode { uniqueId status tags materializedType executionTime paginationCursor }",
    JobOutline,
    nullable=True,
)


class DiscoveryHistory:
    """Reads documents; see RunHistory for what they answer.

    `reads_commands`: whether each command of a run is read too, for the run's times, where no Admin API reports them.
    """

    tells_everything: Final = False
    counts_models: Final = False
    may_hold: Final = False

    def __init__(self, query: BaseQuery, *, reads_commands: bool = False) -> None:
        self._query = query
        self._reads_commands = reads_commands

    def read_commands(self) -> None:
        """From now on each command of a run is read too."""
        self._reads_commands = True

    async def held(self, environment_ids: Collection[int]) -> frozenset[int]:
        """None of them."""
        return frozenset()

    def source_of_run(self, run_id: int) -> HistorySource:
        """The same for all."""
        return "DISCOVERY"

    def reach_of(self, environment_id: int) -> HistoryReach:
        """The same for all."""
        return _UNKNOWN_REACH

    async def model_runs(
        self, keys: Sequence[HistoryKey], count: int
    ) -> Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
        """A hundred histories in a document."""
        return await read_histories(self._query, keys, count)

    async def run_models(
        self, keys: Sequence[RunKey], models: int
    ) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
        """Up to twenty runs in a document; fewer where their projects have many models."""
        operation = _EACH_COMMAND if self._reads_commands else _FULL
        rows_by_run = await read_rows(self._query, operation, keys, runs_per_document(models))
        share = Share()
        read: dict[RunKey, RunModels[ModelRun] | GatewayError] = {}
        for key, rows in rows_by_run.items():
            if isinstance(rows, GatewayError):
                read[key] = rows
                continue
            of_run: list[ModelRun | None] = []
            async for piece in pieces(rows.rows, steps=8):
                of_run += [to_model_run(row, share) for row in piece]
            commands = command_span(rows.rows) if self._reads_commands else UNKNOWN_SPAN
            read[key] = RunModels(_touched(of_run), rows.known, commands)
        return read

    async def outlines(self, keys: Sequence[RunKey]) -> Mapping[RunKey, RunModels[BuiltModel] | GatewayError]:
        """The same, for a third of the bytes."""
        rows_by_run = await read_rows(self._query, _OUTLINE, keys)
        share = Share()
        read: dict[RunKey, RunModels[BuiltModel] | GatewayError] = {}
        for key, rows in rows_by_run.items():
            if isinstance(rows, GatewayError):
                read[key] = rows
                continue
            of_run: list[BuiltModel | None] = []
            async for piece in pieces(rows.rows, steps=4):
                of_run += [to_built_model(row, share) for row in piece]
            read[key] = RunModels(_touched(of_run), rows.known)
        return read

    async def run_nodes(self, keys: Sequence[NodesKey]) -> Mapping[NodesKey, RunNodes | GatewayError]:
        """Five lists of up to twenty runs in a document."""
        return await read_nodes(self._query, keys)

    async def failed_results(self, keys: Sequence[RunKey]) -> None:
        """None: a list holds all results of a run, and is read once for all questions."""

    async def skipped_results(self, keys: Sequence[RunKey]) -> None:
        """None: as for failed results."""

    async def attempts(self, keys: Sequence[NodeInRun]) -> None:
        """None: as for failed results."""

    async def parents(self, keys: Sequence[RunKey]) -> None:
        """None: the graph of a run holds them, and is read once for all questions."""

    async def run_graphs(self, keys: Sequence[GraphKey]) -> Mapping[GraphKey, RunGraph | GatewayError]:
        """Four lists of up to twenty runs in a document."""
        return await read_graphs(self._query, keys)

    async def codes(self, keys: Sequence[NodeInRun]) -> Mapping[NodeInRun, CodeInRun | GatewayError]:
        """Fifty models in a document."""
        return await read_codes(self._query, keys)

    async def commands(
        self, witnesses: Mapping[CommandKey, str]
    ) -> Mapping[CommandKey, CommandFacts | GatewayError | None]:
        """A hundred commands in a document, each by one model that it executed."""
        lookups = [_lookup(n, key, unique_id) for n, (key, unique_id) in enumerate(witnesses.items())]
        answers = await self._query.look_up(_ARGUMENTS, lookups, _COMMANDS_PER_DOCUMENT)
        facts: dict[CommandKey, CommandFacts | GatewayError | None] = {}
        for n, key in enumerate(witnesses):
            answer = answers.get(f"j{n}")
            facts[key] = answer if isinstance(answer, GatewayError) else command_facts_of(_arguments(answer))
        return facts

    async def executions(self, keys: Sequence[ExecutionsKey]) -> None:
        """None: the results of each run would have to be read."""

    async def run_times(self, keys: Sequence[RunTimesKey]) -> None:
        """None: the Admin API reports them."""

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

    async def mean_runtimes(self, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope) -> None:
        """None: they would have to be computed from every model's history."""

    async def model_counts(self, environment_ids: Sequence[int]) -> None:
        """None: who counts models lists them too, as a rule, and they are read once for both."""

    async def model_states(self, environment_ids: Sequence[int], *, described: bool) -> None:
        """None: all models would have to be read for it."""

    async def last_runtimes(self, environment_ids: Sequence[int]) -> None:
        """None: as for states."""

    async def models_gone(self, environment_ids: Sequence[int]) -> None:
        """None: an environment lists the models that it holds, and a history is that of one model."""

    async def failed_nodes(self, environment_ids: Sequence[int]) -> None:
        """None: the results of each run would have to be read."""

    async def runtime_changes(self, environment_ids: Sequence[int]) -> None:
        """None: as for means."""

    async def change_facts(self, keys: Sequence[ChangeKey]) -> None:
        """None: histories say nothing of code."""


M = TypeVar("M", ModelRun, BuiltModel)


def _touched(models: Iterable[M | None]) -> tuple[M, ...]:
    by_unique_id = {model.unique_id: model for model in models if model is not None}
    return tuple(by_unique_id[unique_id] for unique_id in sorted(by_unique_id))


def _lookup(n: int, key: CommandKey, unique_id: str) -> RootLookup:
    variables: dict[str, tuple[str, object]] = {
        f"j{n}": ("BigInt!", key.job_id),
        f"r{n}": ("BigInt", key.run_id),
        f"u{n}": ("String!", unique_id),
    }
    text = f"job(id: $j{n}, runId: $r{n}) {{ model(uniqueId: $u{n}) {{ ...A }} }}"
    return RootLookup(f"j{n}", text, variables, key.job_id)


def _arguments(answer: JobArguments | None) -> str | None:
    return answer.model.args if answer and answer.model else None


def command_facts_of(arguments: str | None) -> CommandFacts | None:
    """What the arguments of a command report, as dbt wrote them; None where they are no object of JSON."""
    try:
        args = msgspec.json.decode(arguments) if arguments else None
    except msgspec.MsgspecError:
        return None
    if not isinstance(args, dict):
        return None
    threads = args.get("threads")
    return CommandFacts(variant_of_arguments(args), threads if type(threads) is int and threads > 0 else None)

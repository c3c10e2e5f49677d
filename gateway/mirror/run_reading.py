"""Reads one finished run of dbt Cloud: its row with its steps, and the artifacts of each, as few requests as can be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.archive.artifacts.artifact_files import CATALOG, MANIFEST, RUN_RESULTS, SOURCES
from gateway.archive.artifacts.invocation import (
    ArtifactFile,
    Invocation,
    artifact_of,
    group_invocations,
)
from gateway.archive.artifacts.records import RunRecord
from gateway.archive.artifacts.run_bundle import SUCCESS, StepInvocation
from gateway.archive.tables.mirror_tables import MirrorCause
from gateway.archive.times import parse_micros
from gateway.errors import (
    GatewayError,
    NotFound,
    UnreadableArtifact,
    UpstreamBudgetExhausted,
    UpstreamCircuitOpen,
    UpstreamForbidden,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamUnauthenticated,
)
from gateway.ingest.run_folders import distinct_steps, is_of_run
from gateway.mirror.dbt_records import run_record
from gateway.mirror.discovery_steps import discovered_commands
from gateway.mirror.step_files import StepFiles, steps_with_files
from gateway.services.admin.finished_runs import FinishedRuns, RecordedRun
from gateway.services.runs.recorded_nodes import RecordedNodes

_MOST_STEPS = 40
"""Steps that are looked for where dbt does not list them."""

_PLACES = ("project_id", "environment_id", "job_definition_id")

FindManifest = Callable[[RunRecord, Invocation], Awaitable[int | None]]
"""The key of a manifest in the archive that is known to be equal to a command's own; None where that is to be read."""


class OtherRun(Exception):
    """dbt returned another run than the one that was requested."""


@dataclass(slots=True)
class ReadRun:
    """What dbt keeps of a run. `missing`: files that must have been there and are not; `problems`: those that cannot be
    used, and why; `cause`: of the first of these; `is_discovered`: no artifacts were read, and `steps` are of
    Discovery."""

    record: RunRecord
    steps: tuple[StepInvocation, ...] = ()
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    cause: MirrorCause | None = None
    is_discovered: bool = False

    def name_problem(self, cause: MirrorCause, problem: str) -> None:
        """Notes something that cannot be used; the first one is the cause."""
        self.problems.append(problem)
        self.cause = self.cause or cause


class RunReader:
    """Reads runs of one account. `projects`: the names of its projects by id; `nodes`: what Discovery tells of runs
    whose artifacts are gone or forbidden, None for nothing."""

    def __init__(
        self, runs: FinishedRuns, projects: Callable[[int | None], str | None], nodes: RecordedNodes | None = None
    ) -> None:
        self._runs = runs
        self._nodes = nodes
        self._project = projects
        self._parsing = asyncio.Lock()

    async def row(self, run_id: int, listed: RecordedRun | None) -> RecordedRun:
        """The run with its steps: a request. Raises OtherRun where dbt reports other ids than its list, or none where
        an archive needs one, and NotFound."""
        run = await self._runs.run(run_id)
        expected = {"id": run_id}
        if listed is not None:
            expected |= {name: getattr(listed, name) for name in _PLACES}
        for name, value in expected.items():
            if getattr(run, name) != value:
                raise OtherRun(f"dbt lists it with {name} {value}, and returns it with {getattr(run, name)}.")
        for name in _PLACES:
            if getattr(run, name) is None:
                raise OtherRun(f"dbt returns it without {name}.")
        return run

    async def read(self, run: RecordedRun, find_manifest: FindManifest) -> ReadRun:
        """The run's artifacts: a request for each step that leaves any, and one for its manifest unless that is
        known."""
        record = run_record(run, run.account_id or self._runs.account_id, self._project(run.project_id))
        reading = ReadRun(record)
        if run.artifacts_saved is False:
            return reading
        files = _FilesOfRun(self._runs, run.id, reading, self._parsing)
        is_silent = False
        try:
            invocations: list[StepInvocation] = []
            for step in await self._steps(run, files):
                invocations += await self._step(step, files, find_manifest)
            reading.steps = distinct_steps(invocations)
            is_silent = not (run.run_steps or reading.steps or reading.problems)
            if is_silent and run.status == SUCCESS:
                # dbt keeps artifacts for a time only: the run built models, and Discovery may know which.
                reading.missing.append("every artifact")
        except UpstreamForbidden as refusal:
            reading.name_problem(MirrorCause.FORBIDDEN, refusal.message)
        if not reading.steps and (is_silent or reading.missing or reading.cause is MirrorCause.FORBIDDEN):
            await self._discover(run, reading, find_manifest)
        return reading

    async def _discover(self, run: RecordedRun, reading: ReadRun, find_manifest: FindManifest) -> None:
        """Takes what Discovery has of the run: a document."""
        if self._nodes is None or run.job_definition_id is None:
            return
        try:
            rows = await self._nodes.read(run.job_definition_id, run.id)
        except (UpstreamRateLimited, UpstreamBudgetExhausted, UpstreamCircuitOpen, UpstreamUnauthenticated):
            raise
        except GatewayError as failure:
            reading.problems.append(f"Discovery: {failure.message}")
            return
        read = await asyncio.to_thread(discovered_commands, run.id, rows)
        expected = [step.index for step in steps_with_files(run) if RUN_RESULTS in step.names]
        numbers = expected if len(expected) == len(read.commands) else [None] * len(read.commands)
        reading.steps = tuple(
            [
                StepInvocation(number, command, await find_manifest(reading.record, command), has_files=False)
                for number, command in zip(numbers, read.commands, strict=True)
            ]
        )
        reading.is_discovered = bool(reading.steps)
        if not reading.steps and not reading.missing and reading.cause is None:
            return  # it failed or was cancelled before dbt ran anything: nothing of it is missing
        reading.problems.append(read.lacks)
        reading.cause = reading.cause or MirrorCause.MISSING

    async def _steps(self, run: RecordedRun, files: _FilesOfRun) -> Sequence[StepFiles]:
        if run.run_steps:
            return steps_with_files(run)
        return await _steps_that_left_results(run, files)

    async def _step(self, step: StepFiles, files: _FilesOfRun, find_manifest: FindManifest) -> list[StepInvocation]:
        """The commands of a step. What an earlier step or another run left there is not of it."""
        files_read = [file for name in step.names if (file := await files.new(step.index, name)) is not None]
        if not files_read:
            if step.expected:
                files.reading.missing += [f"step {step.index}: {name}" for name in step.names]
            return []
        own: list[StepInvocation] = []
        for command in await asyncio.to_thread(group_invocations, files_read):
            if not _is_of_run(command, files.reading.record):
                files.reading.name_problem(MirrorCause.OTHER_RUN, f"step {step.index} holds artifacts of another run")
                continue
            known = None if MANIFEST in command.files else await find_manifest(files.reading.record, command)
            own.append(await self._with_manifest(step, command, known, files))
        return own

    async def _with_manifest(
        self, step: StepFiles, command: Invocation, known: int | None, files: _FilesOfRun
    ) -> StepInvocation:
        if known is not None or MANIFEST in command.files:
            return StepInvocation(step.index, command, known)
        manifest = await files.get(step.index, MANIFEST)
        if manifest is None:
            files.reading.missing.append(f"step {step.index}: {MANIFEST}")
            return StepInvocation(step.index, command)
        whole = [*command.files.values(), manifest]
        commands = await asyncio.to_thread(group_invocations, whole)
        return StepInvocation(
            step.index, next(invocation for invocation in commands if invocation.uuid == command.uuid)
        )


class _FilesOfRun:
    """Asks for files of one run, each once, and notes those that cannot be used."""

    def __init__(self, runs: FinishedRuns, run_id: int, reading: ReadRun, parsing: asyncio.Lock) -> None:
        self._runs = runs
        self._run_id = run_id
        self._read: dict[tuple[int | None, str], ArtifactFile | None] = {}
        self._used: set[bytes] = set()
        self._parsing = parsing
        self.reading = reading

    async def new(self, step: int, name: str) -> ArtifactFile | None:
        """The same, unless an earlier step left it: dbt's folder still holds what earlier commands wrote."""
        file = await self.get(step, name)
        if file is None or file.digest in self._used:
            return None
        self._used.add(file.digest)
        return file

    async def get(self, step: int | None, name: str) -> ArtifactFile | None:
        """The file as it was after a step, the last one for None; None where there is none, or it cannot be used."""
        if (step, name) not in self._read:
            self._read[step, name] = await self._get(step, name)
        return self._read[step, name]

    async def _get(self, step: int | None, name: str) -> ArtifactFile | None:
        place = Path(f"dbt Cloud run {self._run_id}", f"step {step}" if step else "last step", name)
        try:
            data = await self._runs.artifact(self._run_id, name, step)
            if data is None:
                return None
            # One after the other: a manifest of 100 MB takes several times as much memory while it is read.
            async with self._parsing:
                return await asyncio.to_thread(artifact_of, place, data)
        except NotFound:
            return None
        except (UnreadableArtifact, UpstreamInvalidResponse) as problem:
            self.reading.name_problem(MirrorCause.UNUSABLE, problem.message)
            return None


async def _steps_that_left_results(run: RecordedRun, files: _FilesOfRun) -> list[StepFiles]:
    """The steps of a run of which dbt lists none: they are tried one by one, until one left the files that the last
    one did."""
    names: dict[int, list[str]] = {}
    left = ((RUN_RESULTS, None), (SOURCES, run.has_sources_generated), (CATALOG, run.has_docs_generated))
    for name in (name for name, generated in left if generated is not False):
        last = await files.get(None, name)
        if last is None:
            continue
        for index in range(1, _MOST_STEPS + 1):
            file = await files.get(index, name)
            if file is not None:
                names.setdefault(index, []).append(name)
                if file.digest == last.digest:
                    break
        else:
            files.reading.name_problem(
                MirrorCause.UNUSABLE, f"{name} is there, and none of the first {_MOST_STEPS} steps left it"
            )
    return [StepFiles(index, tuple(names[index]), expected=False) for index in sorted(names)]


def _is_of_run(command: Invocation, record: RunRecord) -> bool:
    """By the run id that dbt Cloud gave it; else by the times of the run, where dbt reports them."""
    untimed = parse_micros(record.started_at) is None and parse_micros(record.created_at) is None
    return is_of_run(command, record) or (untimed and not command.env.get("DBT_CLOUD_RUN_ID"))

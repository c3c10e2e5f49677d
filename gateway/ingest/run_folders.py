"""Reads the folder of one run: what an orchestrator said of it, and the artifacts of its invocations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.archive.artifacts import artifact_files as artifacts
from gateway.archive.artifacts.artifact_files import RUN_RESULTS
from gateway.archive.artifacts.given_facts import GivenFacts
from gateway.archive.artifacts.invocation import ArtifactReader, Invocation, group_invocations
from gateway.archive.artifacts.odd_values import OddValue
from gateway.archive.artifacts.ownership import Owner, owner_of, place_of
from gateway.archive.artifacts.records import RunRecord
from gateway.archive.artifacts.run_bundle import RunBundle, StepInvocation
from gateway.archive.times import parse_micros
from gateway.ingest.layout import RUN_FILE, RunFolder, StepFolder

_CLOCKS_DIFFER = 60_000_000  # microseconds: run.json and the artifacts may come from two machines


_ENDLESS = 2**62


def read_run_record(folder: RunFolder) -> tuple[RunRecord, Sequence[OddValue]]:
    """The folder's run.json, and the values of it that were left out. Raises UnreadableArtifact."""
    return artifacts.read_record(folder.path / RUN_FILE, RunRecord)


def read_run_folder(
    folder: RunFolder, record: RunRecord, account_id: int | None, given_facts: GivenFacts, reader: ArtifactReader
) -> Iterator[RunBundle]:
    """The run with all its steps, then what other commands left beside them, as runs of their own.

    Of `given_facts`, the project and the commands to leave out count: run.json reports the rest.
    Raises UnreadableArtifact when any of its files cannot be used.
    """
    own, others = [], []
    for step in folder.steps:
        commands = _commands(step, given_facts, reader)
        if not commands:
            continue
        members = [each for each in commands if is_of_run(each, record)] or [_main_command(step, commands)]
        own += [StepInvocation(step.index, each) for each in members]
        others += [each for each in commands if each not in members]
    steps = distinct_steps(own)
    speaker = steps[0].invocation if steps else _silent_invocation(folder, record)
    owner = owner_of(speaker, record, account_id, project=given_facts.project)
    yield RunBundle(owner, record, steps)
    known = {step.invocation.uuid for step in steps}
    for other in others:
        if other.uuid not in known:
            known.add(other.uuid)
            yield _bundle_of_other(other, owner)


def is_of_run(invocation: Invocation, record: RunRecord) -> bool:
    """Whether a command is one of the run's: by the run id it was given, else by the times that run.json reports."""
    run_id = invocation.env.get("DBT_CLOUD_RUN_ID")
    if run_id and record.id:
        return str(run_id) == str(record.id)
    began = parse_micros(record.started_at) or parse_micros(record.created_at)
    ended = parse_micros(record.finished_at)
    if began is None:
        return False
    return began - _CLOCKS_DIFFER <= invocation.generated_at <= (ended or _ENDLESS) + _CLOCKS_DIFFER


def _main_command(step: StepFolder, commands: list[Invocation]) -> Invocation:
    """The command a folder stands for when nothing says so: of a step's the last one; else the one that left
    results."""
    with_results = [each for each in commands if RUN_RESULTS in each.files and step.index is None]
    return (with_results or commands)[-1]


def _bundle_of_other(invocation: Invocation, beside: Owner) -> RunBundle:
    """A run that lay beside another: in the same environment, unless its own variables name one."""
    places = ("DBT_CLOUD_PROJECT_ID", "DBT_CLOUD_ENVIRONMENT_ID")
    record = RunRecord() if any(invocation.env.get(name) for name in places) else place_of(beside)
    return RunBundle(
        owner_of(invocation, record, beside.account_id, described=False),
        RunRecord(),
        (StepInvocation(None, invocation),),
    )


def distinct_steps(steps: list[StepInvocation]) -> tuple[StepInvocation, ...]:
    """Files that dbt left from an earlier step count once: where most of them lie, or lay first."""
    best: dict[str, StepInvocation] = {}
    for step in steps:
        known = best.get(step.invocation.uuid)
        if known is None or len(step.invocation.files) > len(known.invocation.files):
            best[step.invocation.uuid] = step
    return tuple(best.values())


def read_bare_folder(
    folder: StepFolder, account_id: int | None, given_facts: GivenFacts, reader: ArtifactReader
) -> Iterator[RunBundle]:
    """One run per invocation, or per run id that dbt Cloud wrote into the artifacts. Raises UnreadableArtifact."""
    record = given_facts.record
    for invocation in _commands(folder, given_facts, reader):
        owner = owner_of(invocation, record, account_id, described=False, project=given_facts.project)
        yield RunBundle(owner, record, (StepInvocation(None, invocation),))


def _commands(folder: StepFolder, given_facts: GivenFacts, reader: ArtifactReader) -> list[Invocation]:
    files = [reader.read(path) for path in folder.files.values()]
    return [each for each in group_invocations(files) if given_facts.keeps(each)]


def _silent_invocation(folder: RunFolder, record: RunRecord) -> Invocation:
    """Stands for a run that left no artifacts: only its orchestrator knows it."""
    ended = parse_micros(record.finished_at) or parse_micros(record.created_at) or 0
    return Invocation(uuid=folder.path.name, generated_at=ended, files={})

"""One dbt command as its artifacts report it: reads the files of a folder and puts those of one invocation together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from gateway.archive.artifacts import artifact_files as artifacts
from gateway.archive.artifacts.artifact_files import (
    CATALOG,
    MANIFEST,
    RUN_RESULTS,
    SOURCES,
    Catalog,
    FreshnessResult,
    Manifest,
    Metadata,
    Result,
    RunArgs,
    RunResults,
    Sources,
)
from gateway.archive.artifacts.command_names import title_of
from gateway.archive.artifacts.command_variants import Variant, variant_of
from gateway.archive.artifacts.json_limits import check_json
from gateway.archive.artifacts.node_names import package_of
from gateway.archive.artifacts.odd_values import OddValue
from gateway.archive.artifacts.worked_time import seconds_of_results
from gateway.archive.times import parse_micros
from gateway.errors import UnreadableArtifact

EXECUTING = frozenset({"run", "build", "seed", "snapshot", "test", "retry", "clone", "run-operation"})
BAD_STATUSES = frozenset({"error", "fail", "partial success", "runtime error"})
_RECORDS: dict[str, type[Any]] = {MANIFEST: Manifest, RUN_RESULTS: RunResults, SOURCES: Sources, CATALOG: Catalog}
# A manifest's own environment may be stale, so it speaks last.
_SPEAKING_ORDER = (RUN_RESULTS, SOURCES, CATALOG, MANIFEST)


@dataclass(frozen=True)
class ArtifactFile:
    """A decoded artifact, its bytes and their digest, where it lay, and which of its values were left out."""

    path: Path
    digest: bytes
    content: Any
    data: bytes = field(repr=False)
    odd: Sequence[OddValue] = ()

    @property
    def metadata(self) -> Metadata:
        """The artifact's head."""
        head: Metadata = self.content.metadata
        return head


@dataclass(frozen=True)
class Invocation:
    """One command with everything it wrote. `generated_at`: when it ended, in microseconds."""

    uuid: str
    generated_at: int
    files: Mapping[str, ArtifactFile]
    args: RunArgs = field(default_factory=RunArgs)
    odd_args: Sequence[OddValue] = ()

    def _content(self, name: str) -> Any:
        file = self.files.get(name)
        return file.content if file else None

    @property
    def manifest(self) -> ArtifactFile | None:
        """The manifest that names this command's nodes; of an earlier command where dbt left an older one."""
        return self.files.get(MANIFEST)

    @property
    def results(self) -> list[Result]:
        """What run_results.json says, in its order."""
        content: RunResults | None = self._content(RUN_RESULTS)
        return content.results if content else []

    @property
    def freshness(self) -> list[FreshnessResult]:
        """What sources.json says, in its order."""
        content: Sources | None = self._content(SOURCES)
        return content.results if content else []

    @property
    def catalog(self) -> dict[str, msgspec.Raw]:
        """Tables by unique id, nodes and sources together."""
        content: Catalog | None = self._content(CATALOG)
        return {**(content.nodes or {}), **(content.sources or {})} if content else {}

    @property
    def heads(self) -> list[Metadata]:
        """The metadata of its files, the most trustworthy first."""
        return [self.files[name].metadata for name in _SPEAKING_ORDER if name in self.files]

    @property
    def env(self) -> dict[str, Any]:
        """The environment values dbt copied into its artifacts; those of another command's manifest are not its own."""
        own = (self.files[name].metadata for name in _SPEAKING_ORDER if name in self.own_files)
        return next((head.env for head in own if head.env), {})

    @property
    def dbt_version(self) -> str | None:
        """The dbt that ran."""
        return next((head.dbt_version for head in self.heads if head.dbt_version), None)

    @property
    def project_name(self) -> str | None:
        """The dbt project's name, as a manifest reports it from dbt 1.4 on; else the package most of its nodes are
        of."""
        return self.manifest_project or package_of(self.unique_ids)

    @property
    def manifest_project(self) -> str | None:
        """The name that its manifest reports."""
        return self.manifest.metadata.project_name if self.manifest else None

    @property
    def unique_ids(self) -> list[str]:
        """The nodes it has results, freshness checks or catalog entries of."""
        executed = [result.unique_id for result in self.results]
        return executed + [check.unique_id for check in self.freshness] + list(self.catalog)

    @property
    def target(self) -> str | None:
        """The dbt target, where the command's arguments say it."""
        return self.args.target

    @property
    def elapsed(self) -> float | None:
        """Seconds from the first node to the last, without parsing; where dbt wrote none, by the results themselves."""
        content = self._content(RUN_RESULTS) or self._content(SOURCES)
        if content is None:
            return None
        stated: float | None = content.elapsed_time
        return stated if stated is not None and stated >= 0 else seconds_of_results(content.results)

    @property
    def args_text(self) -> str | None:
        """The command's arguments as JSON text."""
        content: RunResults | None = self._content(RUN_RESULTS)
        return bytes(content.args).decode() if content and bytes(content.args) else None

    @property
    def command(self) -> str | None:
        """The dbt command: `build`, `run`, `source freshness`, `generate`; None when nothing says so."""
        if RUN_RESULTS in self.files:
            return self.args.which
        return "source freshness" if SOURCES in self.files else "generate" if CATALOG in self.files else None

    @property
    def executes(self) -> bool:
        """Whether its results count as runs of their nodes; files too old to say are believed."""
        return RUN_RESULTS in self.files and (self.args.which is None or self.args.which in EXECUTING)

    @property
    def variant(self) -> Variant | None:
        """What sets it apart from an ordinary command of its kind."""
        return variant_of(self.args)

    @property
    def started_at(self) -> int | None:
        """When dbt began, before it parsed, in microseconds; None before dbt 1.11."""
        own = (self.files[name].metadata for name in _SPEAKING_ORDER if name in self.own_files)
        return next((at for head in own if (at := parse_micros(head.invocation_started_at)) is not None), None)

    @property
    def threads(self) -> int | None:
        """How many threads it was allowed; None where its arguments do not say."""
        return threads_of(self.args)

    @property
    def title(self) -> str:
        """The command with its selection, as a job would be named: `dbt build --select tag:daily`."""
        return title_of(self.command, self.args)

    @property
    def failed(self) -> bool:
        """Whether any of its results is bad. A command that was cancelled looks like one that ended early."""
        statuses = {result.status for result in self.results} | {check.status for check in self.freshness}
        return not BAD_STATUSES.isdisjoint(statuses)

    @property
    def own_files(self) -> dict[str, ArtifactFile]:
        """The files it wrote itself: not a manifest that a later command has put in the place of its own."""
        return {name: file for name, file in self.files.items() if _writer(file) == self.uuid}

    @property
    def fingerprint(self) -> bytes:
        """Equal for equal files."""
        joined = b"".join(name.encode() + self.files[name].digest for name in sorted(self.files))
        return hashlib.blake2b(joined, digest_size=16).digest()


def threads_of(args: RunArgs) -> int | None:
    """How many threads these arguments allow; None where they do not say, or nonsense."""
    threads = args.threads
    return threads if isinstance(threads, int) and not isinstance(threads, bool) and 0 < threads < 2**31 else None


class ArtifactReader:
    """Reads files of runs one after the other. Runs of one project often lie beside equal manifests: one that is equal
    to the last is neither checked nor decoded again."""

    def __init__(self) -> None:
        self._manifest: ArtifactFile | None = None

    def read(self, path: Path) -> ArtifactFile:
        """Reads and checks one file. Raises UnreadableArtifact."""
        data = artifacts.read_bytes(path)
        if path.name != MANIFEST:
            return artifact_of(path, data)
        if self._manifest is None or self._manifest.data != data:
            self._manifest = None  # two of them would take twice the memory
            self._manifest = artifact_of(path, data)
        return replace(self._manifest, path=path)


def artifact_of(path: Path, data: bytes) -> ArtifactFile:
    """Checks a file that was read; `path` is what messages call it, and its name is the artifact's. Raises
    UnreadableArtifact."""
    text = artifacts.plain_text(data, path)
    check_json(text, path)
    content, odd = artifacts.decode(text, _RECORDS[path.name], path)
    artifacts.check_version(content.metadata, path)
    return ArtifactFile(path, hashlib.blake2b(data, digest_size=16).digest(), content, data, odd)


def group_invocations(files: list[ArtifactFile]) -> list[Invocation]:
    """Puts the files of one folder together by invocation, oldest first.

    A manifest serves every invocation of its folder: dbt rewrites it with each command. Raises UnreadableArtifact.
    """
    by_uuid: dict[str, dict[str, ArtifactFile]] = {}
    for file in files:
        by_uuid.setdefault(_writer(file), {})[file.path.name] = file
    manifest = next((file for file in files if file.path.name == MANIFEST), None)
    groups = [(uuid, group) for uuid, group in by_uuid.items() if set(group) != {MANIFEST} or len(by_uuid) == 1]
    invocations = [_invocation(uuid, group, manifest) for uuid, group in groups]
    return sorted(invocations, key=lambda invocation: invocation.generated_at)


def _writer(file: ArtifactFile) -> str:
    return file.metadata.invocation_id or file.digest.hex()


def _invocation(uuid: str, group: dict[str, ArtifactFile], manifest: ArtifactFile | None) -> Invocation:
    files = {MANIFEST: manifest, **group} if manifest else group
    spoken = [group[name] for name in _SPEAKING_ORDER if name in group]
    times = [time for file in spoken if (time := parse_micros(file.metadata.generated_at)) is not None]
    if not times:
        raise UnreadableArtifact(f"{spoken[0].path}: its metadata has no readable generated_at.")
    args, odd = _args(group.get(RUN_RESULTS))
    return Invocation(uuid, times[0], files, args, odd)


def _args(results: ArtifactFile | None) -> tuple[RunArgs, Sequence[OddValue]]:
    data = bytes(results.content.args) if results else b""
    if results is None or not data.startswith(b"{"):
        return RunArgs(), ([OddValue("$.args", "no object")] if data not in (b"", b"null") else [])
    return artifacts.decode(data, RunArgs, results.path, "$.args")

"""Reads dbt's artifact files into lenient records: unknown keys are ignored, missing ones are None.

One set of records serves every version from dbt 1.0 (manifest v4) and, as far as they have metadata, older ones:
versions differ by keys that are absent or renamed (`raw_sql` became `raw_code`), never by keys of another sense.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from gateway.archive.artifacts import odd_values
from gateway.archive.artifacts.json_limits import check_json
from gateway.archive.artifacts.odd_values import OddValue
from gateway.errors import UnreadableArtifact

MANIFEST, RUN_RESULTS, SOURCES, CATALOG = "manifest.json", "run_results.json", "sources.json", "catalog.json"
ARTIFACT_NAMES = (MANIFEST, RUN_RESULTS, SOURCES, CATALOG)
MAX_ARTIFACT_BYTES = 1024**3

_SCHEMA_NAMES = {MANIFEST: "manifest", RUN_RESULTS: "run-results", SOURCES: "sources", CATALOG: "catalog"}
NEWEST_VERSIONS = {MANIFEST: 12, RUN_RESULTS: 6, SOURCES: 3, CATALOG: 1}

JSON = msgspec.Raw
_NUL = rb"\u0000"  # PostgreSQL keeps no text with it
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # not the six characters themselves, which SQL is fond of
_NOTHING: msgspec.Raw = msgspec.Raw(b"")
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"{\0": "UTF-16",
    b"\0{": "UTF-16",
}

WholeNumber = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Metadata(msgspec.Struct, frozen=True):
    """The head of every artifact. `env` may be stale in a manifest that dbt parsed partially."""

    dbt_schema_version: str = ""
    dbt_version: str | None = None
    generated_at: str | None = None
    invocation_id: str | None = None
    invocation_started_at: str | None = None
    env: dict[str, Any] | None = None
    project_name: str | None = None
    adapter_type: str | None = None


class DependsOn(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a node refers to, as unique ids."""

    nodes: list[str] | None = None
    macros: list[str] | None = None


class Node(msgspec.Struct, omit_defaults=True, gc=False):
    """Any entry of a manifest: what stays the same from run to run. Raw parts are JSON text, parsed at need."""

    unique_id: str = ""
    name: str | None = None
    resource_type: str | None = None
    package_name: str | None = None
    original_file_path: str | None = None
    path: str | None = None
    root_path: str | None = None
    patch_path: str | None = None
    fqn: list[str] | None = None
    alias: str | None = None
    database: str | None = None
    schema: str | None = None
    identifier: str | None = None
    relation_name: str | None = None
    description: str | None = None
    tags: list[str] | str | None = None
    config: JSON = _NOTHING
    meta: JSON = _NOTHING
    columns: JSON = _NOTHING
    raw_code: str | None = None
    raw_sql: str | None = None
    language: str | None = None
    access: str | None = None
    group: str | None = None
    version: str | int | float | None = None
    latest_version: str | int | float | None = None
    deprecation_date: str | None = None
    constraints: JSON = _NOTHING
    contract: JSON = _NOTHING
    depends_on: DependsOn | None = None
    test_metadata: JSON = _NOTHING
    column_name: str | None = None
    attached_node: str | None = None
    source_name: str | None = None
    source_description: str | None = None
    loader: str | None = None
    freshness: JSON = _NOTHING
    type: str | None = None
    owner: JSON = _NOTHING
    maturity: str | None = None
    url: str | None = None
    label: str | None = None
    macro_sql: str | None = None
    arguments: JSON = _NOTHING
    type_params: JSON = _NOTHING
    filter: JSON = _NOTHING
    filters: JSON = _NOTHING
    calculation_method: str | None = None
    expression: str | None = None
    sql: str | None = None
    timestamp: str | None = None
    time_grains: JSON = _NOTHING
    dimensions: JSON = _NOTHING
    entities: JSON = _NOTHING
    measures: JSON = _NOTHING
    model: str | None = None
    query_params: JSON = _NOTHING
    exports: JSON = _NOTHING
    given: JSON = _NOTHING
    expect: JSON = _NOTHING
    overrides: JSON = _NOTHING
    checksum: JSON = _NOTHING


class ManifestEntry(Node):
    """A node as one run's manifest writes it: `Node` and what changes with every run."""

    compiled_code: str | None = None
    compiled_sql: str | None = None


Entries = dict[str, ManifestEntry] | None


class Manifest(msgspec.Struct, frozen=True):
    """One manifest.json; every section may be absent."""

    metadata: Metadata
    nodes: Entries = None
    sources: Entries = None
    macros: Entries = None
    exposures: Entries = None
    metrics: Entries = None
    groups: Entries = None
    semantic_models: Entries = None
    saved_queries: Entries = None
    unit_tests: Entries = None
    functions: Entries = None


class Timing(msgspec.Struct, frozen=True, gc=False):
    """One interval of a result: `compile` or `execute`."""

    name: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


class Result(msgspec.Struct, frozen=True, gc=False):
    """What happened to one node in one invocation."""

    unique_id: str
    status: str | None = None
    timing: list[Timing] | None = None
    thread_id: str | None = None
    execution_time: float | None = None
    message: str | None = None
    failures: WholeNumber | None = None
    compiled_code: str | None = None
    adapter_response: JSON = _NOTHING


class RunResults(msgspec.Struct, frozen=True):
    """One run_results.json."""

    metadata: Metadata
    results: list[Result]
    elapsed_time: float | None = None
    args: JSON = _NOTHING


class FreshnessResult(msgspec.Struct, frozen=True):
    """One source's freshness check; a failed check carries only `error`."""

    unique_id: str
    status: str | None = None
    timing: list[Timing] | None = None
    thread_id: str | None = None
    execution_time: float | None = None
    max_loaded_at: str | None = None
    snapshotted_at: str | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    criteria: JSON = _NOTHING
    error: Any = None


class Sources(msgspec.Struct, frozen=True):
    """One sources.json."""

    metadata: Metadata
    results: list[FreshnessResult]
    elapsed_time: float | None = None


class Catalog(msgspec.Struct, frozen=True):
    """One catalog.json; tables stay JSON text until somebody asks for their columns."""

    metadata: Metadata
    nodes: dict[str, JSON] | None = None
    sources: dict[str, JSON] | None = None


class RunArgs(msgspec.Struct, frozen=True):
    """The parts of `args` that say what a command was."""

    which: str | None = None
    invocation_command: str | None = None
    target: str | None = None
    select: Any = None
    exclude: Any = None
    selector: Any = None
    models: Any = None
    resource_types: Any = None
    exclude_resource_types: Any = None
    macro: Any = None
    full_refresh: Any = None
    threads: Any = None
    empty: Any = None
    sample: Any = None


Record = TypeVar("Record")


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises UnreadableArtifact for a missing, unreadable or too large file."""
    try:
        if path.stat().st_size > MAX_ARTIFACT_BYTES:
            raise UnreadableArtifact(
                f"{path}: larger than {MAX_ARTIFACT_BYTES // 1024**2} MB, which no dbt artifact is."
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableArtifact(f"{path}: {error.strerror or error}.") from error


def plain_text(data: bytes, path: Path) -> bytes:
    """`data` without a byte order mark, which PowerShell and editors write. Raises UnreadableArtifact for UTF-16."""
    for mark, encoding in _OTHER_ENCODINGS.items():
        if data.startswith(mark):
            raise UnreadableArtifact(f"{path}: written in {encoding}, as PowerShell's `>` does: save it as UTF-8.")
    return data.removeprefix(codecs.BOM_UTF8)


def decode(data: bytes, record: type[Record], path: Path, place: str = "$") -> tuple[Record, Sequence[OddValue]]:
    """`data`, which stands at `place` of its file, as `record`, and the values of it that were left out.

    Raises UnreadableArtifact that names file, place and reason.
    """
    if _NUL in data:
        data = _ESCAPED_NUL.sub(rb"\1\\ufffd", data)
    try:
        return odd_values.decode(data, record, place)
    except odd_values.UnusableError as error:
        raise UnreadableArtifact(
            f"{path}: not as dbt writes it: {error.value.reason}, at {error.value.place}."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableArtifact(f"{path}: not complete, valid JSON: {error}.") from error
    except RecursionError as error:
        raise UnreadableArtifact(f"{path}: nested too deeply to be a dbt artifact.") from error


def read_record(path: Path, record: type[Record]) -> tuple[Record, Sequence[OddValue]]:
    """The file as `record`, and the values of it that were left out. Raises UnreadableArtifact."""
    data = plain_text(read_bytes(path), path)
    check_json(data, path)
    return decode(data, record, path)


def read_args(data: bytes | str | None) -> RunArgs:
    """The arguments of a command from JSON text that was stored; what is odd among them is None."""
    if not data:
        return RunArgs()
    try:
        return odd_values.decode(data.encode() if isinstance(data, str) else data, RunArgs)[0]
    except (odd_values.UnusableError, msgspec.DecodeError):
        return RunArgs()


def check_version(metadata: Metadata, path: Path) -> None:
    """Raises UnreadableArtifact when the file is of another kind than its name says, or newer than this reader."""
    kind, _, version = metadata.dbt_schema_version.rpartition("/")
    number = version.removesuffix(".json").removeprefix("v")
    if kind.rpartition("/")[2] != _SCHEMA_NAMES[path.name] or not number.isdigit():
        version_url = metadata.dbt_schema_version or "no dbt_schema_version"
        raise UnreadableArtifact(f"{path}: not a dbt {path.name} ({version_url}).")
    if int(number) > NEWEST_VERSIONS[path.name]:
        raise UnreadableArtifact(
            f"{path}: version {version} is newer than this reader knows (v{NEWEST_VERSIONS[path.name]})."
        )

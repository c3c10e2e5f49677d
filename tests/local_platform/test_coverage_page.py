"""docs/discovery-coverage.md says of every type what is answered.

`python -m tests.local_platform.test_coverage_page` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLObjectType

from gateway.archive.artifacts.artifact_files import ARTIFACT_NAMES, NEWEST_VERSIONS
from gateway.local_platform.discovery.fields.unknown import UNKNOWN
from gateway.local_platform.discovery.schema import create_schema

FILE = Path(__file__).parents[2] / "docs" / "discovery-coverage.md"

HEAD = """# What the local platform answers

The schema served is the published Discovery schema itself; a test compares the two. This page is written from the code
(`python -m tests.local_platform.test_coverage_page`): of every type, how many fields are answered from artifacts, and
which are null because no artifact has them. What an old dbt did not write is null as well.

## Versions read

| artifact | schema versions |
|---|---|
"""
BETWEEN = """
All are read with one tolerant set of records: unknown keys never hurt, missing ones are null. A newer version is
refused by name. `tests/archive/test_every_version.py` reads public artifacts of manifest v1 to v12, run results v1 to
v6 and dbt 0.19 to 2.0 and asks for every field.

## Special arguments

| argument | what artifacts hold |
|---|---|
| `lineage(filter: {select, exclude})` | dbt's methods, as the page on the local platform lists them |
| `result:` | how the environment's newest run ended for a node |
| `state:` | the newest manifest against the last one that differs: new, old, modified and its parts, unmodified |
| `lineage(filter: {columnNames})` | nodes with a column of such a name; no artifact traces columns between nodes |
| `exposureTile(filter: {autoBiProvider, biResourceId})` | null: only dbt Cloud makes exposures out of a BI tool |
| `modelingLayer` as a filter | no node: layers are not known |

## Fields by type

"""


@dataclass(frozen=True)
class Covered:
    """One type: how many fields it has, and which of them are unknown, with the reason."""

    name: str
    fields: int
    unknown: dict[str, str]


def covered() -> Iterator[Covered]:
    types = create_schema().type_map
    for name, named in sorted(types.items()):
        if isinstance(named, GraphQLObjectType) and not name.startswith("__"):
            whole = UNKNOWN.get(f"{name}.*")
            fields = {field: whole or UNKNOWN.get(f"{name}.{field}") for field in named.fields}
            yield Covered(name, len(fields), {field: reason for field, reason in fields.items() if reason})


def page() -> str:
    versions = "".join(f"| `{name}` | v1 to v{NEWEST_VERSIONS[name]} |\n" for name in ARTIFACT_NAMES)
    versions = versions.replace("| v1 to v1 |", "| v1 |")
    types = list(covered())
    every, unknown = sum(each.fields for each in types), sum(len(each.unknown) for each in types)
    total = f"{len(types)} types, {every:,} fields: {every - unknown:,} answered, {unknown} null.\n\n"
    rows = "".join(_row(each) for each in types)
    head = "| type | fields | answered | null, and why |\n|---|---|---|---|\n"
    return HEAD + versions + BETWEEN + total + head + rows


def _row(each: Covered) -> str:
    whole = len(each.unknown) == each.fields
    reasons = [f"`{field}`: {reason}" for field, reason in each.unknown.items()]
    why = f"all: {next(iter(each.unknown.values()))}" if whole else "; ".join(reasons)
    return f"| `{each.name}` | {each.fields} | {each.fields - len(each.unknown)} | {why} |\n"


def test_the_page_is_what_the_code_answers() -> None:
    assert FILE.read_text("utf-8") == page(), "write it anew: python -m tests.local_platform.test_coverage_page"


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")

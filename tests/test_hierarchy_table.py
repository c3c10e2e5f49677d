"""docs/hierarchy.md: no row of the design is missing, and everything that its tables name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType

from gateway.discovery_api import api, models
from gateway.schema.build import build_schema
from gateway.schema.core_schema import core_schema

ROOT = Path(__file__).parents[1]

# Every class, field and method of the original design, by the class it belongs to.
DESIGN = {
    "RuntimeReport": "",
    "RunStatus": "run_completed_at",
    "SearchFilter": "tags materialization min_runtime max_runtime",
    "ModelFilter": "models model_ids",
    "ProjectFilter": "projects project_ids include_or_exclude",
    "dbtAccount": "environment projects filter",
    "Account": "get_projects get_jobs get_models get_runs slowest_models longest_running_jobs",
    "Project": "project_id models jobs model_count job_count get_models get_jobs slowest_models longest_running_jobs",
    "Model": "model_id last_run_status last_run_runtime last_run_start_time last_run_end_time get_last_run get_runs "
    "get_sql freshness get_jobs",
    "Job": "job_id last_run_status last_run_runtime last_run_start_time last_run_end_time get_models get_last_run "
    "get_runs get_slowest_models get_runtimes get_average_job_runtime average_historical_model_runtime",
    "Run": "run_id status runtime model_count start_time end_time job get_models get_slowest_models "
    "average_model_runtime",
}


@dataclass(frozen=True)
class Row:
    """One row of a table: the section it stands in, and its cells by column."""

    section: str
    cells: dict[str, str]

    @property
    def subject(self) -> str:
        return self.cells.get("design") or self.cells["what"]


def read_rows() -> list[Row]:
    rows: list[Row] = []
    section, columns = "", list[str]()
    for line in (ROOT / "docs" / "hierarchy.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            section, columns = line.removeprefix("## "), []
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if not columns:
            columns = cells
        elif "GraphQL" in columns and not set(line) <= set("|- "):
            rows.append(Row(section, dict(zip(columns, cells, strict=True))))
    return rows


ROWS = read_rows()
SCHEMA = core_schema(build_schema())


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_graphql_name_of_a_row_exists() -> None:
    faults = [f"{row.section}: {row.subject}: {fault}" for row in ROWS for fault in graphql_faults(row)]
    assert not faults, "\n".join(faults)


def graphql_faults(row: Row) -> Iterator[str]:
    names = names_in(row.cells["GraphQL"])
    if not names:
        yield "no name"
    for name in names:
        found = re.fullmatch(r"(\w+)\.(\w+)(?:\(([\w, ]+)\))?", name)
        kind = SCHEMA.type_map.get(found[1]) if found else None
        if found is None:
            yield f"{name} is no name"
        elif isinstance(kind, GraphQLEnumType):
            if found[2] not in kind.values:
                yield f"{name} is no value"
        elif not isinstance(kind, GraphQLObjectType | GraphQLInputObjectType) or found[2] not in kind.fields:
            yield f"{name} is no field"
        else:
            arguments = set(filter(None, (found[3] or "").replace(" ", "").split(",")))
            unknown = arguments - set(getattr(kind.fields[found[2]], "args", ()))
            if unknown:
                yield f"{name} takes no {sorted(unknown)}"


def test_every_python_name_of_a_row_exists() -> None:
    faults = [f"{row.section}: {row.subject}: {fault}" for row in ROWS for fault in python_faults(row)]
    assert not faults, "\n".join(faults)


def python_faults(row: Row) -> Iterator[str]:
    names = names_in(row.cells["Python"])
    if not names:
        yield "no name"
    for name in names:
        owner, _, member = name.partition(".")
        holder = getattr(api, owner, None) or getattr(models, owner, None)
        if holder is None or (member and not hasattr(holder, member)):
            yield f"no {name}"


def test_every_test_of_a_row_exists() -> None:
    faults = []
    for row in ROWS:
        names = names_in(row.cells["test"])
        path, _, function = names[0].partition("::") if len(names) == 1 else ("", "", "")
        if not function or function not in functions_of(path):
            faults.append(f"{row.section}: {row.subject}: {names}")
    assert not faults, "one test each, which exists:\n" + "\n".join(faults)


@cache
def functions_of(path: str) -> frozenset[str]:
    """The functions of a file of tests; none of one that does not exist."""
    if not (ROOT / path).is_file():
        return frozenset()
    return frozenset(re.findall(r"^\s*(?:async )?def (\w+)", (ROOT / path).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("owner", DESIGN)
def test_no_row_of_the_design_is_missing(owner: str) -> None:
    section = owner if owner in ("Account", "Project", "Model", "Job", "Run") else None
    subjects = {name for row in ROWS if section in (None, row.section) for name in names_in(row.subject)}
    told = {re.sub(r"\(.*", "", subject).rpartition(".")[2] for subject in subjects}
    assert set(DESIGN[owner].split()) <= told
    assert owner in {"Account"} | {re.sub(r"[.(].*", "", one) for row in ROWS for one in names_in(row.subject)}


def test_no_row_puts_off_what_it_promises() -> None:
    text = (ROOT / "docs" / "hierarchy.md").read_text("utf-8").lower()
    assert not re.search(r"\b(planned|todo|later|not yet|tbd)\b", text)

"""docs/hierarchy.md: no row of the design is missing, and everything that its tables name exists."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
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
    section, columns = "", []
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


def ids(rows: list[Row]) -> list[str]:
    return [f"{row.section}: {row.subject}" for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_every_graphql_name_of_a_row_exists(row: Row) -> None:
    assert names_in(row.cells["GraphQL"])
    for name in names_in(row.cells["GraphQL"]):
        found = re.fullmatch(r"(\w+)\.(\w+)(?:\(([\w, ]+)\))?", name)
        assert found, name
        kind = SCHEMA.type_map[found[1]]
        if isinstance(kind, GraphQLEnumType):
            assert found[2] in kind.values
            continue
        assert isinstance(kind, GraphQLObjectType | GraphQLInputObjectType)
        field = kind.fields[found[2]]
        for argument in (found[3] or "").replace(" ", "").split(","):
            assert not argument or argument in field.args, f"{name} takes no {argument}"


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_every_python_name_of_a_row_exists(row: Row) -> None:
    assert names_in(row.cells["Python"])
    for name in names_in(row.cells["Python"]):
        owner, _, member = name.partition(".")
        holder = getattr(api, owner, None) or getattr(models, owner)
        assert not member or hasattr(holder, member), name


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_every_test_of_a_row_exists(row: Row) -> None:
    (name,) = names_in(row.cells["test"])
    path, _, function = name.partition("::")
    defined = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert function in defined


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

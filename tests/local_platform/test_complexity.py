"""Documents that ask for too much are refused before they are validated and before any SQL, whoever sends them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.local_platform.discovery.execution import column_executor
from tests.served_platform import Platform

pytestmark = pytest.mark.sqlite_by_day

ENVIRONMENT, JOB = 201001, 301001
# By hand: 100 for what an argument looks up, 500 rows of 10 each, and of each edges, node and name.
ONE_PAGE = 100 + 500 * (10 + 3)
AROUND = 100 + 1  # environment, applied


def _pages(count: int, page: str = "models") -> str:
    pages = " ".join(f"p{number}: {page} {{ edges {{ node {{ name }} }} }}" for number in range(count))
    return f"{{ environment(id: {ENVIRONMENT}) {{ applied {{ {pages} }} }} }}"


def _is_refused(platform: Platform, query: str, **variables: Any) -> bool:
    with platform.counting_statements() as statements:
        answer = platform.post(query, variables)
    codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
    if codes == {"COMPLEXITY_EXCEEDED"}:
        assert answer.status_code == 400
        assert statements == []
        return True
    assert codes <= {"GRAPHQL_VALIDATION_FAILED"}
    return False


DOUBLED = "{ ...f0 } " + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(21))
DEEP_FIELDS = "parentsModels { " * 9 + "name" + " }" * 9
DEEP_INLINE = "... on Query { " * 60 + "__typename" + " }" * 60
ALIASED_INTROSPECTION = " ".join(f"s{n}: __schema {{ types {{ fields {{ type {{ name }} }} }} }}" for n in range(400))
LINEAGES = " ".join(f'l{n}: lineage(filter: {{select: "+{n}"}}) {{ uniqueId }}' for n in range(120))
TAGS = " ".join(f"t{n}: tags {{ name }}" for n in range(120))
JOBS = " ".join(f"j{n}: job(id: {JOB}) {{ models {{ name parentsModels {{ name }} }} }}" for n in range(120))


@pytest.mark.parametrize(
    "query",
    [
        _pages(400),
        DOUBLED + "fragment f21 on Query { __typename }",
        f"{{ job(id: {JOB}) {{ models {{ {DEEP_FIELDS} }} }} }}",
        f"{{ {DEEP_INLINE} }}",
        f"{{ {ALIASED_INTROSPECTION} }}",
        f"{{ environment(id: {ENVIRONMENT}) {{ applied {{ {LINEAGES} }} }} }}",
        f"{{ environment(id: {ENVIRONMENT}) {{ applied {{ {TAGS} }} }} }}",
        f"{{ {JOBS} }}",
    ],
    ids=["pages", "doubled fragments", "deep lists", "deep fragments", "introspection", "lineages", "tags", "jobs"],
)
def test_what_asks_for_too_much_is_refused_before_it_is_executed(platform: Platform, query: str) -> None:
    assert _is_refused(platform, query)


@pytest.mark.slow
def test_the_bound_is_where_the_page_says(platform: Platform) -> None:
    most = (2_000_000 - AROUND) // ONE_PAGE
    assert most > 200
    assert not _is_refused(platform, _pages(most, "exposures(first: 500)"))
    assert _is_refused(platform, _pages(most + 1, "exposures(first: 500)"))
    # dbt gives 500 rows a page, and so many where none are asked for.
    assert _is_refused(platform, _pages(most + 1, "exposures(first: 1000000)"))
    assert _is_refused(platform, _pages(most + 1, "exposures"))
    assert not _is_refused(platform, _pages(most + 1, "exposures(first: 1)"))


def _introspections(count: int) -> str:
    """The dearest shape that validation lets pass: the types of fields of types."""
    below = "name fields { name type { name fields { name type { name } } } }"
    return "{ " + " ".join(f"s{number}: __schema {{ types {{ {below} }} }}" for number in range(count)) + " }"


@pytest.mark.slow
def test_introspection_is_answered_up_to_the_bound_and_not_beyond(platform: Platform) -> None:
    types = len(platform.ask("{ __schema { types { name } } }")["__schema"]["types"])
    # By hand: 100 to look up fields, 5 of them, 10 for each row, and what stands in a row.
    inner = 100 + 5 * (10 + 1 + 1 + 1)  # name, type, its name
    outer = 100 + 5 * (10 + 1 + 1 + 1 + inner)  # name, type, its name and fields
    most = 2_000_000 // (1 + 1 + types * (10 + 1 + outer))
    assert most > 5

    with platform.counting_statements() as statements:
        data = platform.ask(_introspections(most))
    assert set(statements) <= {"BEGIN"}, "nothing of the archive is read"
    assert len(data) == most
    [first, *others] = data.values()
    assert all(other == first for other in others)
    by_name = {each["name"]: each for each in first["types"]}
    assert len(by_name) == types
    [applied] = [field["type"] for field in by_name["Environment"]["fields"] if field["name"] == "applied"]
    assert applied["name"] == "AppliedState"
    assert "models" in [field["name"] for field in applied["fields"]]
    assert _is_refused(platform, _introspections(most + 1))


@pytest.mark.slow
@pytest.mark.parametrize("declared", ["$n: Int", "$n: Int = 500"])
def test_rows_in_variables_count(platform: Platform, declared: str) -> None:
    query = f"query ({declared}) " + _pages(350, "exposures(first: $n)")
    assert _is_refused(platform, query)
    assert _is_refused(platform, query, n=500.0)
    assert not _is_refused(platform, query, n=1)


def test_runs_of_histories_count(platform: Platform) -> None:
    query = 'query ($n: Int) { modelByEnvironment(environmentId: 201001, uniqueId: "m", lastRunCount: $n) { name } }'
    assert not _is_refused(platform, query, n=100_000)
    assert _is_refused(platform, query, n=200_000)


def test_fragments_that_run_in_a_circle_are_left_to_validation(platform: Platform) -> None:
    circle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a ...missing }"
    assert not _is_refused(platform, circle)


def test_more_rows_than_were_estimated_end_the_answer(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    query = f"{{ a: job(id: {JOB}) {{ models {{ name status }} }} b: job(id: {JOB}) {{ models {{ name }} }} }}"
    rows = len(platform.ask(query)["a"]["models"])
    monkeypatch.setattr(column_executor, "MOST_ANSWERED", 3 * rows)
    assert len(platform.ask(query)["b"]["models"]) == rows

    monkeypatch.setattr(column_executor, "MOST_ANSWERED", 3 * rows - 1)
    body = platform.post(query).json()
    assert (len(body["data"]["a"]["models"]), body["data"]["b"]) == (rows, None)
    [error] = body["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["b", "models"], "COMPLEXITY_EXCEEDED")
    assert "Ask for fewer" in error["message"]


@pytest.mark.slow
def test_a_document_that_takes_too_long_to_check_is_told_what_to_do(platform: Platform) -> None:
    for query in ("{" + "__typename " * 2_000 + "}", "{" + " ".join(f"x{n}" for n in range(200)) + "}"):
        answer = platform.post(query)
        assert answer.status_code == 400
        last = answer.json()["errors"][-1]
        assert last["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "select each field once" in last["message"]
        assert "aborted" not in answer.text

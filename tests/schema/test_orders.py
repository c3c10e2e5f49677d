"""Orders of lists: by a value and a direction, what has no value last, ties by id; the same over all pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.oracle.account import Oracle, Run
from tests.oracle.criteria import severity
from tests.schema.test_jobs_and_runs import STATUS
from tests.schema.test_models import status
from tests.serving import Gateway


def ordered(items: list[Any], value: Callable[[Any], Any], direction: str) -> list[str]:
    known = [item for item in items if value(item) is not None]
    known.sort(key=lambda item: item.id)
    known.sort(key=value, reverse=direction == "DESC")
    return [str(item.id) for item in known + sorted((i for i in items if value(i) is None), key=lambda one: one.id)]


def newest_first(runs: Iterable[Run]) -> list[str]:
    return [str(run.id) for run in sorted(runs, key=lambda run: (run.created, run.id), reverse=True)]


MODEL_VALUES: dict[str, Callable[[Any], Any]] = {
    "ID": lambda model: model.id,
    "NAME": lambda model: model.node.name,
    "RUNTIME": lambda model: model.runtime,
    "LAST_RUN_TIME": lambda model: model.last and model.last.result.generated_at,
    "SEVERITY": lambda model: model.last and severity(status(model.last.result.status)),
}

JOB_VALUES: dict[str, Callable[[Any], Any]] = {
    "ID": lambda job: job.id,
    "NAME": lambda job: job.record["name"],
    "RUNTIME": lambda job: job.runs[0].runtime,
    "LAST_RUN_TIME": lambda job: job.runs[0].start,
    "SEVERITY": lambda job: severity(STATUS[job.runs[0].record["status"]]),
}

RUN_VALUES: dict[str, Callable[[Any], Any]] = {
    "ID": lambda run: (run.created, run.id),
    "RUNTIME": lambda run: run.runtime,
    "START_TIME": lambda run: run.start,
    "SEVERITY": lambda run: severity(STATUS[run.record["status"]]),
}


async def walk(answers: Gateway, query: str, size: int) -> list[str]:
    """The whole list, page by page."""
    seen: list[str] = []
    after = None
    for _ in range(100):
        data = await answers.data(query, first=size, after=after)
        page = data["root"]["list"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return seen
    pytest.fail("the pages do not end")


PAGE = """(first: $first, after: $after, orderBy: {field: %s, direction: %s}) {
  nodes { id } pageInfo { hasNextPage endCursor }
}"""
HEAD = "query($first: Int, $after: String)"


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", MODEL_VALUES)
async def test_models_in_every_order(answers: Gateway, oracle: Oracle, field: str, direction: str) -> None:
    query = f"{HEAD} {{ root: account {{ list: models{PAGE % (field, direction)} }} }}"
    expected = ordered(oracle.models, MODEL_VALUES[field], direction)
    assert await walk(answers, query, 100) == expected
    assert await walk(answers, query, 7) == expected


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", JOB_VALUES)
async def test_jobs_in_every_order(answers: Gateway, oracle: Oracle, field: str, direction: str) -> None:
    query = f"{HEAD} {{ root: account {{ list: jobs{PAGE % (field, direction)} }} }}"
    assert await walk(answers, query, 3) == ordered(oracle.production_jobs, JOB_VALUES[field], direction)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", RUN_VALUES)
async def test_runs_in_every_order(answers: Gateway, oracle: Oracle, field: str, direction: str) -> None:
    for root, runs in (
        ('job(id: "303001")', list(oracle.job(303001).runs)),
        ("account", [run for job in oracle.production_jobs for run in job.runs]),
        ('project(id: "finance")', [run for one in (301001, 301002) for run in oracle.job(one).runs]),
    ):
        query = f"{HEAD} {{ root: {root} {{ list: runs{PAGE % (field, direction)} }} }}"
        assert await walk(answers, query, 9) == ordered(runs, RUN_VALUES[field], direction)


async def test_runs_of_the_account_are_the_newest_first_with_an_exact_total(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data("{ account { runs(first: 4) { totalCount nodes { id } } } }")
    runs = newest_first(run for job in oracle.production_jobs for run in job.runs)
    assert data["account"]["runs"] == {"totalCount": len(runs), "nodes": [{"id": one} for one in runs[:4]]}


@pytest.mark.slow
async def test_a_filter_keeps_the_runs_in_which_a_model_met_it(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ account { runs(first: 100, filter: {models: {tags: ["finance"], minRuntime: 1.0}}) '
        "{ totalCount nodes { id } } } }"
    )
    kept = [
        run
        for job in oracle.production_jobs
        for run in job.runs
        if any(
            "finance" in one.node.tags and one.runtime is not None and one.runtime >= 1.0
            for one in run.results.values()
        )
    ]
    assert kept
    expected = [{"id": one} for one in newest_first(kept)]
    assert data["account"]["runs"] == {"totalCount": len(kept), "nodes": expected}


async def test_a_cursor_of_another_order_is_refused_or_keeps_its_place(answers: Gateway) -> None:
    data = await answers.data("{ account { models(first: 1) { pageInfo { endCursor } } } }")
    reply = await answers.ask(
        "query($c: String) { account { models(after: $c, orderBy: {field: RUNTIME}) { totalCount } } }",
        c=data["account"]["models"]["pageInfo"]["endCursor"],
    )
    assert reply.codes == {"account.models": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    ("what", "field", "direction"),
    [
        ("models", "ID", "ASC"),
        ("models", "NAME", "ASC"),
        ("models", "RUNTIME", "DESC"),
        ("models", "LAST_RUN_TIME", "DESC"),
        ("models", "SEVERITY", "DESC"),
        ("jobs", "NAME", "ASC"),
        ("jobs", "RUNTIME", "DESC"),
        ("jobs", "LAST_RUN_TIME", "DESC"),
        ("jobs", "SEVERITY", "DESC"),
        ("runs", "ID", "ASC"),
        ("runs", "RUNTIME", "DESC"),
        ("runs", "START_TIME", "DESC"),
        ("runs", "SEVERITY", "DESC"),
        ("sources", "ID", "ASC"),
        ("sources", "AGE", "DESC"),
    ],
)
async def test_an_order_without_a_direction_is_the_one_a_reader_expects(
    answers: Gateway, what: str, field: str, direction: str
) -> None:
    shown = "name" if what == "sources" else "id"
    data = await answers.data(
        f"{{ account {{ silent: {what}(first: 100, orderBy: {{field: {field}}}) {{ nodes {{ {shown} }} }} "
        f"null: {what}(first: 100, orderBy: {{field: {field}, direction: null}}) {{ nodes {{ {shown} }} }} "
        f"said: {what}(first: 100, orderBy: {{field: {field}, direction: {direction}}}) {{ nodes {{ {shown} }} }} }} }}"
    )
    found = data["account"]
    assert found["silent"] == found["null"] == found["said"]
    assert len(found["said"]["nodes"]) > 3


async def test_the_slowest_job_and_the_failed_run_come_first(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        "{ account { jobs(first: 1, orderBy: {field: RUNTIME}) { nodes { id } } "
        "runs(first: 1, orderBy: {field: SEVERITY}) { nodes { status } } } }"
    )
    slowest = max(oracle.production_jobs, key=lambda job: job.runs[0].runtime)
    assert data["account"]["jobs"]["nodes"] == [{"id": str(slowest.id)}]
    assert data["account"]["runs"]["nodes"] == [{"status": "FAILURE"}]


RUN_FILTERS: list[tuple[str, Callable[[Any], bool]]] = [
    ("minSeconds: 16.2", lambda run: run.runtime >= 16.2),
    ("minSeconds: 5, maxSeconds: 15", lambda run: 5 <= run.runtime <= 15),
    ("statuses: [FAILURE, CANCELLED]", lambda run: run.record["status"] in (20, 30)),
    ("statuses: []", lambda _: False),
    ('jobIds: ["303001", "301001"]', lambda run: run.job_id in (301001, 303001)),
    ('gitBranches: ["main"], statuses: [SUCCESS]', lambda run: run.record["status"] == 10),
    (
        'startedSince: "2026-03-05T00:00:00", startedUntil: "2026-03-10T02:00:00+02:00"',
        lambda run: "2026-03-05T00:00:00" <= run.start.isoformat() < "2026-03-10T00:00:00",
    ),
    (
        'minSeconds: 10, models: {modelIds: ["finance.fct_invoices"], statuses: [SUCCESS]}',
        lambda run: (
            run.runtime >= 10
            and "model.finance.fct_invoices" in run.results
            and run.results["model.finance.fct_invoices"].status == "success"
        ),
    ),
]


@pytest.mark.parametrize(("criteria", "kept"), RUN_FILTERS, ids=[criteria for criteria, _ in RUN_FILTERS])
async def test_a_filter_on_runs_looks_at_the_runs_themselves(
    answers: Gateway, oracle: Oracle, criteria: str, kept: Callable[[Any], bool]
) -> None:
    data = await answers.data(
        f"{{ account {{ runs(first: 100, filter: {{{criteria}}}) {{ totalCount nodes {{ id }} }} }} }}"
    )
    runs = newest_first(run for job in oracle.production_jobs for run in job.runs if kept(run))
    assert data["account"]["runs"] == {"totalCount": len(runs), "nodes": [{"id": one} for one in runs]}


async def test_the_longest_of_the_newest_runs_is_kept_by_a_bound_on_runs(answers: Gateway, oracle: Oracle) -> None:
    """A bound on models dropped it: it asked whether some model took so long."""
    newest = newest_first(run for job in oracle.production_jobs for run in job.runs)[:3]
    longest = max((oracle.run(int(one)) for one in newest), key=lambda run: run.runtime)
    data = await answers.data(
        "query($s: Float) { account { runs(first: 1, filter: {minSeconds: $s}) { nodes { id } } } }", s=longest.runtime
    )
    assert data["account"]["runs"]["nodes"] == [{"id": str(longest.id)}]
    refused = await answers.ask("{ account { runs(filter: {minRuntime: 1}) { totalCount } } }")
    assert refused.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("bounds", ["minSeconds: -1", "minSeconds: 2, maxSeconds: 1"])
@pytest.mark.parametrize("what", ["runs", "jobs"])
async def test_bounds_that_nothing_meets_are_refused(answers: Gateway, what: str, bounds: str) -> None:
    reply = await answers.ask(f"{{ account {{ {what}(filter: {{{bounds}}}) {{ totalCount }} }} }}")
    assert reply.codes == {f"account.{what}": "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == "minSeconds"

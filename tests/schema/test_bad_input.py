"""What makes no sense is refused at its place, with a code, the argument's name, and what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.account import Oracle
from tests.serving import Gateway, Reply

NEIGHBOUR = 'well: model(id: "finance.rpt_ar_aging") { id }'


async def ask(warm_gateway: Gateway, query: str, **variables: Any) -> Reply:
    """Asks beside a field that must be answered whatever becomes of the other."""
    opening, _, rest = query.partition("{")
    reply = await warm_gateway.ask(f"{opening}{{ {NEIGHBOUR} {rest}", **variables)
    assert reply.status == 200
    assert reply.data["well"] == {"id": "finance.rpt_ar_aging"}
    return reply


@pytest.mark.parametrize(
    ("query", "path", "hint"),
    [
        ('{ project(id: "finanse") { id } }', "project", "finance"),
        ('{ project(id: "marketing", environment: STAGING) { id } }', "project", "finance"),
        ('{ model(id: "finance.rpt_ar_agin") { id } }', "model", "finance.rpt_ar_aging"),
        ('{ model(id: "nowhere.rpt_ar_aging") { id } }', "model", "finance.rpt_ar_aging"),
        ('{ model(id: "model.finance.rpt_ar_agin") { id } }', "model", "rpt_ar_aging"),
        ('{ model(id: "FINANCE.RPT_AR_AGING") { id } }', "model", "."),
        ('{ model(id: "") { id } }', "model", "."),
        ('{ model(id: "marketing.rpt_ltv", environment: STAGING) { id } }', "model", "finance@201002."),
        ('{ job(id: "301009") { id } }', "job", "301001"),
        ('{ run(id: "1") { id } }', "run", "runs"),
    ],
)
async def test_an_unknown_id_is_null_with_an_error_that_says_what_exists(
    warm_gateway: Gateway, query: str, path: str, hint: str
) -> None:
    reply = await ask(warm_gateway, query)
    assert reply.data[path] is None
    assert reply.codes == {path: "NOT_FOUND"}
    assert hint in reply.errors[0]["message"]


async def test_a_model_id_of_several_projects_lists_ids_that_each_name_one(
    warm_gateway: Gateway, oracle: Oracle
) -> None:
    reply = await ask(warm_gateway, '{ model(id: "model.common.dim_dates") { id } }')
    assert reply.data["model"] is None
    assert reply.codes == {"model": "AMBIGUOUS_ID"}
    candidates = reply.errors[0]["extensions"]["candidates"]
    assert candidates == [model.id for model in oracle.models if model.unique_id == "model.common.dim_dates"]
    for candidate in candidates:
        assert candidate in reply.errors[0]["message"]
        data = await warm_gateway.data("query($id: ID!) { model(id: $id) { id uniqueId } }", id=candidate)
        assert data["model"] == {"id": candidate, "uniqueId": "model.common.dim_dates"}


@pytest.mark.parametrize("given", ["finance.common.dim_dates", "finance.dim_dates"])
async def test_a_package_may_be_named_where_it_need_not(warm_gateway: Gateway, given: str) -> None:
    data = await warm_gateway.data("query($id: ID!) { model(id: $id) { id } }", id=given)
    assert data["model"] == {"id": "finance.dim_dates"}


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "0x10", "9" * 30, "٣٠١٠٠١", ""])
@pytest.mark.parametrize("root", ["job", "run"])
async def test_the_id_of_a_job_or_run_is_a_number(warm_gateway: Gateway, root: str, given: str) -> None:
    reply = await ask(warm_gateway, f"query($id: ID!) {{ {root}(id: $id) {{ id }} }}", id=given)
    assert reply.codes == {root: "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == "id"


FILTERS = [
    ("minRuntime: 2, maxRuntime: 1", "minRuntime"),
    ("minRuntime: -0.5", "minRuntime"),
    ("maxRuntime: -1", "maxRuntime"),
]

FILTERED = [
    ("account(filter: {%s}) { id }", ""),
    ("account { projects(filter: {%s}) { totalCount } }", "projects"),
    ("account { models(filter: {%s}) { totalCount } }", "models"),
    ("account { jobs(filter: {models: {%s}}) { totalCount } }", "jobs"),
    ("account { slowestModels(filter: {%s}) { rank } }", "slowestModels"),
    ("account { longestRunningJobs(filter: {models: {%s}}) { rank } }", "longestRunningJobs"),
    ("account { runs(filter: {models: {%s}}) { totalCount } }", "runs"),
    ('account: project(id: "finance") { models(filter: {%s}) { totalCount } }', "models"),
    ('account: job(id: "301001") { models(filter: {%s}) { totalCount } }', "models"),
    ('account: run(id: "70437490011508") { modelRuns(filter: {%s}) { totalCount } }', "modelRuns"),
]


@pytest.mark.parametrize(("criteria", "argument"), FILTERS)
@pytest.mark.parametrize(("query", "field"), FILTERED)
async def test_bounds_that_make_no_sense_are_refused_wherever_they_are_given(
    warm_gateway: Gateway, query: str, field: str, criteria: str, argument: str
) -> None:
    reply = await ask(warm_gateway, f"{{ {query % criteria} }}")
    path = f"account.{field}".rstrip(".")
    assert reply.codes == {path: "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == argument
    assert argument in reply.errors[0]["message"]


@pytest.mark.parametrize("literal", ["1e999", "-1e999"])
async def test_an_infinite_bound_is_refused(warm_gateway: Gateway, literal: str) -> None:
    reply = await warm_gateway.ask(f"{{ account {{ models(filter: {{minRuntime: {literal}}}) {{ totalCount }} }} }}")
    assert reply.errors
    assert {error["extensions"]["code"] for error in reply.errors} <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
    assert reply.data is None or reply.data["account"]["models"] is None


@pytest.mark.parametrize(
    ("query", "path", "argument"),
    [
        ('account { models(filter: {modelIds: ["finance.nothing"]}) { totalCount } }', "models", "modelIds"),
        ('account { slowestModels(filter: {modelIds: ["x.y"]}) { rank } }', "slowestModels", "modelIds"),
        (
            'account { longestRunningJobs(filter: {models: {modelIds: ["x.y"]}}) { rank } }',
            "longestRunningJobs",
            "modelIds",
        ),
        ('account { projects(filter: {projectIds: ["nothing"]}) { totalCount } }', "projects", "projectIds"),
        (
            'account { projects(filter: {projectIds: ["nothing"], includeOrExclude: EXCLUDE}) { totalCount } }',
            "projects",
            "projectIds",
        ),
        ('account(filter: {projectIds: ["nothing"]}) { id }', "", "projectIds"),
    ],
)
async def test_an_unknown_id_in_a_filter_is_refused(
    warm_gateway: Gateway, query: str, path: str, argument: str
) -> None:
    reply = await ask(warm_gateway, f"{{ {query} }}")
    assert reply.codes == {f"account.{path}".rstrip("."): "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == argument
    assert argument in reply.errors[0]["message"]


async def test_an_ambiguous_id_in_a_filter_is_refused_with_its_candidates(warm_gateway: Gateway) -> None:
    reply = await ask(
        warm_gateway, '{ account { models(filter: {modelIds: ["model.common.dim_dates"]}) { totalCount } } }'
    )
    assert reply.codes == {"account.models": "AMBIGUOUS_ID"}
    assert "finance.dim_dates" in reply.errors[0]["extensions"]["candidates"]


PAGED = [
    ("account { projects(%s) { totalCount } }", "account.projects", 5_000),
    ("account { models(%s) { totalCount } }", "account.models", 5_000),
    ("account { jobs(%s) { totalCount } }", "account.jobs", 5_000),
    ('job(id: "301001") { runs(%s) { totalCount } }', "job.runs", 500),
    ('model(id: "finance.rpt_ar_aging") { runs(%s) { totalCount } }', "model.runs", 100),
    ('run(id: "70437490011508") { modelRuns(%s) { totalCount } }', "run.modelRuns", 5_000),
]


@pytest.mark.parametrize(("query", "path", "most"), PAGED)
async def test_the_size_of_a_page_has_bounds(warm_gateway: Gateway, query: str, path: str, most: int) -> None:
    for name in ("first", "last"):
        for size in (-1, most + 1):
            reply = await ask(warm_gateway, f"{{ {query % f'{name}: {size}'} }}")
            assert reply.codes == {path: "BAD_USER_INPUT"}
            assert reply.errors[0]["extensions"]["argument"] == name
        assert (await ask(warm_gateway, f"{{ {query % f'{name}: {most}'} }}")).errors == []


@pytest.mark.parametrize(("query", "path", "most"), PAGED)
async def test_first_and_last_together_are_refused(warm_gateway: Gateway, query: str, path: str, most: int) -> None:
    reply = await ask(warm_gateway, f"{{ {query % 'first: 1, last: 1'} }}")
    assert reply.codes == {path: "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == "last"


CURSORS = {
    "no base64": "!!!",
    "not ascii": "é",
    "no json": "bm90IGpzb24",
    "no list": "eyJhIjoxfQ",
    "of objects": "W3t9XQ",
    "of nothing": "W10",
    "of null": "W251bGxd",
    "of true": "W3RydWVd",
    "nested": "W1sxXV0",
    "endless": "W1tb" * 20_000,
    "a huge number": "WzFlOTk5OV0",
    "not a number": "W05hTl0",
}


@pytest.mark.parametrize("cursor", CURSORS.values(), ids=CURSORS)
@pytest.mark.parametrize(("query", "path", "most"), PAGED)
@pytest.mark.parametrize("name", ["after", "before"])
async def test_what_was_never_a_cursor_is_refused(
    warm_gateway: Gateway, query: str, path: str, most: int, name: str, cursor: str
) -> None:
    reply = await ask(warm_gateway, f"query($cursor: String) {{ {query % f'{name}: $cursor'} }}", cursor=cursor)
    assert reply.codes == {path: "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == name


async def test_a_cursor_of_another_list_is_refused(warm_gateway: Gateway) -> None:
    data = await warm_gateway.data(
        "{ account { models(first: 1) { pageInfo { endCursor } } jobs(first: 1) { pageInfo { endCursor } } } }"
    )
    of_models, of_jobs = (data["account"][name]["pageInfo"]["endCursor"] for name in ("models", "jobs"))
    reply = await ask(warm_gateway, "query($c: String) { account { models(after: $c) { totalCount } } }", c=of_jobs)
    assert reply.codes == {"account.models": "BAD_USER_INPUT"}
    reply = await ask(warm_gateway, "query($c: String) { account { jobs(before: $c) { totalCount } } }", c=of_models)
    assert reply.codes == {"account.jobs": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [("first: 0", "first"), ("first: 1001", "first"), ("lastRuns: 0", "lastRuns"), ("lastRuns: 101", "lastRuns")],
)
@pytest.mark.parametrize("ranking", ["slowestModels", "longestRunningJobs"])
@pytest.mark.parametrize("place", ["account", 'account: project(id: "finance")'])
async def test_a_ranking_has_bounds(
    warm_gateway: Gateway, place: str, ranking: str, arguments: str, argument: str
) -> None:
    reply = await ask(warm_gateway, f"{{ {place} {{ {ranking}({arguments}) {{ rank }} }} }}")
    assert reply.codes == {f"account.{ranking}": "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == argument


@pytest.mark.parametrize(
    "filter",
    [{"minRuntime": "soon"}, {"minRuntime": True}, {"tags": [1]}, {"tagsMatch": "SOME"}, {"modelIds": [{}]}, {"x": 1}],
)
async def test_variables_of_another_type_are_a_request_error(warm_gateway: Gateway, filter: dict[str, Any]) -> None:
    reply = await warm_gateway.ask("query($f: ModelFilter) { account { models(filter: $f) { totalCount } } }", f=filter)
    assert reply.status == 400
    assert reply.data is None
    assert [error["extensions"]["code"] for error in reply.errors] == ["BAD_USER_INPUT"]


async def test_a_list_of_too_many_values_is_refused_not_cut(warm_gateway: Gateway) -> None:
    query = "query($tags: [String!]) { account { models(filter: {tags: $tags}) { totalCount } } }"
    reply = await ask(warm_gateway, query, tags=["daily"] * 1_001)
    assert reply.codes == {"account.models": "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == "tags"
    assert (await ask(warm_gateway, query, tags=["daily"] * 1_000)).errors == []


BOUNDED = [
    ('job(id: "301001") { value: slowestModels(first: 0) { rank } }', "job.value", "first"),
    ('job(id: "301001") { value: runtimes(lastRuns: 0) { runtime } }', "job.value", "lastRuns"),
    ('job(id: "301001") { value: runtimes(lastRuns: 101, byModel: true) { runtime } }', "job.value", "lastRuns"),
    ('job(id: "301001") { value: averageRuntime(lastRuns: -1) { runtime } }', "job.value", "lastRuns"),
    ('job(id: "301001") { value: averageModelRuntime(first: 0) { runtime } }', "job.value", "first"),
    ('job(id: "301001") { value: averageModelRuntime(lastRuns: 101) { runtime } }', "job.value", "lastRuns"),
    ('run(id: "70437490011508") { value: averageModelRuntime(first: 1001) { runtime } }', "run.value", "first"),
    ('run(id: "70437490011508") { value: slowestModels(first: 1001) { rank } }', "run.value", "first"),
    ('run(id: "70437490011508") { value: modelRuns(first: 5001) { totalCount } }', "run.value", "first"),
    ('model(id: "finance.fct_invoices") { value: runs(first: 101) { totalCount } }', "model.value", "first"),
    ('job(id: "301001") { value: runs(last: 501) { totalCount } }', "job.value", "last"),
    ("account { value: runs(first: 501) { totalCount } }", "account.value", "first"),
]


@pytest.mark.parametrize(("question", "path", "argument"), BOUNDED)
async def test_every_number_has_its_range(warm_gateway: Gateway, question: str, path: str, argument: str) -> None:
    reply = await warm_gateway.ask(f"{{ {question} }}")
    assert reply.codes == {path: "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == argument
    assert " to " in reply.errors[0]["message"]


@pytest.mark.parametrize("default", ["", " = null", " = 3"])
async def test_a_variable_that_is_null_where_only_a_missing_one_has_a_default_is_refused_at_its_field(
    warm_gateway: Gateway, default: str
) -> None:
    query = f"query($n: Int{default}) {{ account {{ slowestModels(first: $n) {{ rank }} }} }}"
    reply = await ask(warm_gateway, query, n=None)
    assert reply.codes == {"account.slowestModels": "BAD_USER_INPUT"}
    assert reply.data["account"] == {"slowestModels": None}


async def test_a_null_in_an_input_field_that_has_a_default_is_refused_at_its_field(warm_gateway: Gateway) -> None:
    query = "query($m: TagsMatch) { account { models(filter: {tagsMatch: $m}) { totalCount } } }"
    reply = await ask(warm_gateway, query, m=None)
    assert reply.codes == {"account.models": "BAD_USER_INPUT"}

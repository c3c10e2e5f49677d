"""Generated queries are answered as an independent computation has it, mutated ones never break anything.

`python -m tests.generated` asks 10,000 of each; here a part of them, of another seed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import parse
from pydantic import SecretStr

from gateway.settings import Settings
from tests.generated.campaign import Campaign, differences
from tests.generated.conformance import faults_of_answer, faults_of_errors
from tests.generated.demo import SCHEMA_FILE, demo_values, read_schema
from tests.generated.mutations import Mutator
from tests.generated.queries import QueryGenerator
from tests.oracle.account import Oracle
from tests.oracle.hierarchy import Hierarchy
from tests.oracle.interpreter import Interpreter
from tests.repetitions import daily_and_nightly
from tests.serving import Gateway, serving
from tests.sharing.conftest import own_redis

SHARED = 20


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(50, 2_000))
async def test_every_valid_query_is_answered_as_the_files_have_it(answers: Gateway, oracle: Oracle, count: int) -> None:
    findings = await Campaign(answers, oracle, seed=20).ask_valid(count)
    assert findings.faults == []
    assert findings.statuses == {200: count}
    assert findings.turned > count / 10, "many begin at a cursor of an earlier answer"
    # Names of jobs that no project, or another one, has are among the arguments.
    assert set(findings.codes) <= {"BAD_USER_INPUT", "AMBIGUOUS_ID", "NOT_FOUND"}


# Something of every kind of fact that replicas share.
EVERY_KIND = """{ account { name
  models(first: 30) { nodes { id runtime owner { name } upstream { id } downstream { id } freshness { status }
    runs(first: 3) { nodes { status runtime } } } }
  jobs { nodes { id lastRun { id trigger { cause } steps { name status } } } }
  runs(first: 4) { nodes { id models(first: 3) { nodes { id } } modelRuns(first: 3) { nodes { status } } } }
} }"""
KINDS = {
    *{"account", "topology", "job list", "header", "models", "owners", "lineage", "sources", "history", "run models"},
    "details",
}


@pytest.mark.slow
@pytest.mark.external
async def test_replicas_that_share_a_redis_answer_the_same(settings: Settings, oracle: Oracle, tmp_path: Path) -> None:
    """The first fills Redis with facts of every kind, the second takes them from there."""
    async with own_redis(tmp_path) as redis:
        sharing = settings.model_copy(
            update={
                "cache_url": SecretStr(redis.url),
                "cache_secret": SecretStr("theirs"),
                "cache_seconds": 600.0,
                "revision_interval": 600.0,
            }
        )
        asked = []
        for _ in range(2):
            async with serving(sharing) as replica:
                campaign = Campaign(replica, oracle, seed=23)
                findings = await campaign.ask_valid(SHARED)
                await campaign.compare(findings, EVERY_KIND, {})
                assert findings.faults == []
                asked.append(set(replica.upstream.operations))
        kinds = {name.split(":")[3] for name in await redis.values()}
    # What a page of one model alone shows is not shared, and lists of runs are not kept long.
    assert {one for one in asked[1] if not one.startswith("runs")} <= {"ModelDetails"}
    assert asked[0] > {"EnvironmentModels", "EnvironmentLineage", "EnvironmentSources", "ModelHistories", "RunModels"}
    assert kinds >= KINDS


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(150, 5_000))
async def test_no_mutated_query_breaks_anything(warm_gateway: Gateway, oracle: Oracle, count: int) -> None:
    findings = await Campaign(warm_gateway, oracle, seed=21).ask_mutated(count)
    assert findings.faults == []
    assert set(findings.statuses) == {200, 400}
    assert min(findings.statuses.values()) > count / 50, "both refused and answered ones are among them"
    assert {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"} <= set(findings.codes)


def test_a_seed_gives_the_same_mutations(oracle: Oracle) -> None:
    query = QueryGenerator(1, read_schema(), demo_values(oracle)).query()
    one, other = Mutator(5), Mutator(5)
    assert [one.mutate(*query) for _ in range(50)] == [other.mutate(*query) for _ in range(50)]


QUERY = (
    '{ account { id a: slowestModels(first: 2) { rank runtime model { id tags } } } job(id: "301001") { lastRun '
    '{ __typename status startTime } } _entities(representations: [{__typename: "Job", id: "301001"}]) '
    "{ __typename ... on Job { b: inferred } } }"
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in an answer."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from leaves(one, (*path, key))


def spoiled(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(data)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.fixture
def right(oracle: Oracle) -> Any:
    return Interpreter(read_schema(), Hierarchy(oracle, SCHEMA_FILE.read_text("utf-8"))).answer(QUERY, {}).data


def test_any_value_that_is_wrong_is_found(right: Any) -> None:
    places = [path for path in leaves(right) if path]
    assert len(places) > 20
    assert list(differences(right, copy.deepcopy(right), "")) == []
    for path in places:
        assert list(differences(spoiled(right, path, "other"), right, ""))


@pytest.mark.slow
def test_any_value_of_another_type_is_found(right: Any) -> None:
    schema, document = read_schema(), parse(QUERY)
    assert faults_of_answer(schema, document, {}, {"data": right}) == []
    for path in leaves(right):
        if path:
            assert faults_of_answer(schema, document, {}, {"data": spoiled(right, path, {"other": 1})}), path


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": {}, "more": 1},
        {"data": None},
        {"data": {"x": 1}, "errors": []},
        {"data": {}, "errors": [{"message": "x"}]},
    ],
)
def test_an_answer_of_another_shape_is_found(answer: Any) -> None:
    assert faults_of_answer(read_schema(), parse(QUERY), {}, answer)


@pytest.mark.parametrize(
    "errors",
    [
        None,
        [],
        [{"message": "", "extensions": {"code": "BAD_USER_INPUT"}}],
        [{"message": "x"}],
        [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}],
    ],
)
def test_an_error_without_message_or_code_is_found(errors: Any) -> None:
    assert list(faults_of_errors(errors))

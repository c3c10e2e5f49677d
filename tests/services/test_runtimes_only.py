"""A ranking by runtime reads unique ids and runtimes, and nothing that another question needs is taken from that."""

from __future__ import annotations

from dataclasses import fields
from random import Random

import pytest

from gateway.hierarchy.ids.model_ids import model_ids
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.lists.timed_models import EnvironmentRuntimes, TimedModel
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.rankings.slowest import slowest_of_projects
from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

RANKING = "{ account { slowestModels(first: 5) { rank runtime model { id project { id name } } } } }"
EVERYTHING = "{ account { models(first: 100) { nodes { id name tags materialization lastRunStatus runtime } } } }"


def read(gateway: Gateway) -> list[str]:
    """What was read of models, once for each document."""
    documents = [call.document for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    return ["everything" if "tags" in document else "runtimes" for document in documents]


@pytest.mark.slow
async def test_a_ranking_reads_runtimes_only_and_a_list_reads_the_rest(settings: Settings, oracle: Oracle) -> None:
    rows = oracle.slowest(oracle.models, 1, 5)
    async with serving(settings) as gateway:
        ranked = (await gateway.data(RANKING))["account"]["slowestModels"]
        assert [(one["model"]["id"], one["runtime"]) for one in ranked] == [(row[0], row[1]) for row in rows]
        assert read(gateway) == ["runtimes"]
        listed = (await gateway.data(EVERYTHING))["account"]["models"]["nodes"]
        assert [(one["id"], one["materialization"]) for one in listed] == [
            (one.id, one.node.materialization) for one in oracle.models
        ]
        assert read(gateway) == ["runtimes", "everything"]
        # What is known now is enough for both.
        assert (await gateway.data(RANKING))["account"]["slowestModels"] == ranked
        assert read(gateway) == ["runtimes", "everything"]


LISTED = "slowestModels(first: 50) { rank runtime model { id } }"


@pytest.mark.slow
@pytest.mark.parametrize(
    "criteria", ['{tags: ["pii"]}', '{materialization: "table"}', "{models: {statuses: [FAILURE]}}"]
)
async def test_an_account_that_its_id_narrows_is_narrowed_by_what_its_models_are(
    settings: Settings, criteria: str
) -> None:
    """The id says the filter, so that no argument shows that more of the models is needed than runtimes."""
    async with serving(settings) as gateway:
        plain = await gateway.data(f"{{ account(filter: {criteria}) {{ id projects {{ nodes {{ id }} }} {LISTED} }} }}")
    assert plain["account"]["projects"]["nodes"], "the filter keeps something"
    async with serving(settings) as gateway:
        found = await gateway.data(f"query ($id: ID) {{ account(id: $id) {{ {LISTED} }} }}", id=plain["account"]["id"])
    assert found["account"]["slowestModels"] == plain["account"]["slowestModels"]


@pytest.mark.slow
async def test_a_ranking_over_the_last_runs_reads_no_more_of_models_than_ids(settings: Settings) -> None:
    query = "{ account { slowestModels(first: 5, lastRuns: 3) { runtime model { id %s } } } }"
    async with serving(settings) as gateway:
        slim = await gateway.data(query % "")
        assert read(gateway) == ["runtimes"]
    async with serving(settings) as gateway:
        whole = await gateway.data(query % "tags")
        assert read(gateway) == ["everything"]
    shown = [(one["runtime"], one["model"]["id"]) for one in slim["account"]["slowestModels"]]
    assert shown == [(one["runtime"], one["model"]["id"]) for one in whole["account"]["slowestModels"]]


@pytest.mark.slow
async def test_whoever_knows_everything_reads_no_runtimes(settings: Settings) -> None:
    async with serving(settings) as gateway:
        await gateway.data(EVERYTHING)
        await gateway.data(RANKING)
        assert read(gateway) == ["everything"]


NEEDING_MORE = [
    "{ account { slowestModels { model { id name } } } }",
    "{ account { slowestModels { model { ...M } } } } fragment M on Model { name }",
    "{ account { slowestModels { model { id tags } } } }",
    "{ account { slowestModels { model { id lastRun { status } } } } }",
    '{ account { slowestModels(filter: {tags: ["finance"]}) { model { id } } } }',
    '{ account(filter: {tags: ["finance"]}) { slowestModels { model { id } } } }',
    "{ account { models { nodes { id runtime } } } }",
    "{ account { slowestModels { model { id } } models(orderBy: {field: SEVERITY}) { totalCount } } }",
    '{ account { slowestModels { model { id } } } model(id: "finance.rpt_ar_aging") { id } }',
]


@pytest.mark.slow
@pytest.mark.parametrize("question", NEEDING_MORE)
async def test_a_question_that_needs_more_reads_everything(settings: Settings, question: str) -> None:
    async with serving(settings) as gateway:
        await gateway.data(question)
        assert set(read(gateway)) == {"everything"}


@pytest.mark.slow
@pytest.mark.parametrize("question", NEEDING_MORE)
async def test_after_a_ranking_every_answer_is_as_it_would_be_without(settings: Settings, question: str) -> None:
    async with serving(settings) as gateway:
        alone = await gateway.data(question)
    async with serving(settings) as gateway:
        await gateway.data(RANKING)
        assert await gateway.data(question) == alone


@pytest.mark.parametrize("seed", range(40))
def test_models_made_when_they_are_asked_for_are_those_made_at_once(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    packages = chance.sample(["a", "a_b", "b", "shop"], chance.choice([1, 1, 2, 3]))
    names = [f"{chance.choice('xyz')}{chance.randint(0, 9)}{chance.choice(['', '.v2', '.v10'])}" for _ in range(25)]
    unique_ids = sorted({f"model.{chance.choice(packages)}.{name}" for name in names}, key=lambda _: chance.random())
    runtimes = [chance.choice([None, 0.0, 1.0, chance.random()]) for _ in unique_ids]
    ids = model_ids("p", unique_ids)
    at_once = sorted(
        (_model(ids[one], one, runtime) for one, runtime in zip(unique_ids, runtimes, strict=True)),
        key=lambda model: model.unique_id,
    )
    lazily = EnvironmentRuntimes("p", 7, unique_ids, runtimes)
    for first in (1, 4, 100):
        whole = slowest_of_projects([EnvironmentModels("p", 7, at_once)], first)
        timed = slowest_of_projects([lazily], first)
        assert (timed.considered, timed.without_runtime) == (whole.considered, whole.without_runtime)
        assert [(one.rank, shown(one.item), one.runtime, one.runtimes) for one in timed.entries] == [
            (one.rank, shown(one.item), one.runtime, one.runtimes) for one in whole.entries
        ]
    expected = list(map(shown, at_once))
    assert list(map(shown, lazily.models)) == expected
    assert list(map(shown, lazily.in_order)) == sorted(expected)
    assert (len(lazily.models), shown(lazily.models[-1])) == (len(expected), expected[-1])
    assert list(map(shown, lazily.models[2:5])) == expected[2:5]
    assert lazily.models[3] is lazily.models[3]
    renamed = [(f"q.{one.id[2:]}", one.unique_id, "q", 7, one.runtime) for one in at_once]
    assert list(map(shown, lazily.of_project("q").models)) == renamed


def shown(model: Model | TimedModel) -> tuple[str, str, str, int, float | None]:
    """What a ranking shows of a model."""
    return model.id, model.unique_id, model.project_id, model.environment_id, model.runtime


def test_of_a_model_read_for_its_runtime_nothing_else_is_reported() -> None:
    assert {one.name for one in fields(TimedModel)} == {"id", "unique_id", "project_id", "environment_id", "runtime"}
    for name in ("tags", "last_run", "materialization", "last_run_status", "name"):
        assert not hasattr(TimedModel, name)


def _model(model_id: str, unique_id: str, runtime: float | None) -> Model:
    package, name = unique_id.split(".", 2)[1:]
    return Model(model_id, unique_id, name, package, "p", 7, (), None, runtime, None, None, None, None, None)

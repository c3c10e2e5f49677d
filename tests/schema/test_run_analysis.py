"""When what ran, what the end waited for and what would be if: over runs of the demo, against the artifacts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.queries.runs import run_steps
from gateway.settings import Settings
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.oracle.nodes import read_results
from tests.oracle.run_graph import RunGraph, read_graphs
from tests.serving import Gateway, serving

ANALYSIS = """query($id: ID!) { run(id: $id) { runtime startTime
  timeline { startTime wallSeconds headSeconds tailSeconds overlapSeconds lanes threads leftOut basis { source missing }
    bars { resultId uniqueId name resourceType status lane startSeconds runtime slackSeconds weightedSeconds
      onCriticalPath onObservedChain } }
  criticalPath { runtime lowerBoundSeconds upperBoundSeconds results { uniqueId } }
  observedChain { wallSeconds links { waitedFor gapSeconds runtime result { uniqueId } } }
  utilization { threads share idle { reason seconds } blockers { idleSeconds result { uniqueId } } }
  weightedSeconds(first: 1000) { key weightedSeconds runtime resultCount } } }"""
GROUPS = """query($id: ID!, $by: TimeDimension!) { run(id: $id) {
  weightedSeconds(by: $by, first: 1000) { key weightedSeconds runtime resultCount } } }"""
WHAT_IF = """query($id: ID!, $change: WhatIfChange!) { run(id: $id) { runtime whatIf(change: $change) {
  verdict nowSeconds thenSeconds savedSeconds lowerBoundSeconds calibration noiseSeconds run { id } basis { missing } }
} }"""
COMPARE = """query($id: ID!, $to: Baseline! = PREVIOUS, $other: ID) { run(id: $id) { runtime
  observedChain { wallSeconds } compare(to: $to, runId: $other) { base { id runtime observedChain { wallSeconds } }
    differenceSeconds basis { runCount }
    differences(first: 1000) { uniqueId contributionSeconds codeChanged before { runId } after { runId } } } } }"""

NOT_IN_DBTS_API = ("operation.", "unit_test.", "function.", "saved_query.", "source.")
CLOSE = 1e-5


@pytest.fixture(scope="session")
def graphs(demo_folder: Path) -> Mapping[int, list[RunGraph]]:
    """The commands of every eighth run of the demo, by run."""
    folders = sorted(path.parent for path in demo_folder.glob("*/*/*/run.json"))[::8]
    found = {int(folder.name): read_graphs(folder, read_results(folder)) for folder in folders}
    return {run_id: of_run for run_id, of_run in found.items() if of_run}


def told(graphs: list[RunGraph], source: str) -> list[RunGraph]:
    """What is left of it where only dbt's API reports about runs."""
    if source == "ARCHIVE":
        return graphs
    kept = [
        RunGraph({name: one for name, one in of.results.items() if not name.startswith(NOT_IN_DBTS_API)}, of.parents)
        for of in graphs
    ]
    return [one for one in kept if one.results]


@pytest.mark.slow
async def test_figures_of_runs_are_those_of_their_artifacts(
    answers: Gateway, graphs: Mapping[int, list[RunGraph]]
) -> None:
    for run_id, of_run in graphs.items():
        run = (await answers.data(ANALYSIS, id=str(run_id)))["run"]
        expected = told(of_run, run["timeline"]["basis"]["source"] if run["timeline"] else "DISCOVERY")
        if not expected:
            assert run["timeline"] is run["criticalPath"] is run["observedChain"] is run["utilization"] is None
            continue
        results = {name: one for of_step in expected for name, one in of_step.results.items()}
        begin = min(one.start for one in results.values() if one.start)
        wall = (max(one.end for one in results.values() if one.end) - begin).total_seconds()
        bars = {bar["uniqueId"]: bar for bar in run["timeline"]["bars"]}
        assert bars.keys() == results.keys()
        for name, bar in bars.items():
            one = results[name]
            assert one.start
            assert one.end
            assert bar["startSeconds"] == pytest.approx((one.start - begin).total_seconds(), abs=CLOSE)
            assert bar["runtime"] == pytest.approx((one.end - one.start).total_seconds(), abs=CLOSE)
            assert (bar["status"], bar["resultId"]) == (one.status, f"{run_id}/{name}")
        assert run["timeline"]["wallSeconds"] == pytest.approx(wall, abs=CLOSE)
        if run["timeline"]["headSeconds"] is not None:
            whole = run["timeline"]["headSeconds"] + wall + run["timeline"]["tailSeconds"]
            assert whole == pytest.approx(run["runtime"], abs=CLOSE)
        _check_sums(run, expected, wall)


def _check_sums(run: dict[str, Any], expected: list[RunGraph], wall: float) -> None:
    bars = {bar["uniqueId"]: bar for bar in run["timeline"]["bars"]}
    path, chain, used = run["criticalPath"], run["observedChain"], run["utilization"]
    longest = [of_step.longest_path() for of_step in expected]
    assert path["runtime"] == pytest.approx(sum(longest), abs=CLOSE)
    names = [one["uniqueId"] for one in path["results"]]
    assert sum(bars[one]["runtime"] for one in names) == pytest.approx(path["runtime"], abs=CLOSE)
    assert {name for name, bar in bars.items() if bar["onCriticalPath"]} == {*names}
    assert all(bars[name]["slackSeconds"] == 0 for name in names)
    assert min(bar["slackSeconds"] for bar in bars.values()) >= 0
    assert path["runtime"] - CLOSE <= path["lowerBoundSeconds"] <= path["upperBoundSeconds"] + CLOSE
    links = sum(link["runtime"] + link["gapSeconds"] for link in chain["links"])
    assert links == pytest.approx(wall, abs=CLOSE)
    assert {name for name, bar in bars.items() if bar["onObservedChain"]} == {
        link["result"]["uniqueId"] for link in chain["links"]
    }
    shares = {name: share for of_step in expected for name, share in of_step.weighted().items()}
    for group in run["weightedSeconds"]:
        assert group["weightedSeconds"] == pytest.approx(shares[group["key"]], abs=CLOSE)
        assert bars[group["key"]]["weightedSeconds"] == group["weightedSeconds"]
    assert len(run["weightedSeconds"]) == len(bars)
    idle = {one["reason"]: one["seconds"] for one in used["idle"]}
    assert min(idle.values(), default=0) >= 0
    blocked = sum(one["idleSeconds"] for one in used["blockers"])
    assert blocked <= idle.get("DEPENDENCY", 0) + CLOSE
    if len(expected) == 1:
        work = sum(bar["runtime"] for bar in bars.values())
        assert work / (work + sum(idle.values())) == pytest.approx(used["share"], abs=CLOSE)


async def test_groups_add_up_whatever_they_are_grouped_by(answers: Gateway, oracle: Oracle) -> None:
    run_id = str(oracle.newest_daily_run.id)
    sums = {}
    for by in ("NODE", "TAG", "FOLDER", "GROUP", "OWNER", "MATERIALIZATION", "PACKAGE", "RESOURCE_TYPE"):
        groups = (await answers.data(GROUPS, id=run_id, by=by))["run"]["weightedSeconds"]
        sums[by] = sum(one["weightedSeconds"] for one in groups)
        if by in ("PACKAGE", "RESOURCE_TYPE", "MATERIALIZATION"):
            assert {one["key"] for one in groups} - {None}, by
    assert {round(one, 6) for one in sums.values()} == {round(sums["NODE"], 6)}


async def test_what_was_asked_as_if_it_were_so_already_saves_nothing(answers: Gateway, oracle: Oracle) -> None:
    run_id = str(oracle.newest_daily_run.id)
    (bar, *_) = (await answers.data(ANALYSIS, id=run_id))["run"]["timeline"]["bars"]
    unchanged = {"speedUps": [{"uniqueId": bar["uniqueId"], "factor": 1}]}
    told = (await answers.data(WHAT_IF, id=run_id, change=unchanged))["run"]
    answer = told["whatIf"]
    assert answer["nowSeconds"] == pytest.approx(told["runtime"], abs=CLOSE)
    assert answer["run"] == {"id": run_id}
    if answer["verdict"] == "CANNOT_TELL":
        assert not 0.85 <= answer["calibration"] <= 1.15
        assert answer["thenSeconds"] is answer["savedSeconds"] is None
    else:
        assert answer["savedSeconds"] == pytest.approx(0, abs=CLOSE)
        assert answer["lowerBoundSeconds"] <= answer["thenSeconds"] + CLOSE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Nothing would be different"),
        ({"threads": 0}, "threads must be from 1 to 1000; it is 0"),
        ({"threads": -4}, "threads must be from 1 to 1000"),
        ({"speedUps": [{"uniqueId": "model.a.b", "factor": -1}]}, "must be from 0 to"),
        ({"speedUps": [{"uniqueId": "model.a.b", "factor": 1, "seconds": 2}]}, "either a factor or seconds"),
        ({"speedUps": [{"uniqueId": "model.a.b"}]}, "either a factor or seconds"),
        ({"speedUps": [{"uniqueId": "model.a.b", "seconds": 1}] * 2}, "stands twice"),
        ({"drop": ["model.finance.fct_invoice"]}, "model.finance.fct_invoices"),
        ({"drop": ["model.a.b"] * 1001}, "at most 1000"),
    ],
)
async def test_a_change_that_no_run_can_have_is_refused(
    warm_gateway: Gateway, oracle: Oracle, change: dict[str, Any], words: str
) -> None:
    run_id = next(one.id for one in reversed(oracle.runs) if "model.finance.fct_invoices" in one.results)
    reply = await warm_gateway.ask(WHAT_IF, id=str(run_id), change=change)
    assert reply.codes == {"run.whatIf": "BAD_USER_INPUT"}
    assert words in reply.errors[0]["message"]


async def test_a_run_against_another_of_its_job(answers: Gateway, oracle: Oracle) -> None:
    run_id = str(oracle.newest_daily_run.id)
    run = (await answers.data(COMPARE, id=run_id))["run"]
    found = run["compare"]
    moved = math.fsum(one["contributionSeconds"] for one in found["differences"])
    # Without an archive nothing may be left of a run that checked freshness alone.
    before = found["base"]["observedChain"] or {"wallSeconds": 0}
    walls = run["observedChain"]["wallSeconds"] - before["wallSeconds"]
    assert moved == pytest.approx(walls, abs=CLOSE)
    assert found["differenceSeconds"] == pytest.approx(run["runtime"] - found["base"]["runtime"], abs=CLOSE)
    sizes = [abs(one["contributionSeconds"]) for one in found["differences"]]
    assert sizes == sorted(sizes, reverse=True)
    itself = (await answers.data(COMPARE, id=run_id, other=run_id))["run"]["compare"]
    assert {one["contributionSeconds"] for one in itself["differences"]} == {0}
    assert {one["codeChanged"] for one in itself["differences"]} <= {False, None}
    other_job = next(one for one in oracle.runs if one.job_id != oracle.newest_daily_run.job_id)
    reply = await answers.ask(COMPARE, id=run_id, other=str(other_job.id))
    assert reply.codes == {"run.compare": "BAD_USER_INPUT"}


WHAT_IF_OF_JOB = """query($id: ID!, $change: WhatIfChange!, $n: Int! = 5) { job(id: $id) {
  whatIf(change: $change, lastRuns: $n) { verdict nowSeconds thenSeconds savedSeconds lowerBoundSeconds calibration
    noiseSeconds run { id } basis { runCount } } } }"""


async def test_a_job_is_answered_by_the_medians_of_its_last_runs(answers: Gateway, oracle: Oracle) -> None:
    job_id, change = oracle.newest_daily_run.job_id, {"threads": 1}
    successes = [one for one in oracle.job(job_id).runs if one.record["status"] == 10]
    newest = sorted(successes, key=lambda one: (one.created, one.id))[-3:]
    single = [(await answers.data(WHAT_IF, id=str(one.id), change=change))["run"]["whatIf"] for one in newest]
    found = (await answers.data(WHAT_IF_OF_JOB, id=str(job_id), change=change, n=3))["job"]["whatIf"]
    assert found["basis"]["runCount"] == 3
    assert found["nowSeconds"] == pytest.approx(statistics.median(one["nowSeconds"] for one in single))
    assert found["calibration"] == pytest.approx(statistics.median(one["calibration"] for one in single))
    assert found["run"]["id"] == sorted(single, key=lambda one: one["nowSeconds"])[1]["run"]["id"]
    assert found["noiseSeconds"] == single[0]["noiseSeconds"]
    told = [one for one in single if one["verdict"] != "CANNOT_TELL"]
    if len(told) < 2:
        assert found["verdict"] == "CANNOT_TELL"
        assert found["thenSeconds"] is found["savedSeconds"] is None
    else:
        saved = statistics.median(one["savedSeconds"] for one in told)
        assert found["savedSeconds"] == pytest.approx(saved)
        assert found["thenSeconds"] == pytest.approx(found["nowSeconds"] - saved)
    for n in (0, 21):
        reply = await answers.ask(WHAT_IF_OF_JOB, id=str(job_id), change=change, n=n)
        assert reply.codes == {"job.whatIf": "BAD_USER_INPUT"}


@pytest.mark.slow
async def test_all_of_it_is_read_once(settings: Settings, oracle: Oracle) -> None:
    """Models of a run, four statements; other nodes, two; its graph, two; or one document of each kind."""
    run_id = str(oracle.newest_daily_run.id)
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            await gateway.data(ANALYSIS, id=run_id)
        assert len(noted) == 8, noted
        with noted_statements() as noted:
            await gateway.data(ANALYSIS, id=run_id)
        assert not noted, "a finished run is kept"
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        asked = await gateway.count(ANALYSIS, id=run_id)
        assert {one: asked[one] for one in ("RunModels", "RunNodes", "RunGraphs")} == dict.fromkeys(
            ("RunModels", "RunNodes", "RunGraphs"), 1
        )


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("timeline(first: 0) { lanes }", "first must be from 1 to 20000"),
        ("timeline(minSeconds: -1) { lanes }", "minSeconds must be 0 or more"),
        ("timeline(step: 0) { lanes }", "step must be 1 or more"),
        ("weightedSeconds(first: 1001) { key }", "first must be from 1 to 1000"),
        ('compare(runId: "x") { differenceSeconds }', "is not one"),
    ],
)
async def test_arguments_that_nothing_has_are_refused(
    warm_gateway: Gateway, oracle: Oracle, field: str, words: str
) -> None:
    reply = await warm_gateway.ask(f'{{ run(id: "{oracle.runs[-1].id}") {{ {field} }} }}')
    assert [error["extensions"]["code"] for error in reply.errors] == ["BAD_USER_INPUT"]
    assert words in reply.errors[0]["message"]


def test_the_library_reports_the_same(demo_store: str, oracle: Oracle) -> None:
    run_id = str(oracle.newest_daily_run.id)
    settings = Settings(store_url=demo_store, history_source="archive")
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as account:
        run = account.run(run_id)
        timeline, path, chain = run.get_timeline(), run.get_critical_path(), run.get_observed_chain()
        assert timeline
        assert path
        assert chain
        links = sum(link.runtime + link.gap_seconds for link in chain.links)
        assert links == pytest.approx(timeline.wall_seconds, abs=CLOSE)
        on_path = [bar.result.unique_id for bar in timeline.bars if bar.on_critical_path]
        assert sorted(on_path) == sorted(one.unique_id for one in path.results)
        used = run.get_utilization()
        assert used
        assert 0 < used.share <= 1
        by_kind = {one.key: one.result_count for one in run.get_weighted_seconds("resource_type")}
        assert sum(by_kind.values()) == len(timeline.bars)
        told = run.what_if(threads=timeline.lanes, factors={path.results[0].unique_id: 1.0})
        assert told
        assert told.run_id == run_id
        comparison = run.compare(run_id=run_id)
        assert comparison
        assert comparison.difference_seconds == 0
        for change in ({}, {"threads": 0}, {"drop": ["model.a.b"]}, {"sped_up": 1}):
            with pytest.raises(InvalidArgumentError):
                run.what_if(**change)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="by is node, tag"):
            run.get_weighted_seconds("colour")


@pytest.mark.slow
async def test_the_steps_of_a_run_are_analysed_once_while_its_facts_are_kept(
    demo_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed, dependencies = [], run_steps.dependencies

    def counted(*given: Any) -> Any:
        analysed.append(given)
        return dependencies(*given)

    monkeypatch.setattr(run_steps, "dependencies", counted)
    bars = "timeline(%s) { wallSeconds bars { uniqueId startSeconds lane slackSeconds } }"
    async with serving(Settings(store_url=demo_store, response_cache_bytes=0, history_source="archive")) as gateway:

        async def ask(fields: str) -> Any:
            analysed.clear()
            return (await gateway.data(f'{{ run(id: "70437490004521") {{ {fields} }} }}'))["run"]

        whole = await ask(bars % "minSeconds: 0")
        assert len(analysed) == 4, "dbt seed, dbt run, dbt test and dbt snapshot"
        again = await ask(bars % "minSeconds: 0.0" + " criticalPath { runtime } utilization { share }")
        assert analysed == []
        assert again["timeline"] == whole["timeline"]
        of_step = await ask(bars % "step: 2")
        assert len(analysed) == 1
        assert 0 < len(of_step["timeline"]["bars"]) < len(whole["timeline"]["bars"])
        assert (await ask(bars % "step: 2, minSeconds: 0"))["timeline"] == of_step["timeline"]
        assert analysed == []

"""Flaky resources and incidents: over the archive and over Discovery."""

from __future__ import annotations

import json
import statistics
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analysis.attempts import flips, outages
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.settings import Settings
from tests.archive.written_runs import BEGIN, CHANGES, DAILY, Command, write_account, write_run
from tests.conftest import stored
from tests.history.statements import noted_statements
from tests.serving import Gateway, serving

BY_MACRO, MACROS = "model.shop.rates", ("macro.shop.outer", "macro.shop.inner")
"""A model that fails while a macro has other code, which it uses through another."""
FLAKY, CHANGED, BROKEN = "model.shop.orders", "model.shop.events", "model.shop.customers"
RUNS = 16
FAILED = {
    FLAKY: {3, 4, 8, 11},
    CHANGED: {5, 6, 7, 8},
    BROKEN: {2, 14, 15},
    BY_MACRO: {1, 9},
}
"""The runs, from 0, in which each model fails: one fails and passes with the same code, the code of another changes
between, and the third is broken at the end."""

LISTS = """query($since: DateTime, $open: Boolean! = false, $first: Int) { account {
  flaky(since: $since) { uniqueId rate flips attempts unstableData lastFlip { id } resource { id uniqueId } }
  incidents(since: $since, openOnly: $open, first: $first) { totalCount medianRepairSeconds
    nodes { id uniqueId brokenAt repairedAt brokenSeconds resource { uniqueId }
      firstFailure { uniqueId status runId } } } } }"""

OLD = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("unsteady")
    root = folder / "account"
    write_account(root, {DAILY: "scheduled", CHANGES: "ci"})
    for run in range(RUNS):
        results: dict[str, tuple[str | None, float | None]] = {
            name: ("error" if run in failed else "success", 30.0) for name, failed in FAILED.items()
        }
        status = 20 if any(run in failed for failed in FAILED.values()) else 10
        ended = BEGIN + timedelta(days=run)
        facts = {"git_sha": "a" * 7, "status": status}
        written = write_run(root, 900 - run, DAILY, [Command(ended, results)], facts)
        recode(written, run)
        if run in (6, 12):  # CI breaks everything, which is nobody's incident
            broken: dict[str, tuple[str | None, float | None]] = dict.fromkeys(FAILED, ("error", 1.0))
            write_run(root, 5000 + run, CHANGES, [Command(ended + timedelta(hours=2), broken)], {"status": 20})
    return stored(root, folder)


def recode(written: Path, run: int) -> None:
    """Gives the model that changes its code, and the macro."""
    file = written / "step_1" / "manifest.json"
    manifest: dict[str, Any] = json.loads(file.read_text())
    nodes = manifest["nodes"]
    nodes[CHANGED]["raw_code"] = "select 2" if run in FAILED[CHANGED] else "select 1"
    by_macro = {"unique_id": BY_MACRO, "name": "rates", "depends_on": {"nodes": [], "macros": [MACROS[0]]}}
    nodes[BY_MACRO] = {**nodes[CHANGED], **by_macro, "raw_code": "select {{ outer() }}"}
    code = {MACROS[0]: "{{ inner() }}", MACROS[1]: "2" if run in FAILED[BY_MACRO] else "1", "macro.dbt.own": str(run)}
    calls = {MACROS[0]: [MACROS[1], "macro.dbt.own"]}
    manifest["macros"] = {
        name: {
            "unique_id": name,
            "name": name.rpartition(".")[2],
            "resource_type": "macro",
            "package_name": name.split(".")[1],
            "macro_sql": text,
            "depends_on": {"macros": calls.get(name, [])},
        }
        for name, text in code.items()
    }
    file.write_text(json.dumps(manifest))


@pytest.fixture(scope="module", params=["archive", "discovery"])
async def gateway(store: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Gateway, str]]:
    async with serving(Settings(store_url=store, history_source=request.param)) as opened:
        yield opened, request.param


@pytest.mark.slow
async def test_what_flips_without_a_change_of_code_is_flaky(gateway: tuple[Gateway, str]) -> None:
    found = (await gateway[0].data(LISTS, since=OLD))["account"]["flaky"]
    # 3 and 4, 8, and 11 fail: six flips in fifteen steps. BROKEN flips three times.
    expected = {FLAKY: (6, 900 - 12), BROKEN: (3, 900 - 14)}
    if gateway[1] == "discovery":
        # All runs have one commit, and dbt's API reports no code.
        expected |= {CHANGED: (2, 900 - 9), BY_MACRO: (4, 900 - 10)}
    assert {one["uniqueId"]: (one["flips"], int(one["lastFlip"]["id"])) for one in found} == expected
    assert [one["rate"] for one in found] == sorted((n / (RUNS - 1) for n, _ in expected.values()), reverse=True)
    assert {(one["attempts"], one["unstableData"]) for one in found} == {(RUNS, False)}
    assert all(one["resource"]["uniqueId"] == one["uniqueId"] for one in found)


@pytest.mark.slow
async def test_an_incident_lasts_from_a_failure_to_the_next_success(gateway: tuple[Gateway, str]) -> None:
    found = (await gateway[0].data(LISTS, since=OLD))["account"]["incidents"]
    expected = [
        *((BROKEN, 14, None), (FLAKY, 11, 12), (BY_MACRO, 9, 10), (FLAKY, 8, 9), (CHANGED, 5, 9), (FLAKY, 3, 5)),
        *((BROKEN, 2, 3), (BY_MACRO, 1, 2)),
    ]
    assert [(one["uniqueId"], one["id"]) for one in found["nodes"]] == [
        (name, f"{900 - first}/{name}") for name, first, _ in expected
    ]
    for one, (name, first, repaired) in zip(found["nodes"], expected, strict=True):
        assert datetime.fromisoformat(one["brokenAt"]) == BEGIN + timedelta(days=first)
        assert (one["repairedAt"] is None) is (repaired is None)
        assert one["brokenSeconds"] == (None if repaired is None else (repaired - first) * 86_400)
        assert one["resource"] == {"uniqueId": name}
        assert one["firstFailure"] == {"uniqueId": name, "status": "FAILURE", "runId": str(900 - first)}
    assert found["totalCount"] == len(expected)
    days = [repaired - first for _, first, repaired in expected if repaired is not None]
    assert found["medianRepairSeconds"] == statistics.median(days) * 86_400


@pytest.mark.slow
async def test_lists_are_narrowed(gateway: tuple[Gateway, str]) -> None:
    opened = (await gateway[0].data(LISTS, since=OLD, open=True))["account"]["incidents"]
    assert ([one["uniqueId"] for one in opened["nodes"]], opened["medianRepairSeconds"]) == ([BROKEN], None)
    late = (BEGIN + timedelta(days=7)).isoformat()
    account = (await gateway[0].data(LISTS, since=late))["account"]
    by_commit = {BY_MACRO} if gateway[1] == "discovery" else set()
    assert {one["uniqueId"] for one in account["flaky"]} == {FLAKY} | by_commit
    assert [one["id"] for one in account["incidents"]["nodes"]][1:] == [
        f"{900 - 11}/{FLAKY}",
        f"{900 - 9}/{BY_MACRO}",
        f"{900 - 8}/{FLAKY}",
    ]
    usual = (await gateway[0].data(LISTS))["account"]
    assert usual["flaky"] == []
    assert [one["uniqueId"] for one in usual["incidents"]["nodes"]] == [BROKEN], "open, however old"
    first = (await gateway[0].data(LISTS, since=OLD, first=2))["account"]["incidents"]
    assert (len(first["nodes"]), first["totalCount"]) == (2, 8)


@pytest.mark.parametrize(("name", "bad"), [("flaky", "first: 0"), ("flaky", "first: 1001"), ("incidents", "first: -1")])
async def test_sizes_have_bounds(gateway: tuple[Gateway, str], name: str, bad: str) -> None:
    field = "rate" if name == "flaky" else "totalCount"
    reply = await gateway[0].ask(f"{{ account {{ {name}({bad}) {{ {field} }} }} }}")
    assert set(reply.codes.values()) == {"BAD_USER_INPUT"}


async def test_the_archive_is_read_once(store: str) -> None:
    """Sixteen statements: one for each of the four models that failed, and four for the macros that one of them uses;
    and the same facts serve both lists."""
    query = f'{{ account {{ flaky(since: "{OLD}") {{ rate }} incidents(since: "{OLD}") {{ totalCount }} }} }}'
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        with noted_statements() as noted:
            first = await gateway.ask(query)
        assert len(noted) <= 16, noted
        with noted_statements() as noted:
            assert (await gateway.ask(query)).data == first.data
        assert not noted


def test_the_library_reports_the_same(store: str) -> None:
    settings = Settings(store_url=store, history_source="archive")
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as account:
        flaky = account.get_flaky(BEGIN - timedelta(days=1))
        assert [(one.unique_id, one.flips) for one in flaky] == [(FLAKY, 6), (BROKEN, 3)]
        incidents = account.get_incidents(BEGIN - timedelta(days=1))
        assert len(incidents.incidents) == 8
        assert incidents.incidents[0].repaired_at is None
        assert [one.unique_id for one in account.get_incidents(open_only=True).incidents] == [BROKEN]


@pytest.mark.slow
@given(st.lists(st.booleans(), max_size=20))
def test_outages_are_the_stretches_of_failures(failed: Sequence[bool]) -> None:
    told = [False] * len(failed)
    for first, repaired in outages(failed):
        end = len(failed) if repaired is None else repaired
        told[first:end] = [True] * (end - first)
        assert first == 0 or not failed[first - 1]
    assert told == list(failed)


@pytest.mark.slow
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", None])), max_size=20))
def test_flips_have_the_code_of_the_attempt_before(attempts: Sequence[tuple[bool, str | None]]) -> None:
    found = flips([failed for failed, _ in attempts], [code for _, code in attempts])
    for place in range(1, len(attempts)):
        (before, code_before), (now, code) = attempts[place - 1], attempts[place]
        assert (place in found) == (before != now and code is not None and code == code_before)

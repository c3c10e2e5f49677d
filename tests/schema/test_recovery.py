"""What broke in a run and what recovered, against the results of the runs of its job before, whoever tells of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.oracle.nodes import NodeResult, read_results
from tests.serving import Gateway, serving

BROKEN = """query($id: ID!) { run(id: $id) { failures(first: 100) { isNew failingSince { id } result { uniqueId } }
  newlyBroken(first: 100) { uniqueId } recovered(first: 100) { uniqueId } } }"""
NOT_IN_DBTS_API = ("operation.", "unit_test.", "function.", "saved_query.")
TESTS = ("test.", "unit_test.")
LOOKED_BACK = 20

Results = Mapping[int, dict[str, NodeResult]]


@pytest.fixture(scope="module")
def results(demo_folder: Path) -> Results:
    """The results of every run of the demo by run and unique id."""
    folders = {int(path.parent.name): path.parent for path in demo_folder.glob("*/*/*/run.json")}
    return {run_id: read_results(folder) for run_id, folder in folders.items()}


def before(name: str, earlier: Sequence[int], results: Results) -> list[tuple[int, bool]]:
    """The attempts of a resource before a run, newest first: the run, and whether it failed."""
    found = [(run_id, results[run_id].get(name)) for run_id in earlier]
    words = ("SUCCESS", "WARN", "FAILURE")
    return [(run_id, one.status == "FAILURE") for run_id, one in found if one is not None and one.status in words]


def since(run_id: int, attempts: Sequence[tuple[int, bool]], earlier: Sequence[int]) -> str | None:
    first = run_id
    for attempt, failed in attempts:
        if not failed:
            return str(first)
        first = attempt
    return str(first) if len(earlier) < LOOKED_BACK else None


@pytest.mark.slow
async def test_what_broke_and_what_recovered(answers: Gateway, oracle: Oracle, results: Results) -> None:
    seen: Counter[str] = Counter()
    for job in oracle.jobs:
        ids = [run.id for run in job.runs]
        troubled = [
            n for n, run_id in enumerate(ids) if any(one.status == "FAILURE" for one in results[run_id].values())
        ]
        for place in sorted({*troubled[:6], *(n - 1 for n in troubled[:6] if n)}):
            run_id, earlier = ids[place], ids[place + 1 : place + 1 + LOOKED_BACK]
            reply = await answers.ask(BROKEN, id=str(run_id))
            assert reply.errors == []
            archived = "DISCOVERY" not in reply.gateway["historySources"]
            told = {
                name: one for name, one in results[run_id].items() if archived or not name.startswith(NOT_IN_DBTS_API)
            }
            failed = sorted(
                (name for name, one in told.items() if one.status == "FAILURE"),
                key=lambda name: (name.startswith(TESTS), name),
            )
            history = {name: before(name, earlier, results) for name in told}
            new = [name for name in failed if history[name] and not history[name][0][1]]
            found = reply.data["run"]
            shown = [one for one in found["failures"] if one["result"]]
            assert [one["result"]["uniqueId"] for one in shown] == failed
            assert [one["isNew"] for one in shown] == [name in new for name in failed]
            assert [one["failingSince"] and one["failingSince"]["id"] for one in shown] == [
                since(run_id, history[name], earlier) for name in failed
            ]
            assert [one["uniqueId"] for one in found["newlyBroken"]] == new
            healed = [
                name
                for name, one in sorted(told.items())
                if one.status in ("SUCCESS", "WARN") and history[name] and history[name][0][1]
            ]
            assert [one["uniqueId"] for one in found["recovered"]] == healed
            seen += Counter(new=len(new), healed=len(healed), old=len(failed) - len(new))
    assert min(seen[name] for name in ("new", "healed", "old")) > 0, seen


@pytest.mark.slow
async def test_all_failures_of_a_page_of_runs_look_back_in_a_few_statements(settings: Settings) -> None:
    query = "{ account { runs(first: 20) { nodes { failures(first: 5) { isNew } } } } }"
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            reply = await gateway.ask(query)
        assert reply.errors == []
        # The failures; how they ended in the three runs before; how those ended that were in none of them.
        assert len(noted) <= 5, noted
        with noted_statements() as noted:
            await gateway.ask(query + " ")
        assert noted == []

"""Why runs were started, and their steps, from an archive: as the Admin API reports them, and of many runs at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.comparison.generator import write_archive
from tests.conftest import stored
from tests.history.statements import noted_statements
from tests.serving import serving

DETAILS = """{ account { runs(first: 20) { nodes { id trigger { category cause }
  steps { index name status startTime endTime } } } } }"""


@pytest.mark.parametrize("recorded", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_steps_of_many_runs_are_read_at_once(demo_store: str, tmp_path: Path, recorded: bool) -> None:
    """Recorded with the runs, or known from the artifacts of their commands (a folder of bare targets)."""
    store = demo_store if recorded else stored(write_archive(tmp_path / "runs", 5), tmp_path)
    async with serving(Settings(store_url=store, history_source="discovery")) as by_dbt:
        expected = await by_dbt.data(DETAILS)
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        with noted_statements() as noted:
            found = await gateway.data(DETAILS)
        asked = gateway.upstream.operations
    assert found == expected
    runs = found["account"]["runs"]["nodes"]
    assert len(runs) > 3
    assert all(run["steps"] for run in runs)
    assert not [path for path in asked if "runs" in path], asked
    assert len([one for one in noted if "texts.body AS args" in one]) <= 1, "the commands of all runs by one statement"

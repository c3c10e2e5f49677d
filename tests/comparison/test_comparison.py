"""Answers over generated archives agree with the definitions; `python -m tests.comparison` compares many more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.archives import compare_archive, compare_seed

pytestmark = pytest.mark.slow

# Two archives with `run.json` and one of bare `target` folders (5).
SEEDS = (1, 5, pytest.param(6, marks=pytest.mark.nightly))


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_generated_archive_is_answered_by_the_definitions(tmp_path: Path, seed: int) -> None:
    found = await compare_seed(tmp_path, seed)
    assert found.differences == []
    assert found.compared > 2_000, "the questions were asked"


@pytest.mark.parametrize("case", ["c1", "c15", "c16", "c17", "c2b", "c4b", "c5", "c6"])
async def test_archives_that_went_wrong_are_answered_by_the_definitions(tmp_path: Path, case: str) -> None:
    folder = Path(__file__).parents[3] / "shared/cases/figures" / case
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    found = await compare_archive(folder, tmp_path)
    assert found.differences == []

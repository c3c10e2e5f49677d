"""The simulation behind a what-if reproduces the demo's commands well enough to be answered."""

from __future__ import annotations

import statistics
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.calibration import calibrated, commands_below, rows_of


@pytest.mark.slow
def test_commands_of_the_demo_are_reproduced(demo_folder: Path, tmp_path: Path) -> None:
    found = [one for path in islice(commands_below(demo_folder), 0, None, 6) if (one := calibrated(path)) is not None]
    assert len(found) >= 10
    assert 0.9 <= statistics.median(one.ratio for one in found) <= 1.05
    assert sum(one.is_trusted for one in found) >= 0.9 * len(found)
    assert sum(len(of_class) for _, of_class in rows_of(found)) == len(found)
    (tmp_path / "run_results.json").write_text("{}")
    (tmp_path / "manifest.json").write_text("{}")
    assert [calibrated(path) for path in commands_below(tmp_path)] == [None]

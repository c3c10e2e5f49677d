"""The kept archive of the demo: made once, and anew where what it is made from differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo_archive import copy_archive, sources_digest


def test_it_is_made_once_and_copied(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        place.write_text(f"archive {len(made)}")

    kept = tmp_path / "kept"
    outdated = kept / "another state" / "demo.db"
    outdated.parent.mkdir(parents=True)
    outdated.write_text("old")
    for name in ("first", "second"):
        copy_archive("demo", tmp_path / name, make, kept)
    assert [(tmp_path / name).read_text() for name in ("first", "second")] == ["archive 1", "archive 1"]
    assert len(made) == 1
    assert not outdated.exists()


def test_one_that_could_not_be_made_is_not_kept(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        place.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        copy_archive("demo", tmp_path / "copy", fail, tmp_path / "kept")

    def make(place: Path) -> None:
        place.write_text("whole")

    copy_archive("demo", tmp_path / "copy", make, tmp_path / "kept")
    assert (tmp_path / "copy").read_text() == "whole"


@pytest.mark.parametrize("changed", ["gateway/a.py", "gateway/demo/runs.tar.xz", "requirements/run.lock"])
def test_it_is_another_where_sources_differ(tmp_path: Path, changed: str) -> None:
    for name in ("gateway/a.py", "gateway/demo/runs.tar.xz", "requirements/run.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    before = sources_digest(tmp_path)
    assert sources_digest(tmp_path) == before
    (tmp_path / changed).write_text("2")
    assert sources_digest(tmp_path) != before

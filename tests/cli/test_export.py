"""`gateway export` as a command: what it prints, and what it refuses, in one line and with exit code 2."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from gateway.cli import run as run_command
from gateway.cli.options import build_parser


@pytest.fixture
def store(tmp_path: Path) -> str:
    """An archive without runs."""
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    Archive.open(url).close()
    return url


def export(*arguments: str) -> int:
    return run_command(build_parser().parse_args(["export", *arguments]))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that the command says."""
    assert export(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_says_what_it_wrote(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "lake"
    for line in ("1 file written with 0 rows, 0 unchanged.", "0 files written with 0 rows, 1 unchanged."):
        assert export("--store", store, "--to", str(target), "--format", "csv") == 0
        assert capsys.readouterr() == (f"{target}: {line}\n", "")
    assert (target / "jobs/part.csv").read_text().startswith("job_id,name,account_id,")


def test_an_archive_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "--store", f"sqlite:///{tmp_path / 'none.db'}", "--to", str(tmp_path / "lake"))
    assert "none.db does not exist: correct the address" in line
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert "is a file: name a folder" in refused(capsys, "--store", store, "--to", str(file))
    line = refused(capsys, "--store", store, "--to", str(file / "lake"), "--format", "csv")
    assert "cannot be written: Not a directory." in line
    assert file.read_text() == "mine"


@pytest.mark.parametrize("target", ["s3://bucket/lake", "gs://bucket", ""])
def test_an_object_store(target: str, store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no folder: export to a folder on a disk" in refused(capsys, "--store", store, "--to", target)


def test_files_that_no_export_wrote(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder of somebody else's, and among the files of an export."""
    theirs, lake = tmp_path / "theirs", tmp_path / "lake"
    theirs.mkdir()
    (theirs / "report.txt").write_text("mine")
    line = refused(capsys, "--store", store, "--to", str(theirs), "--format", "csv")
    assert "holds report.txt, which gateway export did not write: move it away" in line
    assert [path.name for path in theirs.iterdir()] == ["report.txt"]
    assert export("--store", store, "--to", str(lake), "--format", "csv") == 0
    capsys.readouterr()
    (lake / "jobs/more.csv").write_text("mine")
    (lake / "jobs/_notes").write_text("not read by anybody")
    before = files(lake)
    assert "holds jobs/more.csv" in refused(capsys, "--store", store, "--to", str(lake), "--format", "csv")
    assert files(lake) == before


@pytest.mark.slow
def test_a_folder_of_another_export(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake = tmp_path / "lake"
    assert export("--store", store, "--to", str(lake), "--format", "csv") == 0
    capsys.readouterr()
    before = files(lake)
    assert "holds an export as csv: name another folder" in refused(capsys, "--store", store, "--to", str(lake))
    assert files(lake) == before
    manifest = lake / "_export.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:40])
    line = refused(capsys, "--store", store, "--to", str(lake), "--format", "csv")
    assert "_export.json is damaged: restore it, or export to a new folder" in line
    manifest.write_bytes(whole.replace(b'"version": 1', b'"version": 2'))
    line = refused(capsys, "--store", store, "--to", str(lake), "--format", "csv")
    assert "was written by another version of gateway export" in line
    manifest.write_bytes(whole.replace(b'"accounts": []', b'"accounts": [7]'))
    assert export("--store", store, "--to", str(lake), "--format", "csv") == 0  # an archive of no account yet


def test_parquet_names_the_extra_that_it_needs(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    line = refused(capsys, "--store", store, "--to", str(tmp_path / "lake"))
    assert "pip install 'dbt-gateway[dataframes]', or use --format csv" in line
    assert not (tmp_path / "lake").exists()
    assert export("--store", store, "--to", str(tmp_path / "lake"), "--format", "csv") == 0

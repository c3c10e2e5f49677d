"""Artifact files are kept byte for byte, once, and are sent when their folder is long gone."""

from __future__ import annotations

import lzma
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.archive.artifacts.invocation import ArtifactFile
from gateway.archive.migrations.versions import MIGRATIONS
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.tables.run_tables import artifact_pieces, artifacts, migrations, pieces, run_files
from gateway.archive.writing.contents import digest_of
from gateway.archive.writing.raw_files import find_kept, keep_file, read_kept
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.served_platform import ACCOUNT, Platform

NAMES = ("manifest.json", "run_results.json", "sources.json", "catalog.json")
RUN, RUN_ID = Path("finance/301001/70437490011508"), 70437490011508
OLDER = sorted((Path(__file__).parent / "older").glob("*.sql.xz"))


def a_file(data: bytes, name: str = "manifest.json") -> ArtifactFile:
    return ArtifactFile(Path(name), digest_of(data), None, data)


def sent(archive: Archive, data: bytes) -> bytes:
    """The bytes as they come back out of the archive."""
    with archive.reading() as connection:
        kept = find_kept(connection, digest_of(data))
    assert kept is not None
    assert kept.size == len(data)
    return b"".join(read_kept(archive.reading, kept))


def keep(archive: Archive, data: bytes) -> int:
    """Keeps a file; returns how many bytes of pieces that added."""
    before = piece_bytes(archive)
    with archive.writing() as connection:
        keep_file(connection, a_file(data))
    return piece_bytes(archive) - before


def piece_bytes(archive: Archive) -> int:
    with archive.reading() as connection:
        return connection.scalar(select(func.sum(func.length(pieces.c.body)))) or 0


def manifest_of(demo_folder: Path) -> bytes:
    return (demo_folder / RUN / "step_2" / "manifest.json").read_bytes()


def url_of(path: Path, step: int) -> str:
    return f"/api/v2/accounts/{ACCOUNT}/runs/{path.parents[1].name}/artifacts/{path.name}?step={step}"


@pytest.mark.slow
@pytest.mark.sqlite_by_day
def test_every_file_of_every_run_is_kept_byte_for_byte(demo_folder: Path, platform: Platform) -> None:
    files = [path for path in sorted(demo_folder.rglob("*.json")) if path.name in NAMES]
    assert len(files) > 250
    for path in files:
        assert sent(platform.archive, path.read_bytes()) == path.read_bytes()


@pytest.mark.slow
def test_a_run_sends_its_files_when_its_folder_is_gone(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    shutil.copytree(demo_folder / RUN, tmp_path / "runs" / RUN)
    shutil.copy(demo_folder / "account.json", tmp_path / "runs")
    ingest_folder(empty_archive, tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs")
    client = TestClient(create_platform(empty_archive))
    for path in sorted((demo_folder / RUN).glob("step_*/*.json")):
        answer = client.get(url_of(path, int(path.parent.name.removeprefix("step_"))))
        assert (answer.status_code, answer.content == path.read_bytes()) == (200, True)


@pytest.mark.slow
def test_what_a_pack_held_can_be_sent(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    shutil.copytree(demo_folder / RUN, tmp_path / "one" / RUN)
    shutil.copy(demo_folder / "account.json", tmp_path / "one")
    ingest_folder(empty_archive, Path(shutil.make_archive(str(tmp_path / "pack"), "gztar", tmp_path / "one")))
    answer = TestClient(create_platform(empty_archive)).get(url_of(RUN / "step_2" / "manifest.json", 2))
    assert answer.content == manifest_of(demo_folder)


def test_a_file_is_stored_once_however_often_it_is_kept(demo_folder: Path, empty_archive: Archive) -> None:
    data = manifest_of(demo_folder)
    assert keep(empty_archive, data) > 10_000
    assert keep(empty_archive, data) == 0
    with empty_archive.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(artifacts)) == 1


def test_a_project_parsed_anew_costs_only_the_times_of_parsing(demo_folder: Path, empty_archive: Archive) -> None:
    data = manifest_of(demo_folder)
    whole = keep(empty_archive, data)
    later = re.sub(rb'"created_at": (\d+)\.\d+', rb'"created_at": \1.987654', data)
    assert later != data
    assert keep(empty_archive, later) < whole / 20
    assert sent(empty_archive, later) == later
    assert sent(empty_archive, data) == data


def test_a_changed_node_costs_the_piece_it_lies_in(demo_folder: Path, empty_archive: Archive) -> None:
    data = manifest_of(demo_folder)
    whole = keep(empty_archive, data)
    changed = data.replace(b'"description": "', b'"description": "Now: ', 1)
    assert 0 < keep(empty_archive, changed) < whole / 3
    assert sent(empty_archive, changed) == changed


# Bytes as artifacts hold them, and as they might: keys where files are cut, times that are taken out, stray NULs.
FRAGMENTS = st.sampled_from(
    [
        b'"model.shop.orders": {',
        b'"test.shop.unique":{',
        b'"created_at": 1772427626.84',
        b'"created_at":17',
        b"\0",
        b" ",
    ]
)
FILES = st.lists(FRAGMENTS | st.binary(max_size=40) | st.integers(0, 400).map(lambda n: b'"model.a.m%d": {' % n))


@pytest.fixture(scope="module")
def shared() -> Iterator[Archive]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive.open(f"sqlite:///{folder}/runs.db")
        yield archive
        archive.close()


@pytest.mark.slow
@given(FILES)
@settings(max_examples=150, deadline=None)
def test_any_bytes_come_back_as_they_were(shared: Archive, parts: list[bytes]) -> None:
    data = b"".join(parts) + b"."
    keep(shared, data)
    assert sent(shared, data) == data


@pytest.mark.slow
def test_a_large_file_is_kept_and_sent_in_small_parts(empty_archive: Archive) -> None:
    """Also one without any key to cut at."""
    data = b'{"text": "' + b"x" * 5_000_000 + b'"}'
    keep(empty_archive, data)
    with empty_archive.reading() as connection:
        kept = find_kept(connection, digest_of(data))
    assert kept is not None
    parts = list(read_kept(empty_archive.reading, kept))
    assert max(map(len, parts)) <= 1024**2
    assert b"".join(parts) == data


@pytest.mark.slow
def test_without_raw_files_nothing_is_kept_and_the_folder_must_stay(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    shutil.copytree(demo_folder / RUN, tmp_path / "runs" / RUN)
    shutil.copy(demo_folder / "account.json", tmp_path / "runs")
    ingest_folder(empty_archive, tmp_path / "runs", keep_raw=False)
    assert piece_bytes(empty_archive) == 0
    client = TestClient(create_platform(empty_archive))
    address = url_of(RUN / "step_2" / "manifest.json", 2)
    assert client.get(address).content == manifest_of(demo_folder)
    (tmp_path / "runs" / RUN / "step_2" / "manifest.json").write_text("{}")
    assert client.get(address).status_code == 404
    assert "was not kept" in client.get(address).json()["status"]["user_message"]


@pytest.mark.slow
def test_retention_removes_what_no_run_lists_and_nothing_else(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    shutil.copytree(demo_folder / RUN.parent, tmp_path / "runs" / RUN.parent)
    shutil.copy(demo_folder / "account.json", tmp_path / "runs")
    ingest_folder(empty_archive, tmp_path / "runs")
    before = piece_bytes(empty_archive)
    forget_old_runs(empty_archive, Retention(runs_per_job=1, age=timedelta(days=1)))
    assert 0 < piece_bytes(empty_archive) < before
    with empty_archive.reading() as connection:
        listed = {bytes(digest) for digest in connection.scalars(select(run_files.c.digest))}
        assert {bytes(digest) for digest in connection.scalars(select(artifacts.c.digest))} == listed
        referred = set(connection.scalars(select(artifact_pieces.c.piece_id)))
        referred |= set(connection.scalars(select(artifacts.c.numbers_id))) - {None}
        assert set(connection.scalars(select(pieces.c.id))) == referred
        kept = connection.execute(select(run_files)).all()
    shutil.rmtree(tmp_path / "runs")
    client = TestClient(create_platform(empty_archive))
    for row in kept:
        answer = client.get(f"/api/v2/accounts/{ACCOUNT}/runs/{row.run_id}/artifacts/{row.name}?step={row.step}")
        assert digest_of(answer.content) == bytes(row.digest)


def test_a_file_forgotten_while_it_is_sent_ends_the_sending(demo_folder: Path, empty_archive: Archive) -> None:
    data = manifest_of(demo_folder)
    keep(empty_archive, data)
    with empty_archive.reading() as connection:
        kept = find_kept(connection, digest_of(data))
    assert kept is not None
    with empty_archive.writing() as connection:
        connection.execute(pieces.delete())
    with pytest.raises(KeyError):
        list(read_kept(empty_archive.reading, kept))


@pytest.mark.slow
@pytest.mark.parametrize("dump", OLDER, ids=lambda path: path.name.partition(".")[0])
def test_an_archive_that_an_older_version_wrote_is_read_and_written_on(
    dump: Path, tmp_path: Path, demo_folder: Path
) -> None:
    """The dumps were made by those versions: one run of the demo, its macros left out."""
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.executescript(lzma.decompress(dump.read_bytes()).decode())
    connection.close()
    archive = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")
    assert (archive.describe().runs, archive.describe().model_results) == (1, 15)
    with archive.reading() as reading:
        assert max(reading.scalars(select(migrations.c.version))) == MIGRATIONS[-1].version
    platform = Platform(TestClient(create_platform(archive)), archive)
    model = platform.ask('{ job(id: 301001) { model(uniqueId: "model.finance.fct_invoices") { status } } }')
    assert model["job"]["model"] == {"status": "success"}
    assert platform.get(f"runs/{RUN_ID}/artifacts/")["data"] == ["manifest.json", "run_results.json", "sources.json"]
    assert platform.http.get(url_of(RUN / "step_2" / "manifest.json", 2)).status_code == 404
    ingest_folder(archive, demo_folder / "finance" / "301001")
    assert platform.http.get(url_of(RUN / "step_2" / "manifest.json", 2)).content == manifest_of(demo_folder)
    archive.close()

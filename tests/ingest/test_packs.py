"""Tar and zip files of artifacts: read like folders, and refused when they are unsafe or damaged."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from gateway.errors import UnreadableArtifact
from gateway.ingest import unpacking
from gateway.ingest.folders import ingest_folder

pytestmark = pytest.mark.sqlite_by_day

RUN = Path("finance/301001/70437490011508")


@pytest.fixture
def small(demo_folder: Path, tmp_path: Path) -> Path:
    """A folder with one run."""
    shutil.copytree(demo_folder / RUN, tmp_path / "small" / RUN)
    shutil.copy(demo_folder / "account.json", tmp_path / "small")
    return tmp_path / "small"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tar", "gztar", "bztar", "xztar", "zip"])
def test_a_pack_is_read_like_the_folder_it_holds(
    small: Path, tmp_path: Path, empty_archive: Archive, form: str
) -> None:
    pack = Path(shutil.make_archive(str(tmp_path / "pack"), form, small))
    report = ingest_folder(empty_archive, pack)
    assert (report.runs, report.problems) == (1, ())
    assert empty_archive.describe().account_name == "Harbor & Pine"
    again = ingest_folder(empty_archive, pack)
    assert (again.runs, again.unchanged) == (0, 1)
    assert ingest_folder(empty_archive, small).unchanged == 1


def _tar(path: Path, name: str, **attributes: object) -> Path:
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        for key, value in attributes.items():
            setattr(member, key, value)
        tar.addfile(member, io.BytesIO(b"{}") if member.size else None)
    return path


def _zip(path: Path, name: str, mode: int = 0o100644) -> Path:
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "{}")
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: _tar(path, "../manifest.json", size=2), "leave the folder"),
        (lambda path: _tar(path, "/etc/manifest.json", size=2), "leave the folder"),
        (lambda path: _tar(path, "a/../../manifest.json", size=2), "leave the folder"),
        (lambda path: _tar(path, "manifest.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "link"),
        (lambda path: _tar(path, "manifest.json", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "link"),
        (lambda path: _zip(path, "../manifest.json"), "leave the folder"),
        (lambda path: _zip(path, "..\\manifest.json"), "leave the folder"),
        (lambda path: _zip(path, "manifest.json", stat.S_IFLNK | 0o777), "link"),
        (lambda path: path.write_bytes(b"no pack at all"), "neither a tar nor a zip"),
        (lambda path: path.write_bytes(b""), "neither a tar nor a zip"),
        (lambda path: _tar(path, "other.txt", size=2), "no dbt artifacts"),
        (lambda path: _zip(path, "other.txt"), "no dbt artifacts"),
    ],
)
def test_an_unsafe_or_foreign_pack_is_refused_and_writes_nothing(
    tmp_path: Path, empty_archive: Archive, make: Callable[[Path], object], reason: str
) -> None:
    pack = tmp_path / "inner" / "pack"
    pack.parent.mkdir()
    make(pack)
    with pytest.raises(UnreadableArtifact, match=reason):
        ingest_folder(empty_archive, pack)
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "pack"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["gztar", "xztar", "zip"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.98])
def test_a_pack_cut_short_is_refused(
    small: Path, tmp_path: Path, empty_archive: Archive, form: str, kept: float
) -> None:
    pack = Path(shutil.make_archive(str(tmp_path / "pack"), form, small))
    pack.write_bytes(pack.read_bytes()[: int(pack.stat().st_size * kept)])
    with pytest.raises(UnreadableArtifact, match="pack"):
        ingest_folder(empty_archive, pack)
    assert empty_archive.describe().runs == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["xztar", "zip"])
def test_a_bomb_is_stopped_while_it_unpacks(
    tmp_path: Path, empty_archive: Archive, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_ARTIFACT_BYTES", 5_000_000)
    folder = tmp_path / "bomb"
    folder.mkdir()
    (folder / "manifest.json").write_bytes(b" " * 50_000_000)
    pack = Path(shutil.make_archive(str(tmp_path / "pack"), form, folder))
    assert pack.stat().st_size < 200_000
    with pytest.raises(UnreadableArtifact, match="more than an artifact can be"):
        ingest_folder(empty_archive, pack)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tar", "zip"])
def test_what_is_wrong_with_a_member_names_pack_and_member(
    small: Path, tmp_path: Path, empty_archive: Archive, form: str
) -> None:
    (small / "other").mkdir()
    (small / "other" / "run_results.json").write_text("{")
    pack = Path(shutil.make_archive(str(tmp_path / "pack"), form, small))
    seen: list[str] = []
    report = ingest_folder(empty_archive, pack, lambda done: seen.append(done.folder))
    assert [problem.path for problem in report.problems] == [f"{pack}: other/run_results.json"]
    assert seen == [f"{pack}: {RUN}", f"{pack}: other"]
    told = [text for one in (*report.problems, *report.notes) for text in (one.path, one.reason)]
    assert not [text for text in (*told, *seen) if "dbt-runs-" in text]


def test_a_pack_that_holds_nothing_is_named_itself(tmp_path: Path, empty_archive: Archive) -> None:
    pack = _zip(tmp_path / "pack.zip", "other.txt")
    with pytest.raises(UnreadableArtifact) as refused:
        ingest_folder(empty_archive, pack)
    assert refused.value.message.startswith(f"{pack} holds no dbt artifacts")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tar", "zip"])
def test_of_two_members_of_one_name_the_last_is_read_and_a_note_says_so(
    small: Path, tmp_path: Path, empty_archive: Archive, form: str
) -> None:
    pack = Path(shutil.make_archive(str(tmp_path / "pack"), form, small))
    account = (small / "account.json").read_text().replace("Harbor & Pine", "The last one")
    (tmp_path / "account.json").write_text(account)
    for _ in range(2):
        if form == "tar":
            with tarfile.open(pack, "a") as tar:
                tar.add(tmp_path / "account.json", "account.json")
        else:
            with zipfile.ZipFile(pack, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
                archive.write(tmp_path / "account.json", "account.json")
    report = ingest_folder(empty_archive, pack)
    assert empty_archive.describe().account_name == "The last one"
    reason = "the file has several members of this name; the last one is read"
    assert [(note.path, note.reason) for note in report.notes] == [(f"{pack}: account.json", reason)]

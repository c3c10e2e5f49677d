"""`gateway serve` over a folder serves the runs that appear in it, and refuses an archive that is not there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from gateway.archive.archive import Archive
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.exceptions import DiscoveryApiError
from gateway.errors import ConfigurationError
from gateway.ingest.folders import ingest_folder
from tests.archive.small_target import NOON, write_target


def runs_served(address: str) -> int:
    query = json.dumps({"query": "{ account { runs { totalCount } } }"}).encode()
    headers = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    request = Request(f"{address}/graphql", query, headers)  # noqa: S310 - our own server
    with urlopen(request) as answer:  # noqa: S310 - our own server
        found: int = json.load(answer)["data"]["account"]["runs"]["totalCount"]
    return found


@pytest.mark.slow
def test_new_runs_of_a_folder_are_served_and_reported(tmp_path: Path) -> None:
    write_target(tmp_path / "1", "1")
    command = [sys.executable, "-m", "gateway", "serve", "--artifacts", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            lines = iter(server.stdout)
            address = next(line for line in lines if "GraphQL" in line).split()[-1].removesuffix("/graphql")
            data = next(line for line in lines if "Data" in line)
            assert "1 project, 1 job, 1 run, 1 model result" in data
            assert "looks for new runs there every 5 s" in data
            write_target(tmp_path / "2", "2", ended=NOON + timedelta(hours=1))
            told = next(line for line in lines if "found" in line)
            assert told == f"{tmp_path}: 1 new or changed run found.\n"
            deadline = time.monotonic() + 60
            while runs_served(address) != 2 and time.monotonic() < deadline:
                time.sleep(0.5)
            assert runs_served(address) == 2
        finally:
            server.terminate()
            server.wait(30)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["serve", "platform"])
def test_an_archive_that_is_not_there_is_refused_and_not_made(tmp_path: Path, command: str) -> None:
    store = f"sqlite:///{tmp_path / 'missing.db'}"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", command, "--store", store, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"{store} does not exist" in done.stderr
    assert not (tmp_path / "missing.db").exists()


def test_an_archive_is_made_when_that_is_asked_for(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    with pytest.raises(ConfigurationError, match="does not exist"):
        Archive.open(store, create=False)
    Archive.open(store).close()
    Archive.open(store, create=False).close()


def test_postgresql_without_its_module_names_the_extra() -> None:
    with pytest.raises(ConfigurationError, match=r"dbt-gateway\[postgres\]"):
        Archive.open("postgresql+psycopg2://x/y")


def test_the_library_repeats_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "run_results.json").write_text("{")
    with pytest.raises(DiscoveryApiError) as refused:
        dbtAccount(artifacts=tmp_path).get_models()
    assert f"{tmp_path / 'run_results.json'}: not complete, valid JSON" in str(refused.value)


@pytest.mark.slow
def test_a_run_that_lies_in_several_folders_counts_once(tmp_path: Path) -> None:
    """What is stored and what is known already are together the runs of the folder, and what an empty archive holds."""
    for number in range(6):
        write_target(tmp_path / "runs" / f"{number}", f"{number % 4}", ended=NOON + timedelta(hours=number % 4))
    archive = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")
    first, second = (ingest_folder(archive, tmp_path / "runs") for _ in range(2))
    held = archive.describe().runs
    archive.close()
    assert (first.runs, first.unchanged, second.runs, second.unchanged, held) == (4, 0, 0, 4, 4)

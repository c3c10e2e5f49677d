"""`gateway mirror` as a process, which asks dbt Cloud over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp

from gateway.archive.archive import Archive
from gateway.archive.leases import lease_of
from gateway.archive.tables.mirror_tables import mirrors
from tests.archive.written_runs import ACCOUNT
from tests.mirror.cloud import Cloud, content, refusal

pytestmark = pytest.mark.slow


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of an application while the block runs."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def cloud_settings(address: str) -> dict[str, str]:
    """The environment of a process that asks dbt there."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DBT_"))}
    return {
        **clean,
        "GATEWAY_DISCOVERY_URL": f"{address}/graphql",
        "GATEWAY_ADMIN_URL": address,
        "GATEWAY_ACCOUNT_ID": str(ACCOUNT),
        "DBT_SERVICE_TOKEN": "a-token-of-the-mirror",
    }


def mirror(address: str, store: str, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "mirror", "--store", store, "--days", "36500", *options],
        env={**cloud_settings(address), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_account_is_mirrored_and_what_came_of_it_is_said(cloud: Cloud, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mirrored.db'}"
    with served(cloud) as address:
        done = mirror(address, store)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"dbt Cloud account {ACCOUNT}: 7 runs stored, 1 run left nothing with 25 results.\n"
        assert done.stderr == "Mirroring runs: 8 of 8, back to 2026-01-30 03:50\n"
        again = mirror(address, store)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == f"dbt Cloud account {ACCOUNT}: nothing new.\n"
    archive = Archive.open(store)
    assert content(archive) == content(cloud.archive)
    archive.close()


def test_a_gateway_mirrors_beside_what_it_serves(cloud: Cloud, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mirrored.db'}"
    with served(cloud) as address:
        command = [sys.executable, "-m", "gateway", "serve", "--mirror", "--port", "0"]
        settings = {**cloud_settings(address), "GATEWAY_ARCHIVE_URL": store, "GATEWAY_MIRROR_DAYS": "36500"}
        process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            end = time.monotonic() + 90
            archive = Archive.open(store)
            while content(archive) != content(cloud.archive):
                assert time.monotonic() < end, "it was not mirrored"
                assert process.poll() is None
                time.sleep(0.5)
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    with archive.reading() as connection:
        lease = lease_of(connection, mirrors, ACCOUNT)
    archive.close()
    assert lease is not None
    assert lease.holder is None, "the mirror has ended too, and let its turn go"


def test_a_token_that_dbt_refuses_ends_it_with_a_reason(cloud: Cloud, tmp_path: Path) -> None:
    cloud.rewrite = lambda *_: refusal(401)
    with served(cloud) as address:
        done = mirror(address, f"sqlite:///{tmp_path / 'mirrored.db'}")
    assert done.returncode == 2
    assert "error: dbt does not accept the gateway's service token." in done.stderr
    assert "a-token-of-the-mirror" not in done.stderr


def test_without_dbt_cloud_it_says_what_is_missing(tmp_path: Path) -> None:
    local = {"GATEWAY_DISCOVERY_URL": "", "GATEWAY_ADMIN_URL": "", "GATEWAY_ACCOUNT_ID": ""}
    command = [sys.executable, "-m", "gateway", "mirror", "--store", f"sqlite:///{tmp_path / 'mirrored.db'}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DBT_"))}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in local)

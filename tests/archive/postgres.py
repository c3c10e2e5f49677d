"""A PostgreSQL server of the tests' own: started on a socket in a fresh folder, stopped and removed afterwards."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOBODY_ELSE = "postgres"


def missing() -> str | None:
    """Why there is no PostgreSQL to test on; None when there is."""
    if _programs() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401 - asked for its presence only
    except ImportError:
        return "psycopg is not installed (pip install 'psycopg[binary]')"
    return None


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@dataclass
class Server:
    """A running server."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """The address of a fresh, empty database."""
        return self._create()

    def copy(self, database: str) -> str:
        """The address of a copy of a database, to which nobody may be connected."""
        return self._create(database.partition("@/")[2].partition("?")[0])

    def cut_off(self, database: str) -> None:
        """Ends all connections to a database, and lets nobody connect to it any more."""
        name = database.partition("@/")[2].partition("?")[0]
        with self._administering() as server:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    def stop(self) -> None:
        """Stops the server, as somebody does who maintains it: its data are kept."""
        _run("pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop")

    def start(self) -> None:
        """Starts it; it listens on no network address."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        log = str(self.folder / "log")
        data = str(self.folder / "data")
        _run("pg_ctl", "-D", data, "-w", "-l", log, "-o", f"{options} -c full_page_writes=off", "start")

    def _create(self, template: str = "template1") -> str:
        name = f"archive_{next(self._numbers)}"
        with self._administering() as server:
            # A third of what writing every page to the log takes, which PostgreSQL does by itself since version 15.
            strategy = "STRATEGY FILE_COPY" if server.info.server_version >= 150_000 else ""
            server.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" {strategy}')
        return f"postgresql+psycopg://{NOBODY_ELSE}@/{name}?host={self.folder}"

    def _administering(self) -> Any:
        import psycopg  # where it is missing, the tests are skipped

        return psycopg.connect(host=str(self.folder), user=NOBODY_ELSE, dbname="postgres", autocommit=True)


@contextmanager
def running_server() -> Iterator[Server]:
    """A server that runs."""
    folder = Path(tempfile.mkdtemp(prefix="gw-pg-"))
    shutil.chown(folder, NOBODY_ELSE) if os.geteuid() == 0 else None
    data = str(folder / "data")
    _run("initdb", "-D", data, "-U", NOBODY_ELSE, "-A", "trust", "-E", "UTF8", "--no-sync")
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        _run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _run(program: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs; the server refuses to run as root, so root takes its user."""
    programs = _programs()
    assert programs is not None
    command = [str(programs / program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", NOBODY_ELSE, "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", text=True)

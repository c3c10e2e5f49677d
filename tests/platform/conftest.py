"""The demo pack, unpacked, reckoned, stored and served once for the tests of the platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.demo import unpack_demo
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.platform.postgres import Server
from tests.platform.reckoning import Reckoning

ACCOUNT = 70403103900042


@dataclass(frozen=True)
class Platform:
    """The platform as a client meets it."""

    http: TestClient
    archive: Archive

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a query that must succeed."""
        answer = self.post(query, variables)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    def post(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The HTTP answer to a query."""
        return self.http.post("/graphql", json={"query": query, "variables": dict(variables or {})})

    def errors(self, query: str, **variables: Any) -> list[Any]:
        """The errors of a query."""
        found: list[Any] = self.post(query, variables).json()["errors"]
        return found

    def get(self, path: str, **params: Any) -> Any:
        """The body of an Admin API answer that must succeed."""
        answer = self.http.get(f"/api/v2/accounts/{ACCOUNT}/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def counting_statements(self) -> Iterator[list[str]]:
        """The SQL statements that are executed meanwhile."""
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        event.listen(self.archive._engine, "after_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(self.archive._engine, "after_cursor_execute", note)


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's archive folder; tests must not change it."""
    return unpack_demo(tmp_path_factory.mktemp("platform-demo"))


@pytest.fixture(scope="session")
def reckoning(runs_folder: Path) -> Reckoning:
    """The right answers."""
    return Reckoning(runs_folder)


NewStore = Callable[[], str]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewStore:
    """Makes addresses of new archives on each engine in turn."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('store') / 'runs.db'}"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database


@pytest.fixture(scope="session")
def platform(runs_folder: Path, new_store: NewStore) -> Iterator[Platform]:
    """The platform over the demo."""
    archive = Archive.open(new_store())
    report = ingest_folder(archive, runs_folder)
    assert not report.problems
    yield Platform(TestClient(create_platform(archive)), archive)
    archive.close()


@pytest.fixture
def empty_archive(new_store: NewStore) -> Iterator[Archive]:
    """A new archive."""
    archive = Archive.open(new_store())
    yield archive
    archive.close()

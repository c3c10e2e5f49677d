"""The local platform as a client meets it, and addresses of new archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from starlette.testclient import TestClient

from gateway.archive.archive import Archive

NewStore = Callable[[], str]
CopyStore = Callable[[str], str]
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

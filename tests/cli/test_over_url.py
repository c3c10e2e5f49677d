"""Questions of a terminal asked of a running gateway: the same answers, and one line for what cannot be answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import uvicorn
from graphql import build_schema, parse, validate
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.app import create_app
from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from gateway.cli.questions.over_http import job_ids
from gateway.cli.questions.over_http.asking import DOCUMENTS
from gateway.settings import Settings
from tests.sockets import listening

SCHEMA = Path(__file__).parents[2] / "schema.graphql"

# Each question with the number of requests that it takes.
QUESTIONS = (
    (("slowest", "--last-runs", "5", "--tag", "daily"), 1),
    (("failures", "--last-runs", "3"), 1),
    (("run", "latest", "--job", "Finance daily", "--fail-over", "20%"), 3),
    (("diff", "previous", "latest", "--job", "Finance daily"), 3),
    (("model", "rpt_ltv", "--last-runs", "3"), 2),
)
MORE_QUESTIONS = (
    (("slowest", "--project", "marketing", "--first", "3"), 1),
    (("longest", "--last-runs", "3"), 1),
    (("regressions", "--since", "2026-02-01", "--suspected"), 1),
    (("failures", "--job", "Finance daily", "--last-runs", "10"), 2),
    (("run", "70437490011508"), 1),
    (("diff", "70437490010823", "70437490011508"), 1),
    (("what-if", "--job", "Finance daily", "--threads", "8"), 2),
    (("what-if", "--run", "70437490011508", "--factor", "model.finance.rpt_ar_aging=0.5"), 1),
    (("waste", "--since", "2026-03-01", "--until", "2026-03-14"), 1),
    (("model", "finance.rpt_ar_aging"), 1),
    (("search", "a", "--first", "3"), 1),
)


class CountedRequests:
    """The gateway, with a count of the requests that it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count += scope["type"] == "http"
        await self._app(scope, receive, send)


def test_every_document_is_valid() -> None:
    schema = build_schema(SCHEMA.read_text("utf-8"), assume_valid_sdl=True)
    for document in (*DOCUMENTS, *job_ids.DOCUMENTS):
        assert validate(schema, parse(document)) == []


@pytest.mark.slow
@pytest.mark.parametrize("questions", [QUESTIONS, pytest.param(MORE_QUESTIONS, marks=pytest.mark.nightly)])
async def test_a_gateway_gives_the_answers_of_its_archive(
    questions: tuple[tuple[tuple[str, ...], int], ...],
    demo_store: str,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = CountedRequests(create_app(settings))
    async with listening(uvicorn.Config(app, log_level="error", lifespan="on")) as port:
        for question, requests in questions:
            local = await asyncio.to_thread(ask, *question, "--store", demo_store, "--json")
            expected, before = (local, *capsys.readouterr()), app.count
            code = await asyncio.to_thread(ask, *question, "--url", f"http://127.0.0.1:{port}", "--json")
            assert (code, *capsys.readouterr()) == expected, question
            assert app.count - before == requests, question


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, '{"errors": [{"message": "No.", "extensions": {"code": "UNAUTHENTICATED"}}]}', "DBT_GATEWAY_KEY"),
        (403, '{"errors": [{"message": "It may not read.", "extensions": {"code": "FORBIDDEN"}}]}', "It may not read."),
        (
            200,
            '{"data": {"account": null}, "errors": [{"message": "finance is hidden.", "extensions": '
            '{"code": "FORBIDDEN"}}]}',
            "does not let this key ask: finance is hidden.",
        ),
        (200, "<html>", "does not answer as a gateway does"),
        (404, "[]", "does not answer as a gateway does"),
        (302, "", "does not answer as a gateway does"),
        (200, '{"errors": {"a": 1}}', "does not answer as a gateway does"),
        (200, '{"data": null}', "does not answer as a gateway does"),
        (503, '{"errors": [{"message": "Busy.", "extensions": {"code": "OVERLOADED"}}]}', "answers: Busy."),
    ],
)
def test_what_a_gateway_refuses_is_one_line(
    status: int, body: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBT_GATEWAY_KEY", "dbtgw_secret")
    with answering(status, body) as (url, keys):
        assert ask("slowest", "--url", url) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert said in shown.err
    assert "dbtgw_secret" not in shown.err
    assert keys == ["Bearer dbtgw_secret"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("runs.db", "not the address of a gateway"),
        ("https://user:secret@gateway.example", "not the address of a gateway"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line(url: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("slowest", "--url", url) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert said in shown.err
    assert "secret" not in shown.err


def ask(*arguments: str) -> int:
    return run_command(build_parser().parse_args(arguments))


@contextmanager
def answering(status: int, body: str) -> Iterator[tuple[str, list[str | None]]]:
    """A server that gives every POST the same answer; its address, and the keys that it was sent."""
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", keys
        finally:
            server.shutdown()
            thread.join()

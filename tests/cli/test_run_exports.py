"""`gateway run --otlp` and `--openlineage`: what a run did, as other systems take it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from gateway.cli.questions.run_exports.json_post import Receiver as JsonReceiver
from gateway.cli.questions.run_exports.otlp import collector_headers
from gateway.errors import BadUserInput, ConfigurationError, UpstreamUnavailable
from tests.oracle.nodes import read_results

RUN = "finance/301001/70437490011508"
RUN_ID = RUN.rpartition("/")[2]
FAILED = "model.finance.int_gl_balances"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Receiver:
    """A stand-in for a collector or a server: what it was sent, and with which headers."""

    url: str = ""
    bodies: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[tuple[str | None, str | None]] = field(default_factory=list)


@contextmanager
def receiving(status: int = 200, answer: str = "{}") -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            receiver.paths.append(self.path)
            receiver.keys.append((self.headers["Authorization"], self.headers["api-key"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def ask(store: str, *options: str, run: str = RUN_ID) -> int:
    return run_command(build_parser().parse_args(["run", run, "--store", store, *options]))


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in span["attributes"]}


@pytest.mark.slow
def test_a_run_is_a_trace_with_the_times_of_its_artifacts(
    demo_store: str, demo_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key")
    with receiving() as collector:
        assert ask(demo_store, "--otlp", collector.url) == 0
        assert ask(demo_store, "--otlp", f"{collector.url}/v1/traces") == 0
    assert "34 spans were sent" in capsys.readouterr().err
    assert collector.paths == ["/v1/traces"] * 2
    assert collector.keys == [(None, "a key")] * 2
    # A second export doubles nothing.
    assert collector.bodies[0] == collector.bodies[1]

    ensure_valid_otlp(collector.bodies[0])
    root, *tasks = collector.bodies[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    run = attributes(root)
    assert (root["name"], run["cicd.pipeline.run.id"], run["cicd.pipeline.result"]) == (
        "RUN Finance daily",
        RUN_ID,
        "failure",
    )
    assert (root["startTimeUnixNano"], root["status"]["code"]) == ("1773205212000000000", 2)
    ran = {name: node for name, node in read_results(demo_folder / RUN).items() if node.start and node.end}
    spans = {attributes(task)["dbt.unique_id"]: task for task in tasks}
    assert spans.keys() == ran.keys()
    assert len({task["spanId"] for task in tasks} | {root["spanId"]}) == 34
    for name, node in ran.items():
        span = spans[name]
        assert (span["traceId"], span["parentSpanId"]) == (root["traceId"], root["spanId"])
        assert node.start
        assert node.end
        assert abs(moment(span["startTimeUnixNano"]) - node.start) <= timedelta(milliseconds=1)
        assert abs(moment(span["endTimeUnixNano"]) - node.end) <= timedelta(milliseconds=1)
        expected = "test" if name.startswith(("test.", "unit_test.")) else "build"
        assert attributes(span)["cicd.pipeline.task.type"] == expected
    assert [name for name, span in spans.items() if span.get("status")] == [FAILED]


def moment(nanoseconds: str) -> datetime:
    return EPOCH + timedelta(microseconds=int(nanoseconds) / 1000)


def ensure_valid_otlp(body: dict[str, Any]) -> None:
    """The body is what OpenTelemetry's own definitions read; ids are hexadecimal there, base64 elsewhere."""
    json_format = pytest.importorskip("google.protobuf.json_format", reason="needs the extra `tracing`")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    text = json.loads(json.dumps(body))
    for span in text["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    request = json_format.ParseDict(text, service.ExportTraceServiceRequest())
    for span in request.resource_spans[0].scope_spans[0].spans:
        assert (len(span.trace_id), len(span.span_id)) == (16, 8)
        assert span.end_time_unix_nano >= span.start_time_unix_nano > 0


@pytest.mark.slow
def test_a_run_is_openlineage_events_with_its_tables(
    demo_store: str, demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    file = tmp_path / "events.jsonl"
    file.write_text("old")
    assert ask(demo_store, "--openlineage", str(file)) == 0
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
    with receiving(201, "") as server:
        assert ask(demo_store, "--openlineage", server.url) == 0
    assert server.bodies == events
    assert set(server.paths) == {"/api/v1/lineage"}
    assert set(server.keys) == {("Bearer secret", None)}

    for event in events:
        ensure_valid_openlineage(event)
    built = {
        name: node
        for name, node in read_results(demo_folder / RUN).items()
        if node.start and name.startswith(("model.", "seed.", "snapshot."))
    }
    by_job: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_job.setdefault(event["job"]["name"], []).append(event)
    assert by_job.keys() == built.keys() | {"Finance daily"}
    for name, (start, end) in by_job.items():
        assert start["eventType"] == "START"
        assert end["eventType"] == ("FAIL" if name in (FAILED, "Finance daily") else "COMPLETE")
        assert start["run"]["runId"] == end["run"]["runId"]
        if name in built:
            parent = start["run"]["facets"]["parent"]
            assert parent["run"]["runId"] == by_job["Finance daily"][0]["run"]["runId"]
            assert datetime.fromisoformat(start["eventTime"]) - built[name].start <= timedelta(milliseconds=1)
    monthly = by_job["model.finance.fct_revenue_monthly"][1]
    assert [(table["namespace"], table["name"]) for table in monthly["inputs"]] == [
        ("duckdb", "finance_prod.prod.fct_revenue_daily"),
        ("dbt", "seed.finance.currency_codes"),
    ]
    assert [table["name"] for table in monthly["outputs"]] == ["finance_prod.prod.fct_revenue_monthly"]
    assert "Conversion Error" in by_job[FAILED][1]["run"]["facets"]["errorMessage"]["message"]


def ensure_valid_openlineage(event: dict[str, Any]) -> None:
    """What version 2-0-2 of the specification requires."""
    assert {"eventTime", "producer", "schemaURL", "run", "job"} <= event.keys()
    assert {"runId"} <= event["run"].keys()
    for named in (event["job"], *event["inputs"], *event["outputs"]):
        assert {"namespace", "name"} <= named.keys()
    for facet in (*event["run"]["facets"].values(), *event["job"]["facets"].values()):
        assert {"_producer", "_schemaURL"} <= facet.keys()


@pytest.mark.slow
def test_a_receiver_that_does_not_take_everything_is_one_line(
    demo_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = '{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}'
    with receiving(200, answer) as receiver:
        assert ask(demo_store, "--otlp", receiver.url) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "rejected 3 spans: too old" in shown.err


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "HTTP 401. Set the secret"), (302, "HTTP 302. Check the address"), (503, "HTTP 503. Try again later.")],
)
def test_a_receiver_that_refuses_is_named(status: int, said: str) -> None:
    with receiving(status, "") as receiver, pytest.raises(ConfigurationError, match=said):
        JsonReceiver(receiver.url, "a collector", "--otlp", {}).post({})


def test_an_address_that_leads_nowhere_is_named() -> None:
    for url in ("localhost:4318", "ftp://collector", "http://name:secret@collector"):
        with pytest.raises(BadUserInput, match="not the address of a collector"):
            JsonReceiver(url, "a collector", "--otlp", {})
    with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
        JsonReceiver("http://127.0.0.1:9", "a collector", "--otlp", {}).post({})


@pytest.mark.parametrize("text", ["key", "name=a\nb", "näme=1"])
def test_headers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_HEADERS"):
        collector_headers({"OTEL_EXPORTER_OTLP_HEADERS": text})


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_one_line(demo_store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(demo_store, "--openlineage", "none/events.jsonl") == 2
    assert capsys.readouterr() == ("", "error: none/events.jsonl cannot be written: No such file or directory.\n")

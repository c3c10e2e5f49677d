"""`gateway run --trace`: each resource of a run that has times is an event, where and when its artifacts say it ran."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from tests.oracle.nodes import read_results

pytestmark = pytest.mark.slow

RUN = "storefront/304001/70437590003151"


def ask(store: str, file: Path) -> int:
    run = RUN.rpartition("/")[2]
    return run_command(build_parser().parse_args(["run", run, "--store", store, "--trace", str(file)]))


def test_a_trace_has_what_ran(demo_store: str, demo_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_text("old")
    assert ask(demo_store, file) == 0
    events = json.loads(file.read_text("utf-8"))["traceEvents"]
    bars = {event["args"]["unique_id"]: event for event in events if event["ph"] == "X"}
    ran = {name: node for name, node in read_results(demo_folder / RUN).items() if node.start and node.end}
    assert bars.keys() == ran.keys()
    for name, node in ran.items():
        bar = bars[name]
        assert (bar["name"], bar["args"]["status"], bar["args"]["thread"]) == (node.name, node.status_text, node.thread)
        assert node.start
        assert node.end
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=bar["ts"])
        assert abs(start - node.start) <= timedelta(milliseconds=1)
        assert abs(start + timedelta(microseconds=bar["dur"]) - node.end) <= timedelta(milliseconds=1)
    lanes = defaultdict(list)
    for bar in bars.values():
        lanes[bar["tid"]].append((bar["ts"], bar["ts"] + bar["dur"]))
    for spans in lanes.values():
        spans.sort()
        assert all(end <= start + 2 for (_, end), (start, _) in pairwise(spans))
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert named == lanes.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


def test_a_trace_that_cannot_be_written(demo_store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "none" / "trace.json"
    assert ask(demo_store, file) == 2
    assert capsys.readouterr() == ("", f"error: {file} cannot be written: No such file or directory.\n")

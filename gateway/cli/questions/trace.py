"""A run as a trace: JSON of Chrome's Trace Event Format, which Perfetto and chrome://tracing open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.questions.whole_file import write_whole
from gateway.discovery_api.api import Run
from gateway.discovery_api.models.run_analysis import Timeline, TimelineBar
from gateway.errors import NotFound

_MOST = 20_000
_PROCESS = 1


def write_trace(run: Run, path: Path) -> str | None:
    """Writes the trace of a run, whole or not at all; returns what is missing from it, None for nothing.

    Raises NotFound where the run has no times, and ConfigurationError where the file
    cannot be written.
    """
    timeline = run.get_timeline(first_n=_MOST)
    if timeline is None:
        raise NotFound(f"Run {run.run_id} has no times of its resources, so there is no trace of it.")
    write_whole(path, json.dumps(trace_of(run.run_id, run.title or run.run_id, timeline)))
    if not timeline.left_out:
        return None
    return f"the trace has the {_MOST:,} longest resources; {timeline.left_out:,} are left out."


def trace_of(run_id: str, title: str, timeline: Timeline) -> dict[str, Any]:
    """A complete event (`X`) for each resource, on the lane of its thread; times in microseconds since 1970."""
    begin = timeline.start_time.timestamp() * 1_000_000
    return {
        "traceEvents": [*_names(title, timeline), *(_event(bar, begin) for bar in timeline.bars)],
        "displayTimeUnit": "ms",
        "otherData": {"run_id": run_id},
    }


def _names(title: str, timeline: Timeline) -> Iterator[dict[str, Any]]:
    yield {"ph": "M", "name": "process_name", "pid": _PROCESS, "args": {"name": title}}
    for lane in sorted({bar.lane for bar in timeline.bars}):
        yield {"ph": "M", "name": "thread_name", "pid": _PROCESS, "tid": lane, "args": {"name": f"thread {lane}"}}


def _event(bar: TimelineBar, begin: float) -> dict[str, Any]:
    result = bar.result
    return {
        "ph": "X",
        "name": result.name,
        "cat": result.resource_type,
        "pid": _PROCESS,
        "tid": bar.lane,
        "ts": round(begin + bar.start_seconds * 1_000_000),
        "dur": round(bar.runtime * 1_000_000),
        "args": {
            "unique_id": result.unique_id,
            "status": result.status_text,
            "step": result.step,
            "thread": result.thread,
            "message": result.message,
            "on_critical_path": bar.on_critical_path,
        },
    }

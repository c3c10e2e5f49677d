"""What every node of every type did in each run of an archive, read with the standard library alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.oracle.artifacts import EXECUTED, EXECUTING, FAILED, cut, moment

STATUSES = {
    **dict.fromkeys(("success", "pass"), "SUCCESS"),
    **dict.fromkeys(FAILED, "FAILURE"),
    "warn": "WARN",
    "skipped": "SKIPPED",
    "no-op": "SKIPPED",
    "reused": "REUSED",
}
TYPES = {"test": "DATA_TEST"}


@dataclass(frozen=True)
class NodeResult:
    """The last result of one node in one run; `message` is that of a failure or a warning."""

    unique_id: str
    name: str | None
    status_text: str
    runtime: float | None
    start: datetime | None
    end: datetime | None
    message: str | None
    thread: str | None
    step: int
    failing_rows: int | None
    rows_affected: int | None
    age: float | None = None

    @property
    def resource_type(self) -> str:
        kind = self.unique_id.partition(".")[0]
        return TYPES.get(kind, kind.upper())

    @property
    def status(self) -> str:
        return STATUSES.get(self.status_text, "UNKNOWN")


def read_results(run_folder: Path) -> dict[str, NodeResult]:
    """The results of a run by unique id."""
    found: dict[str, NodeResult] = {}
    checks: dict[str, NodeResult] = {}
    for step in sorted(run_folder.glob("step_*"), key=lambda folder: int(folder.name.removeprefix("step_"))):
        number = int(step.name.removeprefix("step_"))
        names = _names(step)
        found.update((one.unique_id, one) for one in _executed(step, number, names))
        checks.update((one.unique_id, one) for one in _checked(step, number, names))
    return found | checks


def read_every_result(run_folder: Path) -> list[NodeResult]:
    """The same with the results that a later step replaced."""
    steps = [(step, int(step.name.removeprefix("step_")), _names(step)) for step in run_folder.glob("step_*")]
    return [one for of_step in steps for read in (_executed, _checked) for one in read(*of_step)]


def manifest_of(step: Path) -> dict[str, Any]:
    """The step's manifest; one without takes that of another step of its run. Empty where no step has one."""
    path = step / "manifest.json"
    if not path.exists():
        path = next(iter(sorted(step.parent.glob("step_*/manifest.json"))), path)
    content: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    return content


def _names(step: Path) -> dict[str, str]:
    manifest = manifest_of(step)
    sections = ("nodes", "sources", "unit_tests", "exposures", "saved_queries", "functions")
    return {key: node["name"] for name in sections for key, node in (manifest.get(name) or {}).items()}


def _executed(step: Path, number: int, names: dict[str, str]) -> Iterator[NodeResult]:
    path = step / "run_results.json"
    content = json.loads(path.read_bytes()) if path.exists() else {"results": []}
    if content["results"] and content["args"]["which"] not in EXECUTING:
        return
    for one in content["results"]:
        start, end = _interval(one)
        # dbt writes a test that it did not run again as one that passed without doing anything.
        did_nothing = "NO-OP" in (one.get("adapter_response") or {}).values()
        status = "reused" if did_nothing and one["unique_id"].startswith("test.") else one["status"]
        executed = status in EXECUTED
        written = (one.get("adapter_response") or {}).get("rows_affected")
        yield NodeResult(
            unique_id=one["unique_id"],
            name=names.get(one["unique_id"]),
            status_text=status,
            runtime=one["execution_time"] if executed else None,
            start=start if executed else None,
            end=end if executed else None,
            message=one["message"] if status in FAILED | {"warn"} else None,
            thread=one["thread_id"],
            step=number,
            # A hook counts itself as one failure: those are no rows.
            failing_rows=one["failures"] if executed and not one["unique_id"].startswith("operation.") else None,
            rows_affected=written if isinstance(written, int) and written >= 0 else None,
        )


def _checked(step: Path, number: int, names: dict[str, str]) -> Iterator[NodeResult]:
    path = step / "sources.json"
    for one in json.loads(path.read_bytes())["results"] if path.exists() else ():
        start, end = _interval({"timing": [], "execution_time": None, **one})
        executed = one["status"] in EXECUTED
        yield NodeResult(
            unique_id=one["unique_id"],
            name=names.get(one["unique_id"]),
            status_text=one["status"],
            runtime=one.get("execution_time") if executed else None,
            start=start if executed else None,
            end=end if executed else None,
            message=one.get("error"),
            thread=one.get("thread_id"),
            step=number,
            failing_rows=None,
            rows_affected=None,
            age=one.get("max_loaded_at_time_ago_in_s"),
        )


def _interval(one: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    told = [timing[name] for timing in one["timing"] for name in ("started_at", "completed_at")]
    moments = [cut(moment(text)) for text in told if text]
    if not moments:
        return None, None
    start, seconds = min(moments), one["execution_time"] or 0.0
    return start, max([*moments, start + timedelta(seconds=seconds)])

"""What a page costs a browser's main thread, in milliseconds of CPU: what else the machine does counts little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.browser.browser import Page

TASKS = {"includedCategories": ["toplevel", "devtools.timeline"], "excludedCategories": ["*"]}
"""The trace that `task_times` reads."""


@dataclass(frozen=True)
class TaskTimes:
    """The longest task of all, and the longest that drew a frame for a script that had asked for one."""

    longest: float
    frame: float


async def task_milliseconds(page: Page) -> float:
    """What the main thread has worked so far, once `Performance.enable` was called with `threadTicks`."""
    metrics = (await page.call("Performance.getMetrics"))["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")) * 1000


def task_times(trace: Sequence[Mapping[str, Any]]) -> TaskTimes:
    """The longest tasks of the main threads of a trace's pages."""
    threads = {
        (event["pid"], event["tid"])
        for event in trace
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    events = [event for event in trace if (event["pid"], event["tid"]) in threads and event["ph"] == "X"]
    tasks = [event for event in events if event["name"].endswith("RunTask")]
    frames = [event["ts"] for event in events if event["name"] == "FireAnimationFrame"]
    drawing = [task for task in tasks if any(task["ts"] <= begin <= task["ts"] + task["dur"] for begin in frames)]
    return TaskTimes(_longest(tasks), _longest(drawing))


def _longest(tasks: Sequence[Mapping[str, Any]]) -> float:
    return max((task.get("tdur", 0) for task in tasks), default=0) / 1000

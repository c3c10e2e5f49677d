"""The questions of the archive part, asked of a gateway over dbt with the archive beside it (`archive_url`).

The local platform in a process of its own is dbt, and holds the same runs; its work is not counted.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.archive_cold import ask_started
from benchmarks.platform_process import PlatformProcess, run_platform

MOST_REQUESTS = 250
"""What one operation may ask of dbt, by the default of `calls_per_operation`."""


def show(store: str, questions: Mapping[str, str], rounds: int) -> bool:
    """Prints the gateway's time and its requests to dbt for each question, cold; whether none asks too much of dbt."""
    beside = _copy(Path(store.removeprefix("sqlite:///")))
    print("  over dbt with this archive beside it (archive_url); CPU of the gateway alone:")
    with run_platform(store) as dbt:
        met = [_show(name, document, _settings(dbt, beside), rounds) for name, document in questions.items()]
    return all(met)


def _show(name: str, document: str, settings: Mapping[str, str], rounds: int) -> bool:
    asked = [ask_started((), document, settings) for _ in range(rounds)]
    wall, cpu = median(each.wall for each in asked), median(each.cpu for each in asked)
    requests, warm = max(each.requests for each in asked), min(each.warm_cpu_milliseconds for each in asked)
    error = next((each.error for each in asked if each.error), "")
    met = not error and requests <= MOST_REQUESTS
    print(
        f"    {name:34} {wall:6.2f} s, CPU {cpu:5.2f} s; {requests:3} requests to dbt (at most {MOST_REQUESTS});"
        f" warm {warm:4.1f} ms of CPU{'' if met else f'  NOT MET {error}'}"
    )
    return met


def _copy(file: Path) -> Path:
    """The archive again: what the gateway keeps in it must not count as its bytes."""
    copy = file.with_name(f"{file.stem}-beside.db")
    if not copy.exists():
        shutil.copy(file, copy)
    return copy


def _settings(dbt: PlatformProcess, archive: Path) -> Mapping[str, str]:
    return {
        "GATEWAY_DISCOVERY_URL": f"{dbt.url}/graphql",
        "GATEWAY_ADMIN_URL": dbt.url,
        "GATEWAY_ACCOUNT_ID": str(dbt.account_id),
        "GATEWAY_SERVICE_TOKEN": "benchmark",
        "GATEWAY_ARCHIVE_URL": f"sqlite:///{archive}",
        "GATEWAY_UPSTREAM_SECONDS": "120",
    }

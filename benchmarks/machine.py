"""What was measured on, and with which versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import NODE

_PYTHON = ("strawberry-graphql", "graphql-core", "ariadne", "starlette", "uvicorn", "aiohttp", "msgspec")


def describe() -> str:
    """A few lines of text."""
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    libraries = ", ".join(f"{name} {version(name)}" for name in _PYTHON)
    packages = ", ".join(f"{name} {number}" for name, number in _node_packages().items())
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load:.1f}; CPython {platform.python_version()}, Node {node}\n"
        f"{libraries}\n{packages}"
    )


def _node_packages() -> dict[str, str]:
    found: dict[str, str] = json.loads((NODE / "package.json").read_text())["dependencies"]
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

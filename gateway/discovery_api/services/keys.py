"""Keys of dbt's answers: camelCase on the wire, snake_case for callers."""

from __future__ import annotations

import re
from typing import Any

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")

# JSON scalars: their keys are the data of whoever wrote them.
_VERBATIM = frozenset({"meta", "config", "resource_counts"})


def snake_case(name: str) -> str:
    """`runGeneratedAt` → `run_generated_at`."""
    return _CAPITAL.sub(lambda match: f"_{match.group(1).lower()}", name)


def with_snake_case(value: Any) -> Any:
    """The same data with snake_case keys, all the way down; what is inside JSON scalars stays as it is."""
    if isinstance(value, list):
        return [with_snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {snake_case(key): item for key, item in value.items()}
    return {key: item if key in _VERBATIM else with_snake_case(item) for key, item in renamed.items()}

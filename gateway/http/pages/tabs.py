"""The explorer's tabs: one `.graphql` file each, in the order of their names. GraphiQL names a tab by its operation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Tab:
    """One ready question. `variables` is JSON text, taken from a file of the same name ending in `.json`."""

    name: str
    query: str
    variables: str = ""

    def variable_values(self) -> dict[str, Any]:
        """The variables as values; none when the question has none."""
        values: dict[str, Any] = json.loads(self.variables) if self.variables else {}
        return values


def read_tabs() -> list[Tab]:
    """All tabs, in the order they are shown."""
    folder = files(__package__) / "queries"
    names = sorted(entry.name.removesuffix(".graphql") for entry in folder.iterdir() if entry.name.endswith(".graphql"))
    tabs = []
    for name in names:
        variables = folder / f"{name}.json"
        query = (folder / f"{name}.graphql").read_text("utf-8")
        tabs.append(Tab(name, query, variables.read_text("utf-8") if variables.is_file() else ""))
    return tabs

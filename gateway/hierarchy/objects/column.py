"""A column of a table or view."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the warehouse's catalog lists it. `data_type` is the warehouse's word; `description` is the one in
    the project's YAML, None where there is none."""

    name: str
    data_type: str | None
    description: str | None

"""Projects as the configuration names them, for use without the Admin API."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.hierarchy.objects.project import Environment


@dataclass(frozen=True, slots=True)
class ConfiguredProject:
    """A project's name and its deployment environments. `number` stands in for dbt Cloud's id of the project."""

    number: int
    name: str
    environments: tuple[Environment, ...]

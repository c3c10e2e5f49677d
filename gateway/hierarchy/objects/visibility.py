"""What a caller may see of an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visibility:
    """The projects and environments that exist for a caller. None is no restriction; both must allow.

    `projects` are dbt project names; `name@environment id` stands for one of several environments that share a name.
    `environments` are dbt's ids. Hashable: answers that were made under equal visibilities may be shared.
    """

    projects: frozenset[str] | None = None
    environments: frozenset[int] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is hidden."""
        return self.projects is None and self.environments is None

    def admits(self, environment_id: int) -> bool:
        """Whether the environment exists for the caller if its project does."""
        return self.environments is None or environment_id in self.environments

    def shows(self, project_name: str, environment_id: int) -> bool:
        """Whether the project of this name exists for the caller in this environment."""
        if not self.admits(environment_id):
            return False
        return self.projects is None or not self.projects.isdisjoint({project_name, f"{project_name}@{environment_id}"})


EVERYTHING = Visibility()

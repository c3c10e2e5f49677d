"""What a caller may see of an account."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.hierarchy.project import Project


@dataclass(frozen=True, slots=True)
class Visibility:
    """The projects and environments that exist for a caller. None is no restriction; both must allow.

    `projects` are project ids (dbt project names), `environments` dbt's environment ids. Hashable: answers that were
    made under equal visibilities may be shared.
    """

    projects: frozenset[str] | None = None
    environments: frozenset[int] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is hidden."""
        return self.projects is None and self.environments is None

    def shows(self, project: Project) -> bool:
        """Whether the project, in its environment, exists for the caller."""
        allowed = self.projects is None or project.id in self.projects
        return allowed and (self.environments is None or project.environment_id in self.environments)


EVERYTHING = Visibility()

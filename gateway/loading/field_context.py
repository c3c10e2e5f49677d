"""One field asking its questions: the request's loaders, and where failures of a part are reported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct, field

from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.objects.project import Project
from gateway.loading.loaders import Loaders
from gateway.telemetry.usage import current_usage

T = TypeVar("T")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """Where a field stands: its path in the answer, and its schema coordinate, which is None outside of GraphQL."""

    path: Path = ()
    coordinate: str | None = None


@dataclass(frozen=True, slots=True)
class PartialFailure:
    """A part of an answer that is missing: why, which project it is or is of, and the place of the field whose answer
    it is. `part` names what is missing of the project; empty where all of it is."""

    error: GatewayError
    project_id: str | None
    place: FieldPlace
    part: str = ""

    @property
    def subject(self) -> str:
        """What is missing, to begin a sentence with."""
        return self.part or f"Project {self.project_id}"


class FieldContext(Struct, frozen=True):
    """What a question needs: loads, and where to say what it had to leave out. `find_place` returns where the field is,
    which few questions need."""

    loaders: Loaders
    find_place: Callable[[], FieldPlace] = FieldPlace
    failures: list[PartialFailure] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Where in the answer the field stands."""
        return self.find_place().path

    def place(self) -> Path:
        """The same path, for those who may need it later."""
        return self.path

    async def of_each(self, projects: Sequence[Project], ask: Callable[[Project], Awaitable[T]]) -> list[T]:
        """The answers for the projects that could be read; the others are reported.

        Raises the first error when no project could be read: a failure is never an empty list.
        """
        return self.sort_out(projects, await gather(_caught(ask, project) for project in projects))

    def sort_out(self, projects: Sequence[Project], answers: Sequence[T | GatewayError]) -> list[T]:
        """The answers of the projects that could be read, in order; as in of_each."""
        failed = [(project, answer) for project, answer in zip(projects, answers, strict=True) if _is_error(answer)]
        read = [answer for answer in answers if not isinstance(answer, GatewayError)]
        if failed and not read:
            raise failed[0][1]  # type: ignore[misc]  # only errors are in it
        for project, error in failed:
            self.report(error, project)  # type: ignore[arg-type]  # only errors are in it
        return read

    @property
    def own_failure(self) -> GatewayError | None:
        """Why a part of this very field's answer is missing; None when nothing is."""
        return next((failure.error for failure in self.failures if failure.place.path == self.path), None)

    def report(self, error: GatewayError, project: Project) -> None:
        """Notes that a project is missing from this field's answer."""
        place = self.find_place()
        self.failures.append(PartialFailure(error, project.id, place))
        current_usage().incomplete.append({"project": project.id, "code": error.code, "path": list(place.path)})

    def report_part(self, error: GatewayError, part: str, project: Project | None) -> None:
        """Notes that `part`, which a sentence can begin with, is missing from this field's answer."""
        project_id = project.id if project else None
        place = self.find_place()
        self.failures.append(PartialFailure(error, project_id, place, part))
        missing = {"project": project_id, "part": part, "code": error.code, "path": list(place.path)}
        current_usage().incomplete.append(missing)


async def _caught(ask: Callable[[Project], Awaitable[T]], project: Project) -> T | GatewayError:
    try:
        return await ask(project)
    except GatewayError as error:
        return error


def _is_error(answer: object) -> bool:
    return isinstance(answer, GatewayError)

"""Tags by which caches in front of the gateway find the answers that a change has outdated.

An answer has the tags of the objects that were asked for by id, and of the projects whose facts are in it. An event of
a run purges the tags of run, job, project and account.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote

from gateway.caching.generations import ACCOUNT
from gateway.telemetry.usage import Subject, Usage

OF_ANSWER = "apolloCacheTags"
OF_ENTITIES = "apolloEntityCacheTags"
"""The names in an answer's extensions, as Apollo Router and Cosmo read them."""

# With more an answer has the account's tag in their place: a header has to pass every proxy.
_MOST_PROJECTS = 50
_MOST_TAGS = 100
_MOST_REMEMBERED = 2_000


class TagKind(StrEnum):
    """What a tag names; its id follows, after a hyphen."""

    ACCOUNT = "account"
    PROJECT = "project"
    JOB = "job"
    RUN = "run"
    MODEL = "model"


@lru_cache(_MOST_REMEMBERED)
def tag(kind: TagKind, object_id: object) -> str:
    """A tag without spaces and commas, which divide tags in headers; other characters than letters, digits and
    `-._~@:/` are percent-encoded."""
    return f"{kind}-{quote(str(object_id), safe='@:/')}"


@dataclass(frozen=True, slots=True)
class CacheTags:
    """Tags within one account. `project_of` returns the dbt project name of an environment, where it is known."""

    account_id: int
    project_of: Callable[[int], str | None]

    @property
    def account(self) -> str:
        """The tag of what is about the whole account. Every event purges it, so it stands in for any other."""
        return tag(TagKind.ACCOUNT, self.account_id)

    def of_event(self, environment_id: int, job_id: int | None = None, run_id: int | None = None) -> list[str]:
        """What to purge when a run began or ended, or an environment has changed."""
        named = [(TagKind.RUN, run_id), (TagKind.JOB, job_id), (TagKind.PROJECT, self.project_of(environment_id))]
        return [*(tag(kind, object_id) for kind, object_id in named if object_id is not None), self.account]

    def extensions(self, usage: Usage) -> Mapping[str, object]:
        """The extensions that hold an answer's tags. Those of entities stand in the order of the references."""
        entities = usage.entities
        if entities is None:
            return {OF_ANSWER: self._of_answer(usage)}
        of_entities = [self._of_subject(entity, usage) for entity in entities]
        return {OF_ENTITIES: of_entities} | ({OF_ANSWER: self._of_answer(usage)} if usage.subjects else {})

    def _of_answer(self, usage: Usage) -> list[str]:
        """Without a subject that is known to be in one project, an answer is about the account."""
        of_subjects = {text for subject in usage.subjects for text in self._of_subject(subject, usage)}
        projects = self._projects(usage.environments - {ACCOUNT}, usage)
        tags = of_subjects | (projects or set())
        if not of_subjects or projects is None:
            tags.add(self.account)
        return sorted(tags) if len(tags) <= _MOST_TAGS else [self.account]

    def _of_subject(self, subject: Subject | None, usage: Usage) -> list[str]:
        """The tag of an object and of its project; none where a reference named nothing."""
        if subject is None:
            return []
        if subject.environment_id is None:
            return [self.account]
        projects = self._projects({subject.environment_id}, usage)
        return sorted({tag(TagKind(subject.type.lower()), subject.id), *(projects or {self.account})})

    def _projects(self, environment_ids: Collection[int], usage: Usage) -> set[str] | None:
        """The tags of these environments' projects; None where one is unknown, hidden from the caller, or one of
        too many."""
        if not usage.sees_all and any(id_ not in usage.seen for id_ in environment_ids):
            return None
        names = {self.project_of(id_) for id_ in environment_ids}
        if None in names or len(names) > _MOST_PROJECTS:
            return None
        return {tag(TagKind.PROJECT, name) for name in names}


def tags_of(extensions: Mapping[str, object]) -> list[str]:
    """All tags that an answer's extensions hold, each once."""
    answer, entities = extensions.get(OF_ANSWER, ()), extensions.get(OF_ENTITIES, ())
    return list(dict.fromkeys([*_texts(answer), *(text for of_one in _lists(entities) for text in _texts(of_one))]))


def _lists(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _texts(value: object) -> Iterable[str]:
    return (text for text in _lists(value) if isinstance(text, str))

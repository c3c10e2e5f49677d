"""Notes which objects an answer is about: those that were asked for by id. Cache tags are made of them."""

from __future__ import annotations

from typing import TypeVar

from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Account, Project
from gateway.telemetry.usage import Subject, current_usage

T = TypeVar("T", Account, Project, Model, Job, Run)


def note_subject(subject: T) -> T:
    """Notes an object that a root field returns."""
    current_usage().subjects.append(subject_of(subject))
    return subject


def subject_of(subject: Account | Project | Model | Job | Run) -> Subject:
    """The object's type, id and environment; the account is in none."""
    environment_id = None if isinstance(subject, Account) else subject.environment_id
    return Subject(type(subject).__name__, str(subject.id), environment_id)

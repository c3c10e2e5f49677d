"""From the words of a configuration or a token to what its holder may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.hierarchy.objects.visibility import Visibility
from gateway.identity.caller import Scope

EVERY = "*"
"""Stands for all projects, or all environments."""


def visibility_of(projects: Iterable[str], environments: Iterable[str | int]) -> Visibility:
    """What these grant. Raises ValueError for an environment that is not dbt's number of one."""
    names = frozenset(projects)
    numbers = list(environments)
    return Visibility(
        projects=None if EVERY in names else names,
        environments=None if EVERY in numbers else frozenset(map(environment_number, numbers)),
    )


def environment_number(value: str | int) -> int:
    """dbt's number of an environment. Raises ValueError for anything else."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("an environment is dbt's number for it")
    return int(text)


def words_of(claim: Any) -> list[str | int] | None:
    """The entries of a claim: a list of texts and numbers, or one text with spaces between. None for anything else."""
    if isinstance(claim, str):
        return list(claim.split())
    if isinstance(claim, int) and not isinstance(claim, bool):
        return [claim]
    if isinstance(claim, list) and all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in claim):
        return list(claim)
    return None


def scopes_of(claim: Any) -> frozenset[Scope]:
    """The scopes of ours that a claim names; others are somebody else's."""
    return frozenset(scope for scope in Scope if scope.value in (words_of(claim) or ()))

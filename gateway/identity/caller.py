"""Who asks, as the rooms above the facts see them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from gateway.hierarchy.objects.visibility import EVERYTHING, Visibility


class Scope(StrEnum):
    """What a caller may do beside reading what they see."""

    INTROSPECTION = "introspection"
    METRICS = "metrics"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what exists for them.

    `name` goes into logs and shares the budget of requests fairly; None is a caller nobody asked to identify.
    `dbt_token` is their own token for dbt, with which alone their facts are read; None: the gateway's is used.
    `until` is the `time.monotonic()` at which their credential ends; None: it does not, or nobody knows when.
    """

    name: str | None = None
    visibility: Visibility = EVERYTHING
    scopes: frozenset[Scope] = ALL_SCOPES
    dbt_token: SecretStr | None = None
    until: float | None = None

    @property
    def audience(self) -> Hashable:
        """Callers of an equal audience may be given each other's answers. Holds the dbt token: never to be logged."""
        return self.visibility, self.scopes, self.dbt_token


ANYBODY = Caller()

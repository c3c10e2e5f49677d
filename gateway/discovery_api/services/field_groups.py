"""Which fields of a node are selected, by the groups that a caller switches on and off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.discovery_api.services.selection import Selection

_EXECUTION = frozenset({"return_query"})


@dataclass(frozen=True, slots=True)
class FieldGroups:
    """The fields that are always selected, and the groups by the keyword that switches each."""

    always: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]

    def select(self, node: Selection, options: Mapping[str, Any]) -> None:
        """Selects on `node` what the options ask for.

        A group that is not named is on when no group is, or with `include_all=True`.
        """
        others = bool(options.get("include_all", not any(group in options for group in self.groups)))
        for field in self.always:
            getattr(node, field)()
        for group, fields in self.groups.items():
            if options.get(group, others):
                for field in fields:
                    getattr(node, field)()


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords for BaseQuery.execute, and the others."""
    execution = {name: value for name, value in options.items() if name in _EXECUTION}
    return execution, {name: value for name, value in options.items() if name not in _EXECUTION}


_ALWAYS = ("name", "unique_id", "description", "tags", "resource_type")

_TIMING = (
    "run_generated_at",
    "compile_started_at",
    "compile_completed_at",
    "execute_started_at",
    "execute_completed_at",
    "execution_time",
    "run_elapsed_time",
)

_CODE = ("raw_sql", "compiled_sql", "raw_code", "compiled_code")

MODELS = FieldGroups(
    always=_ALWAYS,
    groups={
        "include_database": ("database", "schema", "alias"),
        "include_run_metadata": ("run_id", "job_id", "invocation_id", "thread_id"),
        "include_timing": _TIMING,
        "include_status": ("status", "error", "skip"),
        "include_code": _CODE,
    },
)

TESTS = FieldGroups(
    always=(*_ALWAYS, "column_name"),
    groups={
        "include_run_metadata": ("run_id", "job_id", "invocation_id"),
        "include_timing": _TIMING,
        "include_status": ("status", "error", "skip", "state", "warn", "fail"),
        "include_code": _CODE,
    },
)

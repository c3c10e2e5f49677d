"""What sets a dbt command apart from an ordinary one: known from its arguments, or by the command as it was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Variant(StrEnum):
    """Why a command's times say little about its ordinary ones."""

    CLONE = "clone"
    EMPTY = "empty"
    SAMPLE = "sample"
    FULL_REFRESH = "fullRefresh"


ALL_VARIANTS = frozenset(Variant)

_OPTIONS = {
    "--empty": Variant.EMPTY,
    "--sample": Variant.SAMPLE,
    "--full-refresh": Variant.FULL_REFRESH,
    "-f": Variant.FULL_REFRESH,
}
_ARGUMENTS = (("empty", Variant.EMPTY), ("sample", Variant.SAMPLE), ("full_refresh", Variant.FULL_REFRESH))


def variant_of_arguments(args: Mapping[str, Any]) -> Variant | None:
    """The variant that an invocation's own arguments say, as dbt writes them beside its results."""
    if args.get("which") == "clone":
        return Variant.CLONE
    flagged = next((variant for name, variant in _ARGUMENTS if args.get(name)), None)
    if flagged is not None:
        return flagged
    typed = args.get("invocation_command")
    variant_of_command = variant_of_commands([typed]) if isinstance(typed, str) else None
    denied = {variant for name, variant in _ARGUMENTS if args.get(name) is False}
    return None if variant_of_command in denied else variant_of_command


def variant_of_commands(commands: Iterable[str]) -> Variant | None:
    """The variant of a run of these commands; `clone` only where no other command builds anything."""
    typed = [command.split() for command in commands]
    building = [words for words in typed if {"build", "run", "seed", "snapshot", "clone"} & set(words)]
    if building and all("clone" in words for words in building):
        # Also with --full-refresh, which `dbt clone` takes: who asks for full refreshes does not ask for clones.
        return Variant.CLONE
    options = {
        _OPTIONS[word.partition("=")[0]] for words in typed for word in words if word.partition("=")[0] in _OPTIONS
    }
    return next((variant for _, variant in _ARGUMENTS if variant in options), None)

"""What sets a dbt command apart from the ordinary one of its kind, as its own arguments say."""

from __future__ import annotations

from enum import StrEnum

from gateway.archive.artifacts.artifact_files import RunArgs


class Variant(StrEnum):
    """Why a command's times say little about its ordinary ones. The archive keeps the values."""

    CLONE = "clone"
    EMPTY = "empty"
    SAMPLE = "sample"
    FULL_REFRESH = "full_refresh"


NOT_BUILDING = frozenset({Variant.CLONE, Variant.EMPTY, Variant.SAMPLE})
"""Commands that leave no table with its data behind: they succeed, but are no last success of a model."""

_OPTIONS = (
    (Variant.EMPTY, ("--empty",)),
    (Variant.SAMPLE, ("--sample",)),
    (Variant.FULL_REFRESH, ("--full-refresh", "-f")),
)


def variant_of(args: RunArgs) -> Variant | None:
    """The variant that a command's arguments say; None for an ordinary command, and where nothing says so."""
    if args.which == "clone":
        return Variant.CLONE
    for variant, value in ((Variant.EMPTY, args.empty), (Variant.SAMPLE, args.sample)):
        if value:
            return variant
    return Variant.FULL_REFRESH if args.full_refresh else _typed_variant(args)


def _typed_variant(args: RunArgs) -> Variant | None:
    """An argument that dbt did not write down may still stand in the command as it was typed."""
    words = (args.invocation_command or "").split()
    typed = {word.partition("=")[0] for word in words}
    untold = {Variant.EMPTY: args.empty, Variant.SAMPLE: args.sample, Variant.FULL_REFRESH: args.full_refresh}
    return next(
        (variant for variant, options in _OPTIONS if untold[variant] is None and not typed.isdisjoint(options)), None
    )


def with_option(command: str, variant: str | None) -> str:
    """The command with the option of its variant, which may have stood in a variable of the environment."""
    options = dict(_OPTIONS).get(Variant(variant), ()) if variant else ()
    typed = {word.partition("=")[0] for word in command.split()}
    return command if not options or not typed.isdisjoint(options) else f"{command} {options[0]}"


def is_typed_in(steps: str, variant: str | None) -> bool:
    """Whether the steps of a job, as text, name a variant."""
    if variant is None:
        return False
    words = ("clone",) if variant == Variant.CLONE else dict(_OPTIONS)[Variant(variant)]
    return any(f" {word}" in steps for word in words)

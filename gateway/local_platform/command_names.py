"""What a dbt command is called, from the arguments that dbt wrote beside its results."""

from __future__ import annotations

from gateway.local_platform.artifacts import RunArgs

_TYPED = {"generate": "docs", "freshness": "source"}


def title_of(command: str | None, args: RunArgs) -> str:
    """The command with its selection, as a job would be named: `dbt build --select tag:daily`."""
    words = ["dbt", {"generate": "docs generate"}.get(command or "", command or "parse")]
    for option, value in (("--select", args.select or args.models), ("--exclude", args.exclude)):
        if value:
            words += [option, *(str(item) for item in (value if isinstance(value, list) else [value]))]
    return " ".join(words)


def step_name(command: str | None, args: RunArgs) -> str:
    """The name dbt Cloud would give the step: the command as it was typed, without the options before it."""
    return f"Invoke dbt with `{_typed(args) or title_of(command, args)}`"


def _typed(args: RunArgs) -> str | None:
    """A program that calls dbt from Python leaves its own arguments here: they are not believed to be a command."""
    words = (args.invocation_command or "").split(" ")
    first_words = {args.which, _TYPED.get(args.which or ""), "retry"}
    place = next((index for index, word in enumerate(words) if index and word in first_words), None)
    return " ".join(["dbt", *words[place:]]) if place else None

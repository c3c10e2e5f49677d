"""What a dbt command is called, from the arguments that dbt wrote beside its results."""

from __future__ import annotations

from gateway.archive.artifacts.artifact_files import RunArgs

_TYPED = {"generate": "docs", "freshness": "source"}


def title_of(command: str | None, args: RunArgs) -> str:
    """The command with all that selects its nodes, as a job would be named: `dbt build --select tag:daily`.

    The target is known from the environment, and a full refresh is a property of the run, not of the job. What `dbt
    retry` of dbt 1.7 writes as empty texts selects nothing: it belongs to the job it repeats.
    """
    words = ["dbt", {"generate": "docs generate"}.get(command or "", command or "parse")]
    words += _selected(args.macro) if command == "run-operation" else []
    for option, values in (
        ("--select", _selected(args.select) or _selected(args.models)),
        ("--exclude", _selected(args.exclude)),
        ("--selector", _selected(args.selector)),
        ("--resource-type", sorted(set(_selected(args.resource_types)) - {"all"})),
        ("--exclude-resource-type", sorted(set(_selected(args.exclude_resource_types)))),
    ):
        words += [option, *values] if values else []
    return " ".join(words)


def _selected(value: object) -> list[str]:
    """The texts of an argument, which dbt writes as a text, a list, or lists in a list."""
    if isinstance(value, list | tuple):
        return [text for item in value for text in _selected(item)]
    text = "" if value is None or isinstance(value, bool | dict) else str(value).strip()
    return [text] if text else []


def step_name(command: str | None, args: RunArgs) -> str:
    """The name dbt Cloud would give the step: the command as it was typed, without the options before it."""
    return f"Invoke dbt with `{command_line(command, args)}`"


def command_line(command: str | None, args: RunArgs) -> str:
    """The command as it was typed, without the options before it."""
    return _typed(args) or title_of(command, args)


def _typed(args: RunArgs) -> str | None:
    """A program that calls dbt from Python leaves its own arguments here: they are not believed to be a command."""
    words = (args.invocation_command or "").split(" ")
    first_words = {args.which, _TYPED.get(args.which or ""), "retry"}
    place = next((index for index, word in enumerate(words) if index and word in first_words), None)
    return " ".join(["dbt", *words[place:]]) if place else None

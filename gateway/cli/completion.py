"""`gateway completion bash|zsh|fish`: a script by which a shell completes commands and their options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.cli.options import build_parser


class OptionWord(NamedTuple):
    """One option as it is typed, with its help, the words it takes, and whether it takes any value at all."""

    flag: str
    help: str
    choices: tuple[str, ...]
    takes_value: bool


class CommandWord(NamedTuple):
    """One command with its help, its options, and the words that may follow it."""

    name: str
    help: str
    options: tuple[OptionWord, ...]
    choices: tuple[str, ...]


def print_completion(options: argparse.Namespace) -> int:
    """Prints the script of a shell."""
    script = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}[options.shell]
    sys.stdout.write(script(command_words(build_parser())))
    return 0


def command_words(parser: argparse.ArgumentParser) -> list[CommandWord]:
    """The commands of a parser and what may be typed after each."""
    (commands,) = (action for action in _actions(parser) if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    return [
        CommandWord(name, _line(helps.get(name, "")), tuple(_options(subparser)), tuple(_positions(subparser)))
        for name, subparser in commands.choices.items()
    ]


def bash_script(commands: Sequence[CommandWord]) -> str:
    """For `~/.bashrc`: eval "$(gateway completion bash)"."""
    cases = []
    for command in commands:
        values = "".join(
            f"        {command.name}:{option.flag}) words={_quoted(' '.join(option.choices))} ;;\n"
            for option in command.options
            if option.takes_value
        )
        words = " ".join([*(option.flag for option in command.options), *command.choices])
        cases.append(f"{values}        {command.name}:*) words={_quoted(words)} ;;\n")
    names = " ".join(command.name for command in commands)
    return (
        "_gateway() {\n"
        "    local words='' current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
        f'    if [ "$COMP_CWORD" -eq 1 ]; then words={_quoted(names)}\n'
        '    else case "${COMP_WORDS[1]}:$before" in\n'
        f"{''.join(cases)}"
        "    esac fi\n"
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))\n'
        "}\n"
        "complete -o default -F _gateway gateway\n"
    )


def zsh_script(commands: Sequence[CommandWord]) -> str:
    """For `~/.zshrc`: source <(gateway completion zsh)."""
    names = " ".join(_quoted(f"{command.name}:{command.help}") for command in commands)
    cases = []
    for command in commands:
        rules = [_quoted(_zsh_rule(option)) for option in command.options]
        rest = f"({' '.join(command.choices)})" if command.choices else "_files"
        cases.append(f"        {command.name}) _arguments {' '.join([*rules, _quoted(f'*: :{rest}')])} ;;\n")
    return (
        "#compdef gateway\n"
        "_gateway() {\n"
        f"    local -a commands=({names})\n"
        "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
        "    local chosen=$words[2]\n"
        "    shift words; (( CURRENT-- ))\n"
        "    case $chosen in\n"
        f"{''.join(cases)}"
        "    esac\n"
        "}\n"
        "compdef _gateway gateway\n"
    )


def fish_script(commands: Sequence[CommandWord]) -> str:
    """For `~/.config/fish/config.fish`: gateway completion fish | source."""
    lines = []
    for command in commands:
        description = f" -d {_quoted(command.help)}" if command.help else ""
        lines.append(f"complete -c gateway -f -n __fish_use_subcommand -a {command.name}{description}")
        seen = _quoted(f"__fish_seen_subcommand_from {command.name}")
        for option in command.options:
            words = f" -a {_quoted(' '.join(option.choices))}" if option.choices else ""
            value = " -r" if option.takes_value else ""
            name = option.flag.removeprefix("--")
            lines.append(f"complete -c gateway -n {seen} -l {name}{value}{words} -d {_quoted(option.help)}")
        if command.choices:
            lines.append(f"complete -c gateway -f -n {seen} -a {_quoted(' '.join(command.choices))}")
    return "\n".join(lines) + "\n"


def _zsh_rule(option: OptionWord) -> str:
    description = option.help.replace("[", "(").replace("]", ")").replace(":", " ")
    if not option.takes_value:
        return f"*{option.flag}[{description}]"
    return f"*{option.flag}[{description}]: :{'(' + ' '.join(option.choices) + ')' if option.choices else '_files'}"


def _options(parser: argparse.ArgumentParser) -> Iterator[OptionWord]:
    for action in _actions(parser):
        flags = [flag for flag in action.option_strings if flag.startswith("--")]
        if flags:
            yield OptionWord(
                flags[0], _line(action.help or ""), tuple(map(str, action.choices or ())), action.nargs != 0
            )


def _positions(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in _actions(parser):
        if not action.option_strings:
            yield from map(str, action.choices or ())


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # argparse has no other way to read a grammar back


def _line(text: str) -> str:
    return " ".join(text.replace("%%", "%").split())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

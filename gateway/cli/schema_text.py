"""The command that prints the GraphQL schema, or compares a file with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from graphql import BreakingChange, build_schema, find_breaking_changes

from gateway.cli.schema_usage import usage_of, users_of
from gateway.cli.terminal import complain, say
from gateway.errors import ConfigurationError
from gateway.schema import build
from gateway.schema.roots.authenticated import with_authentication


def print_or_check(options: argparse.Namespace) -> int:
    """`gateway schema`: prints the SDL, or compares it with a file."""
    if options.usage and options.check is None:
        raise ConfigurationError("--usage needs --check: give --check FILE too.")
    sdl = build.print_sdl(build.build_schema())
    if options.authenticated:
        sdl = with_authentication(sdl)
    if options.check is None:
        sys.stdout.write(sdl)
        return 0
    recorded = _read(options.check)
    if recorded == sdl:
        say(f"{options.check} is the schema of this version.")
        return 0
    breaking, usage = _breaking_changes(recorded, sdl), usage_of(options.usage)
    complain(f"{options.check} is not the schema of this version. Update it: gateway schema > {options.check}")
    for change in breaking:
        complain(f"  breaks clients: {change.description}")
        if usage is not None:
            for line in users_of(change, usage):
                complain(f"    {line}")
    return 1


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as unreadable:
        raise ConfigurationError(f"{file} cannot be read: {unreadable.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not a text in UTF-8.") from None


def _breaking_changes(old: str, new: str) -> list[BreakingChange]:
    try:
        return find_breaking_changes(*(build_schema(sdl, assume_valid_sdl=True) for sdl in (old, new)))
    except Exception as unreadable:  # graphql-core raises many kinds for a text that is not a schema
        reason = str(unreadable).splitlines()[0]
        raise ConfigurationError(f"The file to check is not a GraphQL schema: {reason}") from None

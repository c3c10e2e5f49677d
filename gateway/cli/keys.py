"""`gateway key new`: an API key, shown once, and the lines that let its holder in."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta

from gateway.cli.terminal import say
from gateway.errors import ConfigurationError
from gateway.identity.api_keys import hash_of_key, new_key

_LONGEST_NAME = 100


def make_key(options: argparse.Namespace) -> int:
    """Shows a new key and its entry for the configuration file."""
    if not 1 <= len(options.name) <= _LONGEST_NAME or not options.name.isprintable():
        raise ConfigurationError(f"The name of a key has 1 to {_LONGEST_NAME} printable characters.")
    key = new_key()
    say(f"Give this to {options.name}; it is not shown again and not stored anywhere:")
    say("")
    say(f"  {key}")
    say("")
    say("Add these lines to the file that GATEWAY_CONFIG names:")
    say("")
    for line in _entry(key, options):
        say(line)
    return 0


def _entry(key: str, options: argparse.Namespace) -> list[str]:
    lines = [
        "[[api_keys]]",
        f"name = {json.dumps(options.name)}",
        f'sha256 = "{hash_of_key(key)}"',
        f"projects = {json.dumps(options.project or ['*'])}",
    ]
    if options.environment:
        lines.append(f"environments = {json.dumps(options.environment)}")
    if options.scope:
        lines.append(f"scopes = {json.dumps(options.scope)}")
    if options.days is not None:
        try:
            expires = datetime.now(UTC) + timedelta(days=options.days)
        except OverflowError:
            raise ConfigurationError(f"--days {options.days} is further than a calendar goes.") from None
        lines.append(f"expires = {expires:%Y-%m-%dT%H:%M:%SZ}")
    return lines

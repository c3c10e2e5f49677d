"""What is wrong with a configuration: which variable or which line of the file, what was given, and what would do."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from gateway.errors import ConfigurationError

PREFIX = "GATEWAY_"
_LONGEST_VALUE = 60
# Keys of tables whose values no message repeats.
_SECRET_KEYS = frozenset({"key", "password", "token", "url"})
# A token is masked wherever dbt's answers contain it. A shorter text occurs there by chance, and masking breaks them.
_SHORTEST_TOKEN = 8

_SECRET_TYPES = ("SecretStr", "PurgeSetting")

RENAMED = {
    "history_url": (
        "Use archive_url (GATEWAY_ARCHIVE_URL) with the same database: its runs are taken over (docs/freshness.md)."
    )
}
"""Settings of earlier versions, and what to do."""

UNSIGNED = (
    "cache_url is set, but no secret to sign shared data: anyone with access to Redis could forge it. Set "
    "GATEWAY_CACHE_SECRET to one secret for all replicas."
)


@dataclass(frozen=True)
class Given:
    """Where settings come from: the environment, a TOML file, and by hand (options, arguments), which come first."""

    environment: Mapping[str, str]
    file: Path | None
    by_hand: Collection[str]

    def place_of(self, name: str, others: Sequence[str], rest: Sequence[str | int]) -> str:
        """Where a setting, or what lies `rest` deep in it, was given. `others` are names of variables for it too."""
        if name in self.by_hand:
            return ".".join([name, *map(str, rest)])
        for variable in (f"{PREFIX}{name.upper()}", *others):
            if variable in self.environment:
                return ".".join([variable, *map(str, rest)])
        line = None if self.file is None else line_of(self.file, [name, *rest])
        path = ".".join(map(str, [name, *rest]))
        return path if line is None else f"{self.file}, line {line}: {path}"


def explain_settings(invalid: ValidationError, fields: Mapping[str, FieldInfo], sources: Given) -> str:
    """Each problem in one sentence. Values of secrets are not repeated."""
    return "; ".join(_explained(problem, fields, sources) for problem in invalid.errors(include_url=False))


def check_service_token(token: SecretStr | None, *, is_needed: bool) -> None:
    """Raises ConfigurationError where the token for dbt is missing, or too short to be one."""
    if token is None and is_needed:
        raise ConfigurationError("discovery_url is set, but no token: set GATEWAY_SERVICE_TOKEN or DBT_SERVICE_TOKEN.")
    if token is not None and len(token.get_secret_value()) < _SHORTEST_TOKEN:
        raise ConfigurationError(
            f"GATEWAY_SERVICE_TOKEN has fewer than {_SHORTEST_TOKEN} characters, and dbt's service tokens have 40 and "
            "more: copy the whole token. (DBT_SERVICE_TOKEN stands in where it is not set.)"
        )


def refuse_unknown(environment: Iterable[str], fields: Iterable[str]) -> None:
    """Raises ConfigurationError for a variable that is misspelt: it would be a setting silently not made."""
    known = {f"{PREFIX}{name.upper()}" for name in fields}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            renamed = RENAMED.get(name.removeprefix(PREFIX).lower())
            hint = renamed or _hint(get_close_matches(name, known, n=1))
            raise ConfigurationError(f"{name} is no setting of the gateway. {hint}")


def deny_local(archive_url: SecretStr | None, pass_through_tokens: bool) -> None:
    """Raises ConfigurationError for what only means something where dbt Cloud is served."""
    if archive_url is not None:
        raise ConfigurationError(
            "archive_url is set, but no discovery_url. To serve an archive without dbt Cloud, set store_url."
        )
    if pass_through_tokens:
        raise ConfigurationError("pass_through_tokens is set, but no discovery_url: local runs take no dbt tokens.")


def _explained(problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], sources: Given) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    first, *rest = problem["loc"]
    name = _field_name(str(first), fields)
    others = [] if name not in fields else _aliases(fields[name])
    place = sources.place_of(name, others, rest)
    if problem["type"] == "extra_forbidden":
        close = [] if rest else get_close_matches(name, fields, n=1)
        return f"{place} is no setting of the gateway. {RENAMED.get(name) or _hint(close)}"
    is_secret = name not in fields or _is_secret(fields[name]) or not _SECRET_KEYS.isdisjoint(map(str, rest))
    shown = _shown(problem["input"], is_secret=is_secret)
    meaning = "" if rest or name not in fields else f" Its meaning: {fields[name].description}"
    return f"{place}{shown}: {message}.{meaning}"


def _hint(close: Sequence[str]) -> str:
    return f"Did you mean {close[0]}?" if close else "docs/settings.md lists them all."


def _shown(value: object, *, is_secret: bool) -> str:
    if is_secret or isinstance(value, Mapping):
        return ""
    text = repr(value)
    if "@" in text:
        # An address with a password in it.
        return ""
    return f" is {text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"


def _is_secret(field: FieldInfo) -> bool:
    return any(name in str(field.annotation) for name in _SECRET_TYPES)


def _aliases(field: FieldInfo) -> list[str]:
    choices = getattr(field.validation_alias, "choices", [])
    return [choice for choice in choices if isinstance(choice, str)]


def _field_name(loc: str, fields: Mapping[str, FieldInfo]) -> str:
    """The setting that a place in pydantic's error stands for: it may be the name of its variable."""
    return next((name for name, field in fields.items() if loc in (name, *_aliases(field))), loc)


def line_of(file: Path, path: Sequence[str | int]) -> int | None:
    """The line (from 1) of a TOML file on which a value stands; None when it cannot be known."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found_at, start = None, 0
    key, *rest = path
    for step in [key, *rest]:
        if isinstance(step, int):
            tables = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{re.escape(str(key))}\s*\]\]", line)]
            place = tables[step] if step < len(tables) else None
        else:
            word = re.escape(step)
            pattern = rf"\s*(\"?{word}\"?\s*=|\[+\s*{word}\s*\]+)"
            place = next((n for n in range(start, len(lines)) if re.match(pattern, lines[n])), None)
        if place is None:
            break
        found_at = start = place
    return None if found_at is None else found_at + 1


def problem_with_tables(environment: Mapping[str, str]) -> str:
    """Which of the variables that must be JSON is not."""
    for name in ("GATEWAY_PROJECTS", "GATEWAY_API_KEYS", "GATEWAY_PURGE"):
        try:
            json.loads(environment.get(name, "[]"))
        except ValueError as broken:
            return f"{name} is no JSON ({broken}); it is a list of tables, which can also be in a file."
    return "A variable of the gateway cannot be read: tables are written as JSON in the environment."


def warning_of_secrets(file: Path | None, fields: Mapping[str, FieldInfo]) -> str | None:
    """A line for a configuration file that holds secrets and that every user of the machine may read; else None.

    Hashes of API keys are no secrets.
    """
    try:
        if file is None or not file.stat().st_mode & stat.S_IROTH:
            return None
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None  # shown where the file is read
    names = {_field_name(name, fields) for name, value in content.items() if _holds_password(value)}
    secret = sorted(names | {name for name in content if name in fields and _is_secret(fields[name])})
    if not secret:
        return None
    return f"warning: every user of this machine may read {file}, which holds {', '.join(secret)}: chmod 600 {file}"


def _holds_password(value: object) -> bool:
    return isinstance(value, str) and re.search(r"://[^/@]*:[^/@]+@", value) is not None

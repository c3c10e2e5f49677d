"""Who uses what a breaking change takes away, as `/usage` of running gateways reports it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from graphql import BreakingChange, BreakingChangeType

from gateway.errors import ConfigurationError
from gateway.http.observability.field_usage import UsageReport, lines_about, read_usage

_SECONDS = 10
_MOST_BYTES = 64 * 1024 * 1024

# graphql-core names what has changed by its schema coordinate.
_MEMBER = re.compile(r"(?<!@)\b(\w+)\.(\w+)(\(\w+:\))?")
_TYPE = re.compile(r"^(?:Standard scalar )?(\w+) ")


def usage_of(places: Sequence[str]) -> UsageReport | None:
    """What gateways have counted, added up; None where no place is given. Raises ConfigurationError."""
    usages = [_read(place) for place in places]
    for other in usages[1:]:
        usages[0].include(other)
    return usages[0] if usages else None


def users_of(change: BreakingChange, usage: UsageReport) -> list[str]:
    """A line for each client that asks for what the change is about."""
    lines = lines_about(usage, _coordinates(change, usage), _moment)
    return lines or [f"not asked for since {_moment(usage.since)}"]


def _coordinates(change: BreakingChange, usage: UsageReport) -> Iterator[str]:
    member, type_name = _MEMBER.search(change.description), _TYPE.search(change.description)
    if member is None:
        yield from _of_type(type_name[1], usage) if type_name else ()
    elif change.type is BreakingChangeType.REQUIRED_INPUT_FIELD_ADDED:
        yield from _of_type(member[1], usage)
    elif change.type is BreakingChangeType.REQUIRED_ARG_ADDED:
        yield f"{member[1]}.{member[2]}"
    else:
        # The type itself is counted where a variable has it: which fields of an input were given is not.
        yield from (member[0], member[1])


def _of_type(name: str, usage: UsageReport) -> Iterator[str]:
    yield from (text for text in usage.coordinates if text == name or text.startswith(f"{name}."))


def _read(place: str) -> UsageReport:
    try:
        if not place.startswith(("http://", "https://")):
            return read_usage(Path(place).read_bytes())
        with urlopen(place, timeout=_SECONDS) as response:  # noqa: S310  # http or https, see above
            content: bytes = response.read(_MOST_BYTES)
            return read_usage(content)
    except (URLError, OSError) as unreadable:
        raise ConfigurationError(f"{place} cannot be read: {unreadable}.") from None
    except ValueError as broken:
        raise ConfigurationError(f"{place} is not what /usage of a gateway answers: {broken}.") from None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

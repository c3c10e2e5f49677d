"""Times as the archive keeps them: whole microseconds since 1970, UTC. Artifacts write them in several forms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC by definition; without an offset it prints ten times faster
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
# As far as calendars go: what lies beyond could be stored but never shown.
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_FAR = float(LATEST - _EARLIEST)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970; a time without an offset is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def parse_micros(text: str | None) -> int | None:
    """Reads ISO times with `Z` or an offset, `T` or a blank, and up to nanoseconds. None for no or unreadable text."""
    if not text:
        return None
    try:
        micros = to_micros(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
    return micros if _EARLIEST <= micros <= LATEST else None  # an offset may lead beyond


def moved(micros: int, seconds: float) -> int:
    """The moment so many seconds after `micros`, or before it; never beyond the calendar, whatever a file claims."""
    shift = min(max(seconds * 1_000_000, -_FAR), _FAR)
    return min(max(micros + round(shift), _EARLIEST), LATEST)


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of `micros`."""
    return _EPOCH + timedelta(microseconds=micros)


def iso_millis(micros: int) -> str:
    """As the Discovery API prints times: `2026-03-11T05:00:20.644Z`; digits below a millisecond are cut."""
    return (_NAIVE_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="milliseconds") + "Z"


def iso_millis_of(times: Iterable[int | None]) -> list[str | None]:
    """The same of many; null stays null. Times of one run share their minutes, whose text is made once."""
    minutes: dict[int, str] = {}
    texts: list[str | None] = []
    for micros in times:
        if micros is None:
            texts.append(None)
            continue
        minute, rest = divmod(micros, _MINUTE)
        begin = minutes.get(minute)
        if begin is None:
            begin = minutes[minute] = (_NAIVE_EPOCH + timedelta(minutes=minute)).isoformat()[:-2]
        texts.append("%s%06.3fZ" % (begin, rest // 1000 / 1000))  # noqa: UP031  # half the time of an f-string
    return texts


def iso_micros(micros: int | None) -> str | None:
    """As the Admin API prints times: `2026-03-11 05:00:20.644000+00:00`."""
    if micros is None:
        return None
    return from_micros(micros).isoformat(" ", timespec="microseconds")


def clock(seconds: float | None) -> str | None:
    """A duration as the Admin API prints it: `HH:MM:SS`, hours unbounded."""
    if seconds is None:
        return None
    whole = max(0, int(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def spoken(seconds: float | None) -> str | None:
    """A duration as the Admin API reports it to people, by its two greatest units: `12 minutes, 47 seconds`."""
    if seconds is None:
        return None
    left = max(0, int(seconds))
    parts = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(parts[:2]) or "0 seconds"

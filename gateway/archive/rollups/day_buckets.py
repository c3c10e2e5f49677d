"""What a resource did in a month, packed: a bucket for each day of UTC on which it had results.

A bucket counts the results that count for ordinary averages (`count`, with the sum, minimum, maximum and distribution
of their runtimes), the failures and what was reused. Up to five runtimes are kept as they are; more become a
logarithmic histogram whose bins are at most 2 % wide, so that a percentile read from it is at most 1 % off. Buckets of
any resources and days add up to one, in any order. A month is the sum of its days.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.errors import ConfigurationError

MOST_RUNTIMES = 5
RELATIVE_ERROR = 0.01
_GROWTH = math.log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))
_SHORTEST = 1e-6  # seconds; what is shorter has the lowest bin
_LOWEST = math.ceil(math.log(_SHORTEST) / _GROWTH)
_MOST_NANOSECONDS = 2**63 - 1

_HEAD = struct.Struct("<BIII")  # day of the month, count, failures, reused
_FIGURES = struct.Struct("<qdd")  # the sum in nanoseconds, minimum, maximum
_LENGTH = struct.Struct("<H")  # of the bucket before it, below 2**15: the last bucket is found from the end
# Flag of plain days, which have neither failures nor anything reused: the day, runtimes, the length of both, in a byte
# each but for the runtimes. Day and length bear the flag.
_SHORT = 0x80


@dataclass(slots=True)
class Bucket:
    """What one resource, or several, did in one day, or in several.

    `runtimes`: of the `count` results, in seconds, ascending, while there are at most MOST_RUNTIMES; () after that.
    `bins`: how many lie in each bin of the histogram; empty while `runtimes` are there. `nanoseconds`: the sum, each
    runtime rounded to whole nanoseconds, so that it does not depend on an order.
    """

    count: int = 0
    failures: int = 0
    reused: int = 0
    nanoseconds: int = 0
    minimum: float | None = None
    maximum: float | None = None
    runtimes: tuple[float, ...] = ()
    bins: dict[int, int] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether percentiles are exact, and not read from the histogram."""
        return len(self.runtimes) == self.count

    @property
    def total(self) -> float:
        """The sum of the runtimes in seconds."""
        return math.fsum(self.runtimes) if self.exact else self.nanoseconds / 1e9

    @property
    def mean(self) -> float | None:
        """total / count in seconds; None where nothing counts."""
        return self.total / self.count if self.count else None

    def add(self, seconds: float) -> None:
        """Takes in one more runtime."""
        self.merge(Bucket(1, 0, 0, _nanoseconds(seconds), seconds, seconds, (seconds,)))

    def merge(self, other: Bucket) -> None:
        """Takes in all of another bucket."""
        if other.count:
            self._merge_runtimes(other)
        self.failures += other.failures
        self.reused += other.reused

    def _merge_runtimes(self, other: Bucket) -> None:
        if self.minimum is None or self.maximum is None or other.minimum is None or other.maximum is None:
            self.minimum, self.maximum = other.minimum, other.maximum
        else:
            self.minimum, self.maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        if self.exact and other.exact and self.count + other.count <= MOST_RUNTIMES:
            self.runtimes = tuple(sorted(self.runtimes + other.runtimes))
        else:
            bins = Counter(self._binned())
            bins.update(other._binned())
            self.runtimes, self.bins = (), bins
        self.count += other.count
        self.nanoseconds = min(self.nanoseconds + other.nanoseconds, _MOST_NANOSECONDS)

    def _binned(self) -> dict[int, int]:
        return Counter(map(bin_of, self.runtimes)) if self.exact else self.bins

    def percentile(self, fraction: float) -> float | None:
        """The runtime below which `fraction` of the runtimes lie, in seconds; None where nothing counts.

        Interpolated linearly between the two closest ranks (rank = fraction × (count − 1)); unless `exact`, each is at
        most RELATIVE_ERROR off. Never beyond minimum and maximum.
        """
        if not self.count or self.minimum is None or self.maximum is None:
            return None
        rank = fraction * (self.count - 1)
        below = math.floor(rank)
        low, high = self._ranked(below), self._ranked(min(below + 1, self.count - 1))
        return min(max(low + (high - low) * (rank - below), self.minimum), self.maximum)

    def _ranked(self, rank: int) -> float:
        if self.exact:
            return self.runtimes[rank]
        seen = 0
        for place in sorted(self.bins):
            seen += self.bins[place]
            if seen > rank:
                return value_of(place)
        return value_of(max(self.bins))


def bin_of(seconds: float) -> int:
    """The bin of a runtime: bin b holds what lies in (g^(b−1), g^b], g = (1 + e) / (1 − e), e = RELATIVE_ERROR."""
    return _LOWEST if seconds <= _SHORTEST else math.ceil(math.log(seconds) / _GROWTH)


def value_of(place: int) -> float:
    """The value that stands for a bin, in seconds: at most RELATIVE_ERROR off every runtime in it."""
    return 0.0 if place <= _LOWEST else math.exp(place * _GROWTH) * (1 - RELATIVE_ERROR)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def pack_day(day: int, bucket: Bucket) -> bytes:
    """One bucket as the archive keeps it. `day`: 1 to 31."""
    if bucket.exact and not bucket.failures and not bucket.reused:
        return pack_plain_day(day, bucket.runtimes)
    body = _HEAD.pack(day, bucket.count, bucket.failures, bucket.reused) + _packed_runtimes(bucket)
    return body + _LENGTH.pack(len(body))


def pack_plain_day(day: int, runtimes: Sequence[float]) -> bytes:
    """A day with nothing but these runtimes, ascending and at most MOST_RUNTIMES."""
    count = len(runtimes)
    return struct.pack(f"<B{count}dB", day | _SHORT, *runtimes, 1 + 8 * count | _SHORT)


def plain_last_day(packed: bytes, day: int) -> tuple[bytes, list[float]] | None:
    """What `pack_plain_day` was told of `day` if this is the last of a month, and the days before it; no runtimes where
    the last is an earlier one; None where it is not plain."""
    if not packed:
        return b"", []
    length = packed[-1] & ~_SHORT
    begin = len(packed) - 1 - length
    if not packed[-1] & _SHORT or begin < 0 or not packed[begin] & _SHORT:
        return None
    if packed[begin] != day | _SHORT:
        return packed, []
    return packed[:begin], list(struct.unpack_from(f"<{length // 8}d", packed, begin + 1))


def _doubles(values: tuple[float, ...]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def _packed_runtimes(bucket: Bucket) -> bytes:
    if bucket.exact:
        return _doubles(bucket.runtimes)
    places = sorted(bucket.bins)
    figures = _FIGURES.pack(bucket.nanoseconds, bucket.minimum or 0.0, bucket.maximum or 0.0)
    pairs = (part for place in places for part in (place, bucket.bins[place]))
    return figures + struct.pack("<" + "hI" * len(places), *pairs)


def unpack_days(packed: bytes) -> dict[int, Bucket]:
    """The buckets of a month by day, ascending. Raises ConfigurationError when these are no buckets."""
    return dict(sorted(_backwards(packed)))


def last_day(packed: bytes) -> tuple[int, Bucket, bytes]:
    """The newest day of a month, its bucket, and the month without it. Raises ConfigurationError."""
    day, bucket = next(_backwards(packed))
    return day, bucket, packed[: _begin_of_last(packed, len(packed))[0]]


def _backwards(packed: bytes) -> Iterator[tuple[int, Bucket]]:
    end = len(packed)
    try:
        while end:
            begin, body_end = _begin_of_last(packed, end)
            yield _unpack(packed[begin:body_end])
            end = begin
    except (struct.error, ValueError) as error:
        raise damaged("resource_months") from error


def _begin_of_last(packed: bytes, end: int) -> tuple[int, int]:
    """Where the last day before `end` begins, and where its length stands. Raises ValueError and struct.error."""
    if packed[end - 1] & _SHORT:
        length, behind = packed[end - 1] & ~_SHORT, end - 1
    else:
        (length,), behind = _LENGTH.unpack_from(packed, end - 2), end - 2
    if not 1 <= length <= behind:
        raise ValueError(length)
    return behind - length, behind


def _unpack(body: bytes) -> tuple[int, Bucket]:
    if body[0] & _SHORT:
        # Earlier versions wrote the number of runtimes behind the day.
        rest = body[1 + (len(body) - 1) % 8 :]
        day, count, failures, reused = body[0] & ~_SHORT, len(rest) // 8, 0, 0
    else:
        day, count, failures, reused = _HEAD.unpack_from(body)
        rest = body[_HEAD.size :]
    if len(rest) == 8 * count and count <= MOST_RUNTIMES:
        runtimes = struct.unpack(f"<{count}d", rest)
        total = sum(map(_nanoseconds, runtimes))
        low, high = (runtimes[0], runtimes[-1]) if runtimes else (None, None)
        return day, Bucket(count, failures, reused, total, low, high, runtimes)
    total, minimum, maximum = _FIGURES.unpack_from(rest)
    pairs = iter(struct.iter_unpack("<hI", rest[_FIGURES.size :]))
    return day, Bucket(count, failures, reused, total, minimum, maximum, (), dict(pairs))


def damaged(table: str) -> ConfigurationError:
    """What to say when a roll-up cannot be read."""
    return ConfigurationError(
        f"The archive's table {table} is damaged: a row is not as this program writes it. The runs themselves are not "
        "affected: recompute the roll-ups with `gateway archive rebuild-rollups --store URL`."
    )


def merged(buckets: Iterable[Bucket]) -> Bucket:
    """All of these in one."""
    total = Bucket()
    for bucket in buckets:
        total.merge(bucket)
    return total

"""What browsers and caches in front may do with the answer to a GET: for how long it is fresh, and the tag by which
they learn that it still is what they hold (RFC 9111; RFC 9110, 8.8.3 and 13.1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from gateway.execution.request import Answer, Lasting, tags_of

Header = tuple[bytes, bytes]

NO_STORE = (b"cache-control", b"no-store")
LONGEST_SECONDS = 60
"""What changes before its time (a webhook, a new revision) ends here at once and elsewhere is not heard of."""

# What the answer depends on beside its address. A public one is the same for everybody.
_VARY_PUBLIC = b"Accept, Accept-Encoding, Origin"
_VARY_PRIVATE = b"Accept, Accept-Encoding, Origin, Authorization, X-API-Key, X-dbt-Token"
_VALIDATORS = (b"etag", b"vary")
TAG_HEADERS = (b"cache-tag", b"edge-cache-tag", b"surrogate-key", b"xkey")
_DIVIDED_BY_SPACES = (b"surrogate-key", b"xkey")
# Proxies take headers of 8 KiB and less. Only references to hundreds of entities have more, and routers ask for those.
_LONGEST_TAGS = 4_000
# Hashing takes about a millisecond for each MiB, and nobody else runs meanwhile.
_LARGEST_TAGGED = 4 * 1024 * 1024
# What `extensions.gateway` says of the data; the rest, counts and ages, differs each time.
_TOLD = (
    "stale",
    "staleReasons",
    "staleEnvironments",
    "incomplete",
    "notes",
    "inferred",
    "historySources",
    "historySince",
)


@dataclass(frozen=True, slots=True)
class CacheControl:
    """`is_public` where nobody is asked who they are, and caches shared by several people may keep answers.

    `tag_header` is the header, in lower case, that repeats an answer's cache tags for CDNs. With it answers to POST
    say how long they are fresh too: routers keep those. No HTTP cache does (RFC 9110, 9.3.3).
    """

    is_public: bool = False
    tag_header: bytes | None = None

    def applies_to(self, method: str) -> bool:
        """Whether answers to this method say how long they are fresh."""
        return method == "GET" or self.tag_header is not None

    def headers(self, answer: Answer, body: bytes, media_type: bytes, method: str = "GET") -> list[Header]:
        """Cache-Control, ETag and Vary of a whole answer, with its tags; only the first for one that nobody may keep.
        Answers to POST have no ETag and no Vary.

        One of facts that were read for it, or may be out of date, may be kept, and is asked for again each time.
        """
        if answer.errors or not answer.executed or len(body) > _LARGEST_TAGGED:
            return [NO_STORE]
        tags = self._tags(answer)
        if method != "GET":
            return [self.cache_control(answer.lasting()), *tags]
        if tags and len(tags[0][1]) > _LONGEST_TAGS:
            # Nothing could purge it from caches.
            return [NO_STORE]
        fresh = [self.cache_control(answer.lasting()), *tags]
        vary = _VARY_PUBLIC if self.is_public else _VARY_PRIVATE
        return [*fresh, (b"etag", _tag_of(answer, body, media_type)), (b"vary", vary)]

    def _tags(self, answer: Answer) -> list[Header]:
        tags = tags_of(answer.extensions) if self.tag_header else ()
        if not self.tag_header or not tags:
            return []
        divider = " " if self.tag_header in _DIVIDED_BY_SPACES else ","
        return [(self.tag_header, divider.join(tags).encode())]

    def cache_control(self, lasting: Lasting | None) -> Header:
        """How long an answer is fresh from now on: while its facts are believed, and no longer than a minute."""
        seconds = int(min(lasting.seconds(), LONGEST_SECONDS)) if lasting is not None else 0
        scope = b"public" if self.is_public else b"private"
        return b"cache-control", b"%b, max-age=%d" % (scope, seconds) if seconds > 0 else scope + b", no-cache"


def _tag_of(answer: Answer, body: bytes, media_type: bytes) -> bytes:
    """Weak, since what the answer says of its own making differs each time."""
    gateway = answer.extensions.get("gateway", {})
    digest = blake2b(memoryview(body)[: end_of_data(body, answer)], digest_size=16)
    digest.update(msgspec.json.encode([gateway.get(name) for name in _TOLD]))
    digest.update(media_type)
    return b'W/"%b"' % digest.hexdigest().encode()


def end_of_data(body: bytes, answer: Answer) -> int | None:
    """Where an answer's extensions begin, which stand last; None when they do not."""
    tail = b',"extensions":' + msgspec.json.encode(answer.extensions) + b"}"
    return len(body) - len(tail) if body.endswith(tail) else None


def condition_of(headers: Iterable[Header]) -> bytes | None:
    """The `If-None-Match` of a request; None where it has none."""
    conditions = [value for name, value in headers if name == b"if-none-match"]
    return b",".join(conditions) if conditions else None


def is_unmodified(condition: bytes | None, tag: bytes | None) -> bool:
    """Whether a client holds the answer of this tag already. Tags are compared weakly, as GET has it."""
    if condition is None or tag is None:
        return False
    held = [held_tag.strip() for held_tag in condition.split(b",")]
    return held == [b"*"] or tag.removeprefix(b"W/") in [held_tag.removeprefix(b"W/") for held_tag in held]


def fixed_headers(headers: Iterable[Header]) -> list[Header]:
    """Those headers of an answer to a GET that are the same for every answer of its operation."""
    return [header for header in headers if header[0] not in (b"cache-control", *_VALIDATORS, *TAG_HEADERS)]


def lasting_headers(headers: Sequence[Header]) -> list[Header]:
    """Those headers of an answer that stay as they are while it is kept: not how long it is fresh."""
    return [header for header in headers if header[0] != b"cache-control" or header == NO_STORE]


def validators_of(headers: Iterable[Header]) -> list[Header]:
    """Those headers that stand in a 304 too, but for Cache-Control."""
    return [header for header in headers if header[0] in _VALIDATORS]

"""What lies in a shared cache: by its bytes, and that nothing else is taken for it."""

from __future__ import annotations

import hashlib
import hmac
import zlib

import pytest

from gateway.caching.signer import Signer

SECRET = b"known to replicas"
NAME = "dbt-gateway:facts:ä"
MIB = 1024 * 1024
NOISE = hashlib.shake_128(b"noise").digest(8 * MIB)


def by_hand(body: bytes, kind: bytes = b"p", name: str = NAME, secret: bytes = SECRET, mark: bytes = b"dg1") -> bytes:
    """A value put together as it is documented here: mark, kind, signature of name, kind and body, body."""
    raw = name.encode()
    signed = len(raw).to_bytes(4, "big") + raw + len(kind).to_bytes(4, "big") + kind + body
    return mark + kind + hmac.new(secret, signed, hashlib.sha256).digest() + body


@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 4_096, NOISE[:4_096]], ids=["none", "one", "even", "noise"])
def test_a_value_is_signed_under_its_name(payload: bytes) -> None:
    value = Signer(SECRET).close(NAME, payload)
    assert value == by_hand(payload)
    assert Signer(SECRET).open(NAME, value) == payload


@pytest.mark.parametrize("payload", [b"x" * 4_097, NOISE[:4_097], b"ab" * 500_000], ids=["even", "noise", "long"])
def test_a_large_value_is_compressed(payload: bytes) -> None:
    value = Signer(SECRET).close(NAME, payload)
    assert value is not None
    body = value[4 + 32 :]
    assert (zlib.decompress(body), value) == (payload, by_hand(body, b"z"))
    assert Signer(SECRET).open(NAME, value) == payload


OTHERS = {
    "nothing": b"",
    "the mark alone": b"dg1",
    "no signature": b"dg1p",
    "another name": by_hand(b"abc", name="another"),
    "another secret": by_hand(b"abc", secret=b"another"),
    "another mark": by_hand(b"abc", mark=b"dg2"),
    "another body": by_hand(b"abc")[:-1] + b"d",
    "a longer body": by_hand(b"abc") + b"d",
    "a shorter body": by_hand(b"abc")[:-1],
    "plain, said to be compressed": by_hand(zlib.compress(b"abc")).replace(b"dg1p", b"dg1z", 1),
    "compressed, said to be plain": by_hand(zlib.compress(b"abc"), b"z").replace(b"dg1z", b"dg1p", 1),
    "compressed, but is not": by_hand(b"abc", b"z"),
    "compressed, but cut short": by_hand(zlib.compress(b"abc")[:-3], b"z"),
    "part of the name in the body": by_hand(b"abc", name=NAME[:-1]),
}


@pytest.mark.parametrize("value", OTHERS.values(), ids=OTHERS)
def test_nothing_else_is_taken_for_one(value: bytes) -> None:
    assert Signer(SECRET).open(NAME, value) is None


def test_each_bit_counts() -> None:
    value = by_hand(b"abc")
    for place in range(len(value)):
        harmed = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        assert Signer(SECRET).open(NAME, harmed) is None


def test_what_is_larger_than_the_bounds_is_not_shared() -> None:
    assert Signer(SECRET, most_bytes=100).close(NAME, b"x" * 100) is not None
    assert Signer(SECRET, most_bytes=100).close(NAME, b"x" * 101) is None
    assert Signer(SECRET, most_unfolded=5_000).close(NAME, b"x" * 5_000) is not None
    assert Signer(SECRET, most_unfolded=5_000).close(NAME, b"x" * 5_001) is None


def test_what_unfolds_beyond_the_bound_is_not_taken() -> None:
    """However it came there: nobody is to unfold gigabytes of zeros."""
    for size in (4_999, 5_000, 5_001, 1_000_000):
        value = by_hand(zlib.compress(b"x" * size, 1), b"z")
        assert Signer(SECRET, most_unfolded=5_000).open(NAME, value) == (b"x" * size if size <= 5_000 else None)


@pytest.mark.slow
def test_eight_mebibytes_may_lie_there_and_sixty_four_unfold() -> None:
    zeros = bytes(64 * MIB)
    value = Signer(SECRET).close(NAME, zeros)
    assert value is not None
    assert Signer(SECRET).open(NAME, value) == zeros
    assert Signer(SECRET).close(NAME, zeros + b"0") is None
    # What cannot be compressed grows by a few bytes for each of its blocks.
    length = 8 * MIB - 20_000
    while (over := len(zlib.compress(NOISE[:length], 1)) - 8 * MIB) > 0 or over < -5:
        length -= over
    assert Signer(SECRET).close(NAME, NOISE[:length]) is not None
    assert Signer(SECRET).close(NAME, NOISE[: length + 6]) is None


def test_the_secret_is_not_shown() -> None:
    assert "known" not in repr(Signer(SECRET))

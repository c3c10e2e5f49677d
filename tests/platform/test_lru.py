"""The small memory: bounded by weight, one value per key, the latest version of it."""

from __future__ import annotations

import pytest

from gateway.concurrency.bounded_map import BoundedMap


def test_values_are_kept_until_others_need_the_room() -> None:
    kept: BoundedMap[str] = BoundedMap(2)
    for key in ("a", "b", "a", "c"):
        assert kept.get(key, key.upper) == key.upper()
    assert kept.get("a", lambda: "computed anew") == "A"
    assert kept.get("b", lambda: "computed anew") == "computed anew"


def test_a_newer_version_takes_the_place_of_the_older() -> None:
    kept: BoundedMap[list[int]] = BoundedMap(10, len)
    for version in range(100):
        assert kept.get("rows", lambda version=version: [version] * 4, version) == [version] * 4
    assert kept.get("other", lambda: [0] * 6) == [0] * 6
    assert kept.get("rows", list, 99) == [99] * 4


def test_what_weighs_more_than_there_is_room_drives_out_the_rest_alone() -> None:
    kept: BoundedMap[list[int]] = BoundedMap(10, len)
    kept.get("small", lambda: [1])
    kept.get("large", lambda: [0] * 1000)
    assert kept.get("large", list) == [0] * 1000
    assert kept.get("small", lambda: [2]) == [2]


def test_nothing_is_kept_of_a_failure() -> None:
    def fail() -> int:
        raise RuntimeError("not now")

    kept: BoundedMap[int] = BoundedMap(2)
    with pytest.raises(RuntimeError, match="not now"):
        kept.get("key", fail)
    assert kept.get("key", lambda: 5) == 5

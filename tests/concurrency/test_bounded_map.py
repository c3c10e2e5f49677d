"""The bounded map: bounded by weight, one value per key, the least recently used leaves first."""

from __future__ import annotations

import pytest

from gateway.concurrency.bounded_map import BoundedMap, ComputedMap


def test_values_are_kept_until_others_need_the_room() -> None:
    kept: ComputedMap[str] = ComputedMap(2)
    for key in ("a", "b", "a", "c"):
        assert kept.get(key, key.upper) == key.upper()
    assert kept.get("a", lambda: "computed anew") == "A"
    assert kept.get("b", lambda: "computed anew") == "computed anew"


def test_a_newer_version_takes_the_place_of_the_older() -> None:
    kept: ComputedMap[list[int]] = ComputedMap(10, len)
    for version in range(100):
        assert kept.get("rows", lambda version=version: [version] * 4, version) == [version] * 4
    assert kept.get("other", lambda: [0] * 6) == [0] * 6
    assert kept.get("rows", list, 99) == [99] * 4


def test_what_weighs_more_than_there_is_room_drives_out_the_rest_alone() -> None:
    kept: ComputedMap[list[int]] = ComputedMap(10, len)
    kept.get("small", lambda: [1])
    kept.get("large", lambda: [0] * 1000)
    assert kept.get("large", list) == [0] * 1000
    assert kept.get("small", lambda: [2]) == [2]


def test_nothing_is_kept_of_a_failure() -> None:
    def fail() -> int:
        raise RuntimeError("not now")

    kept: ComputedMap[int] = ComputedMap(2)
    with pytest.raises(RuntimeError, match="not now"):
        kept.get("key", fail)
    assert kept.get("key", lambda: 5) == 5


def test_the_least_recently_used_leaves_first_and_is_handed_over() -> None:
    kept: BoundedMap[str, int] = BoundedMap(2)
    assert kept.put("a", 1) == []
    assert kept.put("b", 2) == []
    assert (kept.get("a"), kept.peek("b")) == (1, 2)
    assert kept.put("c", 3) == [2], "to be looked at is no use"
    assert list(kept.items()) == [("a", 1), ("c", 3)]
    assert kept.put("a", 4) == [1], "the value before leaves as well"
    assert list(kept.keys()) == ["c", "a"]


def test_weights_are_counted_through_every_change() -> None:
    kept: BoundedMap[str, str] = BoundedMap(10, lambda key, value: len(key) + len(value))
    kept.put("a", "aaa")
    kept.put("b", "bbb")
    assert kept.weight == 8
    assert kept.put("b", "b") == ["bbb"]
    assert kept.weight == 6
    assert kept.put("c", "cccc") == ["aaa"]
    assert (kept.weight, kept.pop("c"), kept.weight, kept.pop("c")) == (7, "cccc", 2, None)
    assert kept.put("d", "d" * 100) == ["b"], "the last one stays, however large"
    assert (kept.weight, len(kept)) == (101, 1)
    kept.clear()
    assert (kept.weight, len(kept), "d" in kept) == (0, 0, False)

"""The counts by which answers made before a change are found outdated."""

from __future__ import annotations

from gateway.caching.generations import ACCOUNT, Generations


def test_every_change_of_an_environment_shows_in_its_count_and_in_the_total() -> None:
    counted = Generations()
    seen, totals = [counted.of([7, 9, ACCOUNT])], [counted.total]
    for changed in ([7], [7], [9, 7], [ACCOUNT], [9, 9]):
        counted.advance(changed)
        seen.append(counted.of({ACCOUNT, 9, 7}))
        totals.append(counted.total)
    assert len(set(seen)) == len(seen)
    assert sorted(set(totals)) == totals
    account, of_7, of_9 = zip(*seen, strict=True)
    assert (account, of_7, of_9) == ((0, 0, 0, 0, 1, 1), (0, 1, 2, 3, 3, 3), (0, 0, 0, 1, 1, 2))


def test_a_change_elsewhere_leaves_an_environment_as_it_was() -> None:
    counted = Generations()
    counted.advance([1])
    before = counted.of([1, 2])
    counted.advance([3])
    assert counted.of([1, 2]) == before
    assert counted.of([2]) == counted.of([4])

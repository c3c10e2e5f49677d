"""Builds that changed nothing, against the definition worked out build by build over small random histories."""

from __future__ import annotations

from random import Random

import pytest

from gateway.analysis.waste import Build, Parents, SourceCheck, WasteCertainty, wasted_builds

SOURCE = "source.s.raw"


def build(name: str, run: int, start: float, *, code: object = "a", seconds: float = 1.0, **more: bool) -> Build:
    return Build(name, run, start, start + seconds, code, 1, **more)


def of(builds: list[Build], checks: list[SourceCheck], parents: Parents) -> list[str | None]:
    return [None if one is None else one.value for one in wasted_builds(builds, {1: parents}, checks)]


ONE_SOURCE: Parents = {"model.s.a": [SOURCE], "model.s.b": ["model.s.a"]}


def test_a_build_over_a_source_that_stood_still_is_wasted_for_certain() -> None:
    builds = [
        build("model.s.a", 1, 10),
        build("model.s.b", 1, 11),
        build("model.s.a", 2, 30),
        build("model.s.b", 2, 31),
    ]
    checks = [SourceCheck(SOURCE, 5, 1.0), SourceCheck(SOURCE, 25, 1.0)]
    assert of(builds, checks, ONE_SOURCE) == [None, None, "CERTAIN", "CERTAIN"]
    assert of(builds, checks[:1], ONE_SOURCE) == [None, None, "LIKELY", None], (
        "what may have changed counts as a change"
    )
    moved = [checks[0], SourceCheck(SOURCE, 25, 2.0)]
    assert of(builds, moved, ONE_SOURCE) == [None, None, None, None]


def test_new_code_a_full_refresh_and_unknown_code_are_never_wasted() -> None:
    still: Parents = {"model.s.a": []}
    first, again = build("model.s.a", 1, 10), build("model.s.a", 2, 30)
    assert of([first, again], [], still) == [None, "CERTAIN"]
    assert of([first, build("model.s.a", 2, 30, code="b")], [], still) == [None, None]
    assert of([first, build("model.s.a", 2, 30, refresh=True)], [], still) == [None, None]
    assert of([build("model.s.a", 1, 10, code=None), build("model.s.a", 2, 30, code=None)], [], still) == [None, None]


def test_two_runs_that_build_it_at_once() -> None:
    builds = [build("model.s.a", 1, 10, seconds=30), build("model.s.a", 2, 30), build("model.s.a", 3, 60)]
    assert of(builds, [], ONE_SOURCE) == [None, "CONCURRENT", "LIKELY"]


def test_a_circle_of_parents_ends() -> None:
    circle: Parents = {"model.s.a": ["model.s.b"], "model.s.b": ["model.s.a"]}
    builds = [build("model.s.a", 1, 1), build("model.s.b", 1, 2), build("model.s.a", 2, 5)]
    assert of(builds, [], circle) == [None, None, None]


@pytest.mark.parametrize("seed", range(150))
def test_as_the_definition_says(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    names = [f"model.s.{letter}" for letter in "abcde"]
    sources = ["source.s.x", "source.s.y"]
    parents = {
        name: chance.sample([*names[:place], *sources], chance.randint(0, min(2, place + 2)))
        for place, name in enumerate(names)
    }
    builds = [
        Build(
            chance.choice(names),
            run,
            start := float(chance.randint(0, 40)),
            start + chance.choice([0, 1, 6]),
            chance.choice("aaab"),
            1,
            chance.random() < 0.1,
        )
        for run in range(25)
    ]
    checks = [
        SourceCheck(chance.choice(sources), float(chance.randint(-5, 40)), float(chance.randint(0, 1)))
        for _ in range(chance.randint(0, 25))
    ]
    checks = list({(one.unique_id, one.time): one for one in checks}.values())
    expected = Definition(builds, parents, checks)
    assert wasted_builds(builds, {1: parents}, checks) == [expected.certainty(place) for place in range(len(builds))]


class Definition:
    """The words of the documentation, each looked up anew in all builds and checks."""

    def __init__(self, builds: list[Build], parents: Parents, checks: list[SourceCheck]) -> None:
        self.builds, self.parents, self.checks = builds, parents, checks
        self.known: dict[int, WasteCertainty | None] = {}

    def ancestors(self, name: str) -> set[str]:
        return {up for parent in self.parents.get(name, ()) for up in {parent, *self.ancestors(parent)}}

    def order(self, place: int) -> tuple[float, int, str, int]:
        one = self.builds[place]
        return one.start, len(self.ancestors(one.unique_id)), one.unique_id, one.run_id

    def certainty(self, place: int) -> WasteCertainty | None:
        if place not in self.known:
            self.known[place] = self._certainty(place)
        return self.known[place]

    def _certainty(self, place: int) -> WasteCertainty | None:
        one = self.builds[place]
        earlier = [n for n in range(len(self.builds)) if self.order(n) < self.order(place)]
        same = [n for n in earlier if self.builds[n].unique_id == one.unique_id]
        if not same or one.refresh:
            return None
        before = self.builds[max(same, key=self.order)]
        if before.code != one.code:
            return None
        if before.end > one.start:
            return WasteCertainty.CONCURRENT
        upstream = self.ancestors(one.unique_id)
        for n in earlier:
            touched = self.builds[n].unique_id in upstream and self.builds[n].end > before.start
            if touched and self.certainty(n) is not WasteCertainty.CERTAIN:
                return None
        stood_still = [self.stood_still(source, before.start, one.start) for source in upstream & {*SOURCES}]
        if False in stood_still:
            return None
        return WasteCertainty.LIKELY if None in stood_still else WasteCertainty.CERTAIN

    def stood_still(self, source: str, before: float, now: float) -> bool | None:
        told = [
            max((c for c in self.checks if c.unique_id == source and c.time <= at), key=lambda c: c.time, default=None)
            for at in (before, now)
        ]
        if told[0] is None or told[1] is None or told[0] is told[1]:
            return None
        return told[0].max_loaded_at == told[1].max_loaded_at


SOURCES = ("source.s.x", "source.s.y")
